// A batch, from the data set that lies in device memory.

// gather_u8: y[b,...] = x[order[cursor+b],...], for samples of any type.
//
//   y       u8  [B,size]   size = bytes of one sample
//   x       u8  [M,size]
//   order   i32 [K]        values 0 … M−1
//   cursor  i64 [1]        0 … K−B
//
// Work     one block per sample of the batch (B blocks); 256 threads, which
//          copy neighbouring bytes: pictures of any size, labels and boxes all
//          go through one kernel, and a batch is small beside a step's traffic
// Shared   none        Registers  ≤ 40, checked by the build
// Traffic  B samples once in and once out
// Bound    memory; not yet run on a GPU
// Exact    yes, equal to kernels/ref/gather.go
extern "C" __global__ void __launch_bounds__(256) gather_u8(u8 *y, const u8 *x, const i32 *order, const i64 *cursor, i64 size) {
  const u8 *from = x + order[*cursor + blockIdx.x] * size;
  u8 *to = y + blockIdx.x * size;
  for (i64 i = threadIdx.x; i < size; i += blockDim.x) {
    to[i] = from[i];
  }
}

// normalize_f32: y = (x/255 − mean[c]) / std[c], looked up.
//
//   y      f32 [N,H,W,C]
//   x      u8  [N,H,W,C]
//   table  f32 [C,256]      what each byte of each channel becomes
//   size   H·W·C, below 2³¹
//
// Work     one block per picture (N blocks); 256 threads, one value at a time
// Shared   none        Registers  ≤ 40, checked by the build
// Traffic  x once in, y once out: 5 bytes a value; the table stays in cache
// Bound    memory; not yet run on a GPU
// Exact    yes, equal to kernels/ref/gather.go once that is rounded to f32
extern "C" __global__ void __launch_bounds__(256) normalize_f32(float *y, const u8 *x, const float *table, i64 size, i64 C) {
  const i64 picture = blockIdx.x * size;
  for (i64 i = threadIdx.x; i < size; i += blockDim.x) {
    const i32 c = (i32)i % (i32)C;
    y[picture + i] = table[c * 256 + x[picture + i]];
  }
}
