// Kernels with one fault each, and kernels that show what a warp does together.

typedef int64_t i64;
typedef uint16_t u16;
typedef uint32_t u32;

// ---- faults ----

// put stores at one place.
extern "C" __global__ void put(float *y, i64 at) {
  if (threadIdx.x == 0) y[at] = 1;
}

// take loads from one place.
extern "C" __global__ void take(float *y, const float *x, i64 at) {
  if (threadIdx.x == 0) y[0] = x[at];
}

// A block's numbers, the other way round. It lacks a barrier.
extern "C" __global__ void reverse_unguarded(float *y) {
  __shared__ float s[64];
  s[threadIdx.x] = (float)threadIdx.x;
  y[threadIdx.x] = s[blockDim.x - 1 - threadIdx.x];
}

extern "C" __global__ void reverse(float *y) {
  __shared__ float s[64];
  s[threadIdx.x] = (float)threadIdx.x;
  __syncthreads();
  y[threadIdx.x] = s[blockDim.x - 1 - threadIdx.x];
}

// Only some threads come to the barrier.
extern "C" __global__ void barrier_for_some(float *y) {
  if (threadIdx.x < 16) __syncthreads();
  y[threadIdx.x] = 1;
}

// Two halves of a block stand at different barriers.
extern "C" __global__ void two_barriers(float *y) {
  if (threadIdx.x < 32) __syncthreads();
  else
    __syncthreads();
  y[threadIdx.x] = 1;
}

// A frame that no stack has room for.
extern "C" __global__ void deep(float *y) {
  volatile float big[48 << 10];
  for (int i = 0; i < 48 << 10; i++) big[i] = i;
  y[threadIdx.x] = big[threadIdx.x];
}

// Shared memory that nobody filled.
extern "C" __global__ void unfilled(float *y, i64 filled) {
  __shared__ float s[64];
  if (threadIdx.x == filled) s[filled] = 1;
  __syncthreads();
  y[threadIdx.x] = s[threadIdx.x];
}

// A copy that is waited for, or not.
extern "C" __global__ void copied(float *y, const float *x, i64 wait) {
  __shared__ __align__(16) float s[64];
  if (threadIdx.x < 16) standin::cp_async(s + 4 * threadIdx.x, x + 4 * threadIdx.x, 16);
  standin::cp_commit();
  if (wait) standin::cp_wait(0);
  __syncthreads();
  y[threadIdx.x] = s[threadIdx.x];
}

// A copy of 16 bytes, and a matrix, whose places are not aligned to 16.
extern "C" __global__ void copy_from(const float *x, i64 at) {
  __shared__ __align__(16) float s[8];
  standin::cp_async(s, x + at, 16);
}
extern "C" __global__ void copy_to(const float *x, i64 at) {
  __shared__ __align__(16) float s[8];
  standin::cp_async(s + at, x, 16);
}
extern "C" __global__ void load_rows(u32 *y, i64 at) {
  __shared__ __align__(16) u16 s[5 * 64];
  s[threadIdx.x] = 0;
  standin::ldmatrix(y + 4 * threadIdx.x, s + 8 * threadIdx.x + (threadIdx.x == 9 ? at : 0), 4, false);
}

extern "C" __global__ void divide(i64 *y, i64 a, i64 b) { y[threadIdx.x] = a / b; }

// A lane leaves before the warp multiplies.
extern "C" __global__ void lane_left(float *y) {
  if (threadIdx.x == 31) return;
  float d[4] = {};
  u32 a[4] = {}, b[2] = {};
  standin::mma_bf16(d, a, b, 1, 1);
  y[threadIdx.x] = d[0];
}

extern "C" __global__ void __launch_bounds__(64, 2) bounded(float *y) { y[threadIdx.x] = 1; }

// ---- what streams and graphs are tried with ----

extern "C" __global__ void fill(float *y, float v) { y[threadIdx.x] = v; }
extern "C" __global__ void add(float *y, const float *x) { y[threadIdx.x] += x[threadIdx.x]; }
extern "C" __global__ void scale(float *y, const float *x, float by) { y[threadIdx.x] = by * x[threadIdx.x]; }

// ---- a warp's work ----

// Fragments of d[16][8] += a[16][16]·b[16][8] as the PTX ISA has them for m16n8k16.
template <class MULTIPLY> static __device__ void product(float *d, const u16 *a, const u16 *b, MULTIPLY multiply) {
  const int group = threadIdx.x / 4, pair = threadIdx.x % 4 * 2;
  u32 left[4], right[2];
  float sum[4];
  for (int i = 0; i < 8; i += 2) {
    const int row = i < 2 || (i >= 4 && i < 6) ? group : group + 8, column = pair + (i < 4 ? 0 : 8);
    left[i / 2] = a[row * 16 + column] | (u32)a[row * 16 + column + 1] << 16;
  }
  for (int i = 0; i < 4; i += 2) {
    const int row = pair + (i < 2 ? 0 : 8);
    right[i / 2] = b[row * 8 + group] | (u32)b[(row + 1) * 8 + group] << 16;
  }
  for (int i = 0; i < 4; i++) sum[i] = d[(i < 2 ? group : group + 8) * 8 + pair + i % 2];
  multiply(sum, left, right);
  for (int i = 0; i < 4; i++) d[(i < 2 ? group : group + 8) * 8 + pair + i % 2] = sum[i];
}
extern "C" __global__ void product_bf16(float *d, const u16 *a, const u16 *b) {
  product(d, a, b, [](float *d, const u32 *a, const u32 *b) { standin::mma_bf16(d, a, b, 1, 1); });
}
extern "C" __global__ void product_f16(float *d, const u16 *a, const u16 *b) {
  product(d, a, b, [](float *d, const u32 *a, const u32 *b) { standin::mma_f16(d, a, b, 1, 1); });
}

// Four 8×8 matrices, one behind another; y[lane][register].
extern "C" __global__ void load_matrix(u32 *y, const u16 *x, i64 transposed) {
  __shared__ __align__(16) u16 s[4 * 64];
  for (int i = threadIdx.x; i < 4 * 64; i += 32) s[i] = x[i];
  __syncthreads();
  standin::ldmatrix(y + 4 * threadIdx.x, s + 8 * threadIdx.x, 4, transposed);
}

// A vote of those who are still there.
extern "C" __global__ void ballot_of_rest(u32 *y) {
  if (threadIdx.x % 8 == 7) return;
  y[threadIdx.x] = __ballot_sync(~0u, 1);
}

// y[what][lane]
extern "C" __global__ void exchange(int *y) {
  const int lane = threadIdx.x, v = 100 + lane, width = 16;
  y[0 * 32 + lane] = __shfl_xor_sync(~0u, v, 5);
  y[1 * 32 + lane] = __shfl_down_sync(~0u, v, 3, width);
  y[2 * 32 + lane] = __shfl_up_sync(~0u, v, 3, width);
  y[3 * 32 + lane] = __shfl_sync(~0u, v, 21, width);
  y[4 * 32 + lane] = __ballot_sync(~0u, lane % 3 == 0);
  y[5 * 32 + lane] = __any_sync(~0u, lane == 7) * 2 + __all_sync(~0u, lane < 31);
  y[6 * 32 + lane] = lane < 8 ? __ballot_sync(0xffu, lane % 2) : __ballot_sync(~0xffu, lane % 2); // two halves apart
}
