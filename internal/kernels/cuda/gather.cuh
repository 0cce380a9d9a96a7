// A batch, from the data set that lies in device memory. T is f32, bf16 or f16.

// gather_u8: y[b,...] = x[order[cursor+b],...] for many tensors, of samples of any type.
//
//   arena   the memory that all tensors lie in; y are overwritten
//   table   i64 [T,3]   for each tensor the offsets of y and x in the arena, and the
//                       size of one sample, all in bytes
//   order   i32 [K]     values of 0 and more, below the samples of each x
//   cursor  i64 [1]     0 … K−B
//
// Work     one block per sample of the batch and tensor (B × T blocks); 256 threads,
//          which copy 16 bytes at a time where samples are whole ones, else bytes
// Shared   none        Registers  in resources.txt, checked by the build
// Traffic  B samples once in and once out
// Bound    memory; not yet run on a GPU
// Exact    yes, equal to kernels/ref/gather.go
extern "C" __global__ void __launch_bounds__(256) gather_u8(char *arena, const i64 *table, const i32 *order, const i64 *cursor) {
  const i64 *tensor = table + 3 * blockIdx.y;
  const i64 size = tensor[2];
  char *to = arena + tensor[0] + blockIdx.x * size;
  const char *from = arena + tensor[1] + order[*cursor + blockIdx.x] * size;
  if (size % 16 == 0) {
    for (i64 i = threadIdx.x; i < size / 16; i += blockDim.x) ((pack<u32, 4> *)to)[i] = ((const pack<u32, 4> *)from)[i];
    return;
  }
  for (i64 i = threadIdx.x; i < size; i += blockDim.x) to[i] = from[i];
}

template <class T> static __device__ void normalize(T *y, const u8 *x, const float *table, i64 size, i64 C) {
  const i64 picture = blockIdx.x * size;
  for (i64 i = threadIdx.x; i < size; i += blockDim.x) {
    const i32 c = (i32)i % (i32)C;
    store(y[picture + i], table[c * 256 + x[picture + i]]);
  }
}

// normalize_T: y = (x/255 − mean[c]) / std[c], looked up.
//
//   y      T   [N,H,W,C]
//   x      u8  [N,H,W,C]
//   table  f32 [C,256]      what each byte of each channel becomes
//   size   H·W·C, below 2³¹
//
// Work     one block per picture (N blocks); 256 threads, one value at a time
// Shared   none        Registers  in resources.txt, checked by the build
// Traffic  x once in, y once out; the table stays in cache
// Bound    memory; not yet run on a GPU
// Exact    yes, equal to kernels/ref/gather.go once that is rounded to f32 and to T
extern "C" __global__ void __launch_bounds__(256) normalize_f32(float *y, const u8 *x, const float *table, i64 size, i64 C) {
  normalize(y, x, table, size, C);
}
extern "C" __global__ void __launch_bounds__(256) normalize_bf16(bf16 *y, const u8 *x, const float *table, i64 size, i64 C) {
  normalize(y, x, table, size, C);
}
extern "C" __global__ void __launch_bounds__(256) normalize_f16(f16 *y, const u8 *x, const float *table, i64 size, i64 C) {
  normalize(y, x, table, size, C);
}
