// Optimizers, over many parameters in two launches: the first looks whether any number
// would leave the finite ones, the second sets all or nothing. Both go through a table
// with a row for each piece of a parameter, which one block works on.

// A momentum is a parameter's element and what SGD keeps of its gradients.
struct momentum {
  float p, v;
};

// An sgd_piece is a row of SGD's table.
struct sgd_piece {
  i64 p, dp, v; // offsets in the arena, in bytes
  i64 n;        // elements, all f32
  i64 lr, keep, decay; // columns of the scalars; keep is that of the momentum

  __device__ momentum next(const char *arena, const float *scalars, float unscale, i64 nesterov, i64 i) const {
    const float p = ((const float *)(arena + this->p))[i], v = ((const float *)(arena + this->v))[i];
    const float d = ((const float *)(arena + dp))[i] * unscale + scalars[decay] * p;
    const float moved = scalars[keep] * v + d;
    return {p - scalars[lr] * (nesterov ? d + scalars[keep] * moved : moved), moved};
  }
};

// sgd_part_f32: part[i] = 1 if the gate is open and sgd_f32 would leave piece i finite,
// else 0. It looks at the new p alone, which a v that is NaN or infinite spoils at any
// rate, even 0.
//
//   part     i32 [T]
//   arena    the memory that all tensors lie in
//   table    i64 [T,7]   as sgd_f32
//   gate     i32 [1]
//   scalars  f32 [K]
//   scale    f32 [1]     of the gradients; may be null
//   nesterov 0 or 1
//
// Work     one block per piece (T blocks); 256 threads
// Shared   128 bytes   Registers  in resources.txt, checked by the build
// Traffic  p, dp and v once in: 12 bytes an element
// Bound    memory; not yet run on a GPU
// Exact    yes, for what sgd_f32 gives: a block's sum counts threads
extern "C" __global__ void __launch_bounds__(256)
    sgd_part_f32(i32 *part, const char *arena, const sgd_piece *table, const i32 *gate, const float *scalars, const float *scale, i64 nesterov) {
  const sgd_piece piece = table[blockIdx.x];
  const i64 n = *gate ? piece.n : 0;
  const float unscale = unscaled(scale);
  float bad = *gate == 0;
  for (i64 i = threadIdx.x; i < n; i += blockDim.x) {
    if (!isfinite(piece.next(arena, scalars, unscale, nesterov, i).p)) bad = 1;
  }
  bad = block_sum(bad);
  if (threadIdx.x == 0) part[blockIdx.x] = bad == 0;
}

// sgd_f32: stochastic gradient descent with momentum:
//
//   d = dp/scale + decay·p
//   v = momentum·v + d
//   p = p − lr·(nesterov: d + momentum·v, else v)
//
//   applied  i32 [1]     1 if all of part are 1: then it sets p and v
//   arena    the memory that all tensors lie in; p and v are overwritten
//   table    i64 [T,7]   for each piece the offsets of p, dp and v in the arena, in
//                        bytes, the number of elements, all f32, and the columns of lr,
//                        momentum and decay
//   part     i32 [T]     from sgd_part_f32
//   scalars  f32 [K]
//   scale    f32 [1]     of the gradients; may be null
//   nesterov 0 or 1
//
// Work     one block per piece (T blocks); 256 threads; each looks at all of part
// Shared   128 bytes   Registers  in resources.txt, checked by the build
// Traffic  p, dp and v once in, p and v once out: 20 bytes an element
// Bound    memory; not yet run on a GPU
// Exact    no: kernels/ref/step.go's operations in its order, each rounded to f32
extern "C" __global__ void __launch_bounds__(256)
    sgd_f32(i32 *applied, char *arena, const sgd_piece *table, const i32 *part, const float *scalars, const float *scale, i64 T, i64 nesterov) {
  const bool open = all_open(part, T);
  if (blockIdx.x == 0 && threadIdx.x == 0) *applied = open;
  if (!open) return;
  const sgd_piece piece = table[blockIdx.x];
  const float unscale = unscaled(scale);
  for (i64 i = threadIdx.x; i < piece.n; i += blockDim.x) {
    const momentum next = piece.next(arena, scalars, unscale, nesterov, i);
    ((float *)(arena + piece.p))[i] = next.p;
    ((float *)(arena + piece.v))[i] = next.v;
  }
}

// Moments are a parameter's element and what AdamW keeps of its gradients.
struct moments {
  float p, m, v;
};

// An adamw_piece is a row of AdamW's table.
struct adamw_piece {
  i64 p, dp, m, v; // offsets in the arena, in bytes
  i64 n;           // elements, all f32
  i64 keep, rate, root; // columns of the scalars

  __device__ moments next(const char *arena, const float *scalars, float unscale, i64 beta1, i64 beta2, i64 eps, i64 i) const {
    const double b1 = double_of(beta1), b2 = double_of(beta2);
    const float p = ((const float *)(arena + this->p))[i], d = ((const float *)(arena + dp))[i] * unscale;
    const float m = (float)b1 * ((const float *)(arena + this->m))[i] + (float)(1 - b1) * d;
    const float v = (float)b2 * ((const float *)(arena + this->v))[i] + (float)(1 - b2) * (d * d);
    return {scalars[keep] * p - scalars[rate] * m / (scalars[root] * sqrtf(v) + (float)double_of(eps)), m, v};
  }
};

// adamw_part_f32: part[i] = 1 if the gate is open and adamw_f32 would leave piece i
// finite, else 0.
//
//   part     i32 [T]
//   arena    the memory that all tensors lie in
//   table    i64 [T,8]   as adamw_f32
//   gate     i32 [1]
//   scalars  f32 [K]
//   scale    f32 [1]     of the gradients; may be null
//   beta1 beta2 eps      the bits of f64s
//
// Work     one block per piece (T blocks); 256 threads
// Shared   128 bytes   Registers  in resources.txt, checked by the build
// Traffic  p, dp, m and v once in: 16 bytes an element
// Bound    memory; not yet run on a GPU
// Exact    yes, for what adamw_f32 gives: a block's sum counts threads
extern "C" __global__ void __launch_bounds__(256)
    adamw_part_f32(i32 *part, const char *arena, const adamw_piece *table, const i32 *gate, const float *scalars, const float *scale, i64 beta1, i64 beta2, i64 eps) {
  const adamw_piece piece = table[blockIdx.x];
  const i64 n = *gate ? piece.n : 0;
  const float unscale = unscaled(scale);
  float bad = *gate == 0;
  for (i64 i = threadIdx.x; i < n; i += blockDim.x) {
    const moments next = piece.next(arena, scalars, unscale, beta1, beta2, eps, i);
    if (!isfinite(next.p) || !isfinite(next.m) || !isfinite(next.v)) bad = 1; // an infinite v hides in p
  }
  bad = block_sum(bad);
  if (threadIdx.x == 0) part[blockIdx.x] = bad == 0;
}

// adamw_f32: Adam with decoupled weight decay:
//
//   d = dp/scale
//   m = beta1·m + (1−beta1)·d
//   v = beta2·v + (1−beta2)·d²
//   p = keep·p − rate·m / (root·√v + eps)
//
//   applied  i32 [1]     1 if all of part are 1: then it sets p, m and v
//   arena    the memory that all tensors lie in; p, m and v are overwritten
//   table    i64 [T,8]   for each piece the offsets of p, dp, m and v in the arena, in
//                        bytes, the number of elements, all f32, and the columns of
//                        keep, rate and root
//   part     i32 [T]     from adamw_part_f32
//   scalars  f32 [K]
//   scale    f32 [1]     of the gradients; may be null
//   beta1 beta2 eps      the bits of f64s
//
// Work     one block per piece (T blocks); 256 threads; each looks at all of part
// Shared   128 bytes   Registers  in resources.txt, checked by the build
// Traffic  p, dp, m and v once in, p, m and v once out: 28 bytes an element
// Bound    memory; not yet run on a GPU
// Exact    no: kernels/ref/step.go's operations in its order, each rounded to f32
extern "C" __global__ void __launch_bounds__(256)
    adamw_f32(i32 *applied, char *arena, const adamw_piece *table, const i32 *part, const float *scalars, const float *scale, i64 T, i64 beta1, i64 beta2, i64 eps) {
  const bool open = all_open(part, T);
  if (blockIdx.x == 0 && threadIdx.x == 0) *applied = open;
  if (!open) return;
  const adamw_piece piece = table[blockIdx.x];
  const float unscale = unscaled(scale);
  for (i64 i = threadIdx.x; i < piece.n; i += blockDim.x) {
    const moments next = piece.next(arena, scalars, unscale, beta1, beta2, eps, i);
    ((float *)(arena + piece.p))[i] = next.p;
    ((float *)(arena + piece.m))[i] = next.m;
    ((float *)(arena + piece.v))[i] = next.v;
  }
}
