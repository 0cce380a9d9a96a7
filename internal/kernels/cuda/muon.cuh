// Muon's steps for one parameter, but for its products of matrices. Squares are summed
// up in double precision: by each block its own, and these by each block that needs them.

// muon_direction_f32: moved = momentum·v + dp/scale, x = dp/scale + momentum·moved, and
// part[g] = the sum of the squares of x that block g made.
//
//   moved    f32 [n]     may be null
//   x        f32 [n]     may be null
//   part     f64 [G]     for each block
//   dp v     f32 [n]
//   scalars  f32 [K]     of which momentum is one
//   scale    f32 [1]     of the gradients; may be null
//
// Work     one thread per element; 256 threads; grid-stride
// Shared   256 bytes   Registers  in resources.txt, checked by the build
// Traffic  dp and v once in, moved and x once out: 16 bytes an element
// Bound    memory; not yet run on a GPU
// Exact    no: kernels/ref/muon.go's operations, each rounded to f32
extern "C" __global__ void __launch_bounds__(256)
    muon_direction_f32(float *moved, float *x, double *part, const float *dp, const float *v, const float *scalars, const float *scale, i64 n, i64 momentum) {
  const float keep = scalars[momentum], unscale = unscaled(scale);
  double sum = 0;
  for (i64 i = thread_index(); i < n; i += thread_count()) {
    const float g = dp[i] * unscale, next = keep * v[i] + g, ahead = g + keep * next;
    sum += (double)ahead * ahead;
    if (moved) moved[i] = next;
    if (x) x[i] = ahead;
  }
  sum = block_sum(sum);
  if (threadIdx.x == 0) part[blockIdx.x] = sum;
}

// sum_of is the sum of part [G], to every thread of a block.
static __device__ double sum_of(const double *part, i64 G) {
  double sum = 0;
  for (i64 g = threadIdx.x; g < G; g += blockDim.x) sum += part[g];
  return block_sum(sum);
}

// muon_unit_f32: x = x / (√Σpart + eps).
//
//   x     f32 [n]
//   part  f64 [G]   from muon_direction_f32
//   eps   the bits of an f64
//
// Work     one thread per element; 256 threads; grid-stride; each looks at all of part
// Shared   256 bytes   Registers  in resources.txt, checked by the build
// Traffic  x once in and out
// Bound    memory; not yet run on a GPU
// Exact    no: part is summed in another order than kernels/ref/muon.go's
extern "C" __global__ void __launch_bounds__(256) muon_unit_f32(float *x, const double *part, i64 G, i64 n, i64 eps) {
  const float length = (float)(sqrt(sum_of(part, G)) + double_of(eps));
  for (i64 i = thread_index(); i < n; i += thread_count()) x[i] /= length;
}

// muon_quintic_f32: y = a·I + b·s + c·t.
//
//   y s t  f32 [n,n]
//   a b c  the bits of f64s
//
// Work     one thread per element; 256 threads; grid-stride
// Shared   none        Registers  in resources.txt, checked by the build
// Traffic  s and t once in, y once out
// Bound    memory; not yet run on a GPU
// Exact    no: kernels/ref/muon.go's operations, each rounded to f32
extern "C" __global__ void __launch_bounds__(256) muon_quintic_f32(float *y, const float *s, const float *t, i64 n, i64 a, i64 b, i64 c) {
  const float whole = (float)double_of(a), first = (float)double_of(b), second = (float)double_of(c);
  for (i64 i = thread_index(); i < n * n; i += thread_count()) {
    const float sum = first * s[i] + second * t[i];
    y[i] = i / n == i % n ? sum + whole : sum;
  }
}

// muon_squares_f32: part[g] = the sum of the squares of x that block g looked at.
//
//   part  f64 [G]   for each block
//   x     f32 [n]
//
// Work     one thread per element; 256 threads; grid-stride
// Shared   256 bytes   Registers  in resources.txt, checked by the build
// Traffic  x once in
// Bound    memory; not yet run on a GPU
// Exact    no: summed in another order than kernels/ref/muon.go's
extern "C" __global__ void __launch_bounds__(256) muon_squares_f32(double *part, const float *x, i64 n) {
  double sum = 0;
  for (i64 i = thread_index(); i < n; i += thread_count()) sum += (double)x[i] * x[i];
  sum = block_sum(sum);
  if (threadIdx.x == 0) part[blockIdx.x] = sum;
}

// muon_moved_f32: y = p·√rows/√Σpart − lr·u.
//
//   y p u    f32 [n]
//   part     f64 [G]   from muon_squares_f32 of p
//   scalars  f32 [K]   of which lr is one
//
// Work     one thread per element; 256 threads; grid-stride; each looks at all of part
// Shared   256 bytes   Registers  in resources.txt, checked by the build
// Traffic  p and u once in, y once out
// Bound    memory; not yet run on a GPU
// Exact    no: part is summed in another order than kernels/ref/muon.go's
extern "C" __global__ void __launch_bounds__(256)
    muon_moved_f32(float *y, const float *p, const float *u, const double *part, const float *scalars, i64 G, i64 n, i64 rows, i64 lr) {
  const float factor = (float)(sqrt((double)rows) / sqrt(sum_of(part, G))), rate = scalars[lr];
  for (i64 i = thread_index(); i < n; i += thread_count()) y[i] = factor * p[i] - rate * u[i];
}

// An assigned is a row of a table of pieces: n numbers and where they come to lie, in
// bytes from the arena's beginning.
struct assigned {
  i64 to, from, n;
};

// assign_f32: sets cells to values, while the gate is open.
//
//   arena  the memory that all tensors lie in; cells are overwritten
//   table  i64 [T,3]   for each piece the offsets of cell and value, in bytes, and the
//                      number of elements, all f32
//   gate   i32 [1]
//
// Work     one block per piece (T blocks); 256 threads
// Shared   none        Registers  in resources.txt, checked by the build
// Traffic  values once in, cells once out
// Bound    memory; not yet run on a GPU
// Exact    yes
extern "C" __global__ void __launch_bounds__(256) assign_f32(char *arena, const assigned *table, const i32 *gate) {
  if (!*gate) return;
  const assigned piece = table[blockIdx.x];
  for (i64 i = threadIdx.x; i < piece.n; i += blockDim.x) {
    ((float *)(arena + piece.to))[i] = ((const float *)(arena + piece.from))[i];
  }
}
