// Gradients whose norm, that of all of them together, is held below a bound.

// clip_part_f32: part[i] = Σ(dp/scale)² of piece i.
//
//   part   f64 [T]
//   arena  the memory that all tensors lie in
//   table  i64 [T,3]   as clip_f32
//   scale  f32 [1]     of the gradients; may be null
//
// Work     one block per piece (T blocks); 256 threads
// Shared   256 bytes   Registers  in resources.txt, checked by the build
// Traffic  each gradient once in
// Bound    memory; not yet run on a GPU
// Exact    no: f64 sums of exact products, threads in ascending order, then block_sum's
extern "C" __global__ void __launch_bounds__(256) clip_part_f32(double *part, const char *arena, const i64 *table, const float *scale) {
  const i64 *piece = table + 3 * blockIdx.x;
  const float *dp = (const float *)(arena + piece[0]);
  const double unscale = unscaled(scale);
  double squares = 0;
  for (i64 i = threadIdx.x; i < piece[2]; i += blockDim.x) {
    const double v = dp[i] * unscale;
    squares += v * v;
  }
  squares = block_sum(squares);
  if (threadIdx.x == 0) part[blockIdx.x] = squares;
}

// clip_f32: y = dp/scale · min(1, most/(√Σpart + 10⁻⁶)), where NaN stays NaN.
//
//   arena  the memory that all tensors lie in; y is overwritten
//   table  i64 [T,3]   for each piece the offsets of dp and y in the arena, in bytes, and
//                      the number of elements, all f32; y is -1 if nobody reads it
//   part   f64 [T]     from clip_part_f32
//   scale  f32 [1]     of the gradients; may be null
//   most   the bits of an f64
//
// Work     one block per piece (T blocks); 256 threads; each adds up all of part
// Shared   256 bytes   Registers  in resources.txt, checked by the build
// Traffic  dp once in, y once out: 8 bytes an element
// Bound    memory; not yet run on a GPU
// Exact    no: the factor is f64, rounded once; then one f32 product
extern "C" __global__ void __launch_bounds__(256)
    clip_f32(char *arena, const i64 *table, const double *part, const float *scale, i64 T, i64 most) {
  double squares = 0;
  for (i64 i = threadIdx.x; i < T; i += blockDim.x) squares += part[i];
  squares = block_sum(squares);
  const i64 *piece = table + 3 * blockIdx.x;
  if (piece[1] < 0) return;
  const double shrunk = double_of(most) / (sqrt(squares) + 1e-6);
  const float factor = (float)((shrunk > 1 ? 1 : shrunk) * unscaled(scale));
  const float *dp = (const float *)(arena + piece[0]);
  float *y = (float *)(arena + piece[1]);
  for (i64 i = threadIdx.x; i < piece[2]; i += blockDim.x) y[i] = dp[i] * factor;
}
