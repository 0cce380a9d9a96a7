// The end of a training step. The gate is open when loss and gradients are
// finite. The optimizer looks whether it would leave the finite numbers, and sets
// all its cells or none; record and tick take its flag as their gate.

// gate_part_f32: part[i,g] = 1 if block g saw only finite numbers in tensor i,
// else 0.
//
//   part   i32 [T,G]
//   arena  the memory that all tensors lie in
//   table  i64 [T,2]   for each tensor its offset in the arena, in bytes, and
//                      its number of elements, which are f32
//
// Work     blocks G × T, any G, T ≤ 65535; 256 threads; grid-stride through a
//          tensor
// Shared   128 bytes   Registers  ≤ 40, checked by the build
// Traffic  each tensor once in
// Bound    memory; not yet run on a GPU
// Exact    yes: a block's sum counts threads
extern "C" __global__ void __launch_bounds__(256) gate_part_f32(i32 *part, const char *arena, const i64 *table) {
  const i64 *tensor = table + 2 * blockIdx.y;
  const float *x = (const float *)(arena + tensor[0]);
  const i64 n = tensor[1];
  float bad = 0;
  for (i64 i = thread_index(); i < n; i += thread_count()) {
    if (!isfinite(x[i])) bad = 1;
  }
  bad = block_sum(bad);
  if (threadIdx.x == 0) part[blockIdx.y * gridDim.x + blockIdx.x] = bad == 0;
}

// gate_all_i32: gate = 1 if all of part are 1, else 0.
//
//   gate  i32 [1]
//   part  i32 [n]   from gate_part_f32 or sgd_part_f32
//
// Work     one block; 256 threads
// Shared   128 bytes   Registers  ≤ 40, checked by the build
// Traffic  part once in
// Bound    latency: one block; not yet run on a GPU
// Exact    yes; with gate_part_f32 equal to Gate in kernels/ref/step.go
extern "C" __global__ void __launch_bounds__(256) gate_all_i32(i32 *gate, const i32 *part, i64 n) {
  float shut = 0;
  for (i64 i = threadIdx.x; i < n; i += blockDim.x) {
    if (part[i] == 0) shut = 1;
  }
  shut = block_sum(shut);
  if (threadIdx.x == 0) *gate = shut == 0;
}

// record_f32: ring[step mod n] = loss.
//
//   ring  f32 [n]
//   gate  i32 [1]
//   step  i64 [1]   ≥ 0
//   loss  f32 [1]
//
// Work     one thread
// Shared   none        Registers  ≤ 40, checked by the build
// Traffic  a few words
// Bound    latency: one thread; not yet run on a GPU
// Exact    yes, equal to kernels/ref/step.go
extern "C" __global__ void record_f32(float *ring, const i32 *gate, const i64 *step, const float *loss, i64 n) {
  if (*gate) ring[*step % n] = *loss;
}

// tick_f32: step += 1; cursor += batch; scalars = table[min(step, rows−1)].
//
//   step     i64 [1]
//   cursor   i64 [1]
//   scalars  f32 [K]
//   gate     i32 [1]
//   table    f32 [rows,K]
//
// Work     one block; 32 threads
// Shared   none        Registers  ≤ 40, checked by the build
// Traffic  one row of the table
// Bound    latency: one block; not yet run on a GPU
// Exact    yes, equal to kernels/ref/step.go
extern "C" __global__ void __launch_bounds__(256)
    tick_f32(i64 *step, i64 *cursor, float *scalars, const i32 *gate, const float *table, i64 rows, i64 K, i64 batch) {
  if (*gate == 0) return;
  const i64 next = *step + 1;
  const float *row = table + (next < rows ? next : rows - 1) * K;
  for (i64 k = threadIdx.x; k < K; k += blockDim.x) scalars[k] = row[k];
  __syncthreads(); // every thread has read the step
  if (threadIdx.x == 0) {
    *step = next;
    *cursor += batch;
  }
}

// An update is what an element of a parameter and its momentum become.
struct update {
  float p, v;
};

static __device__ update sgd_update(float p, float dp, float v, float lr, float momentum, float decay, i64 nesterov) {
  const float d = dp + decay * p;
  const float moved = momentum * v + d;
  return {p - lr * (nesterov ? d + momentum * moved : moved), moved};
}

// sgd_part_f32: part[i,g] = 1 if the gate is open and block g saw that sgd_f32
// would leave parameter i finite, else 0. It looks at the new p alone, which a v
// that is NaN or infinite spoils at any rate, even 0.
//
//   part     i32 [T,G]
//   arena    the memory that all tensors lie in
//   table    i64 [T,4]   for each parameter the offsets of p, dp and v in the
//                        arena, in bytes, and the number of elements, all f32
//   gate     i32 [1]
//   scalars  f32 [K]
//   lr momentum decay    columns of the scalars
//   nesterov             0 or 1
//
// Work     blocks G × T, any G, T ≤ 65535; 256 threads; grid-stride through a
//          parameter
// Shared   128 bytes   Registers  ≤ 40, checked by the build
// Traffic  p, dp and v once in: 12 bytes an element
// Bound    memory; not yet run on a GPU
// Exact    yes, for what sgd_f32 gives: a block's sum counts threads
extern "C" __global__ void __launch_bounds__(256)
    sgd_part_f32(i32 *part, const char *arena, const i64 *table, const i32 *gate, const float *scalars, i64 lr, i64 momentum, i64 decay, i64 nesterov) {
  const i64 *tensor = table + 4 * blockIdx.y;
  const float *p = (const float *)(arena + tensor[0]);
  const float *dp = (const float *)(arena + tensor[1]);
  const float *v = (const float *)(arena + tensor[2]);
  const i64 n = *gate ? tensor[3] : 0;
  const float rate = scalars[lr], keep = scalars[momentum], shrink = scalars[decay];

  float bad = *gate == 0;
  for (i64 i = thread_index(); i < n; i += thread_count()) {
    if (!isfinite(sgd_update(p[i], dp[i], v[i], rate, keep, shrink, nesterov).p)) bad = 1;
  }
  bad = block_sum(bad);
  if (threadIdx.x == 0) part[blockIdx.y * gridDim.x + blockIdx.x] = bad == 0;
}

// sgd_f32: stochastic gradient descent with momentum, for many parameters:
//
//   d = dp + decay·p
//   v = momentum·v + d
//   p = p − lr·(nesterov: d + momentum·v, else v)
//
//   arena    the memory that all tensors lie in; p and v are overwritten
//   table    i64 [T,4]   for each parameter the offsets of p, dp and v in the
//                        arena, in bytes, and the number of elements, all f32
//   applied  i32 [1]     from gate_all_i32 and sgd_part_f32
//   scalars  f32 [K]
//   lr momentum decay    columns of the scalars
//   nesterov             0 or 1
//
// Work     blocks G × T, any G, T ≤ 65535; 256 threads; grid-stride through a
//          parameter
// Shared   none        Registers  ≤ 40, checked by the build
// Traffic  p, dp and v once in, p and v once out: 20 bytes an element
// Bound    memory; not yet run on a GPU
// Exact    no: kernels/ref/step.go's operations in its order, each rounded to
//          f32
extern "C" __global__ void __launch_bounds__(256)
    sgd_f32(char *arena, const i64 *table, const i32 *applied, const float *scalars, i64 lr, i64 momentum, i64 decay, i64 nesterov) {
  if (*applied == 0) return;
  const i64 *tensor = table + 4 * blockIdx.y;
  float *p = (float *)(arena + tensor[0]);
  const float *dp = (const float *)(arena + tensor[1]);
  float *v = (float *)(arena + tensor[2]);
  const i64 n = tensor[3];
  const float rate = scalars[lr], keep = scalars[momentum], shrink = scalars[decay];

  for (i64 i = thread_index(); i < n; i += thread_count()) {
    const update next = sgd_update(p[i], dp[i], v[i], rate, keep, shrink, nesterov);
    p[i] = next.p;
    v[i] = next.v;
  }
}
