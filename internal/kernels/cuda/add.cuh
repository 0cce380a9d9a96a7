// Sums of tensors, and of a tensor's rows. T is f32, bf16 or f16.

template <class T> static __device__ void add(T *y, const T *a, const T *b, i64 n) {
  map<words<T>>(y, n, [](float a, float b) { return a + b; }, a, b);
}

// add_T: y = a + b.
//
//   y    T [n]
//   a b  T [n]
//
// Work     one thread per 16 bytes of each tensor, and for the rest per element;
//          256 threads; grid-stride
// Shared   none        Registers  in resources.txt, checked by the build
// Traffic  a and b once in, y once out
// Bound    memory; not yet run on a GPU
// Exact    yes, equal to kernels/ref/add.go once that is rounded to f32 and to T
extern "C" __global__ void __launch_bounds__(256) add_f32(float *y, const float *a, const float *b, i64 n) {
  add(y, a, b, n);
}
extern "C" __global__ void __launch_bounds__(256) add_bf16(bf16 *y, const bf16 *a, const bf16 *b, i64 n) {
  add(y, a, b, n);
}
extern "C" __global__ void __launch_bounds__(256) add_f16(f16 *y, const f16 *a, const f16 *b, i64 n) {
  add(y, a, b, n);
}

template <class T> static __device__ void channel_sum(float *y, const T *x, i64 M, i64 C, i64 span) {
  __shared__ float sums[8][32];
  const int lane = threadIdx.x % 32, part = threadIdx.x / 32;
  const i64 c = (i64)blockIdx.y * 32 + lane;
  const i64 begin = blockIdx.x * span;
  const i64 end = begin + span < M ? begin + span : M;

  float sum = 0;
  if (c < C) {
    for (i64 m = begin + part; m < end; m += 8) sum += load(x[m * C + c]);
  }
  sums[part][lane] = sum;
  __syncthreads();
  if (part == 0 && c < C) {
    for (int i = 1; i < 8; i++) sum += sums[i][lane];
    y[blockIdx.x * C + c] = sum;
  }
}

// channel_sum_T: y[g,c] = sum of x[m,c] over the rows m of group g, which are
// g·span … (g+1)·span − 1. The gradient of a bias takes two launches: the first
// with span = √M, rounded up, to partial sums, the second over these with all
// in one group.
//
//   y    f32 [G,C]   G = M/span, rounded up
//   x    T   [M,C]
//
// Work     blocks G × C/32, rounded up; 256 threads: 32 neighbouring channels
//          times 8, each of which adds up every eighth row of the group
// Shared   1 KiB       Registers  in resources.txt, checked by the build
// Traffic  x once in, y once out
// Bound    memory; not yet run on a GPU
// Exact    no: rows in steps of 8, then the 8 sums, each in ascending order
extern "C" __global__ void __launch_bounds__(256) channel_sum_f32(float *y, const float *x, i64 M, i64 C, i64 span) {
  channel_sum(y, x, M, C, span);
}
extern "C" __global__ void __launch_bounds__(256) channel_sum_bf16(float *y, const bf16 *x, i64 M, i64 C, i64 span) {
  channel_sum(y, x, M, C, span);
}
extern "C" __global__ void __launch_bounds__(256) channel_sum_f16(float *y, const f16 *x, i64 M, i64 C, i64 span) {
  channel_sum(y, x, M, C, span);
}
