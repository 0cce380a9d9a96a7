// The end of a training step. The gate is open when loss and gradients are
// finite. The optimizer looks whether it would leave the finite numbers, and sets
// all its cells or none; record and tick take its flag as their gate.

// unscaled is what gradients are multiplied with: scale is a power of two whose inverse
// is exact, or null for 1.
static __device__ float unscaled(const float *scale) { return scale ? 1 / *scale : 1; }

// gate_part_f32: part[i] = 1 if piece i holds only finite numbers, else 0. Where there
// is one piece, that is the gate.
//
//   part   i32 [T]
//   arena  the memory that all tensors lie in
//   table  i64 [T,2]   for each piece of a tensor its offset in the arena, in bytes,
//                      and its number of elements, which are f32
//
// Work     one block per piece (T blocks); 256 threads
// Shared   128 bytes   Registers  in resources.txt, checked by the build
// Traffic  each tensor once in
// Bound    memory; not yet run on a GPU
// Exact    yes: a block's sum counts threads
extern "C" __global__ void __launch_bounds__(256) gate_part_f32(i32 *part, const char *arena, const i64 *table) {
  const i64 *piece = table + 2 * blockIdx.x;
  const float *x = (const float *)(arena + piece[0]);
  float bad = 0;
  for (i64 i = threadIdx.x; i < piece[1]; i += blockDim.x) {
    if (!isfinite(x[i])) bad = 1;
  }
  bad = block_sum(bad);
  if (threadIdx.x == 0) part[blockIdx.x] = bad == 0;
}

// all_open reports to every thread of a block whether all of part are 1.
static __device__ bool all_open(const i32 *part, i64 n) {
  float shut = 0;
  for (i64 i = threadIdx.x; i < n; i += blockDim.x) {
    if (part[i] == 0) shut = 1;
  }
  return block_sum(shut) == 0;
}

// gate_all_i32: gate = 1 if all of part are 1, else 0.
//
//   gate  i32 [1]
//   part  i32 [n]   from gate_part_f32
//
// Work     one block; 256 threads
// Shared   128 bytes   Registers  in resources.txt, checked by the build
// Traffic  part once in
// Bound    latency: one block; not yet run on a GPU
// Exact    yes; with gate_part_f32 equal to Gate in kernels/ref/step.go
extern "C" __global__ void __launch_bounds__(256) gate_all_i32(i32 *gate, const i32 *part, i64 n) {
  const bool open = all_open(part, n);
  if (threadIdx.x == 0) *gate = open;
}

// record_f32: ring[step mod n] = loss.
//
//   ring  f32 [n]
//   gate  i32 [1]
//   step  i64 [1]   ≥ 0
//   loss  f32 [1]
//
// Work     one thread of 32
// Shared   none        Registers  in resources.txt, checked by the build
// Traffic  a few words
// Bound    latency: one thread; not yet run on a GPU
// Exact    yes, equal to kernels/ref/step.go
extern "C" __global__ void record_f32(float *ring, const i32 *gate, const i64 *step, const float *loss, i64 n) {
  if (threadIdx.x == 0 && *gate) ring[*step % n] = *loss;
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
// Shared   none        Registers  in resources.txt, checked by the build
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

// rescale_f32: ends a step that was applied or is to be skipped, and moves the scale
// of its loss:
//
//   applied:  a good step more; after growth of them in a row the scale doubles
//   else:     a skipped step more; the scale is halved
//
//   counted  i32 [1]   1; 0 where this is the patience-th step skipped in a row:
//                      then nothing is set
//   scale    f32 [1]   a power of two from 2⁻¹²⁶ to 2¹²⁶
//   tally    i64 [3]   good steps in a row, skipped ones in a row, skipped in all
//   applied  i32 [1]
//
// Work     one thread of 32
// Shared   none        Registers  in resources.txt, checked by the build
// Traffic  a few words
// Bound    latency: one thread; not yet run on a GPU
// Exact    yes, equal to kernels/ref/rescale.go
extern "C" __global__ void rescale_f32(i32 *counted, float *scale, i64 *tally, const i32 *applied, i64 growth, i64 patience) {
  if (threadIdx.x != 0) return;
  const bool diverged = *applied == 0 && tally[1] + 1 >= patience;
  *counted = !diverged;
  if (diverged) return;
  if (*applied == 0) {
    tally[0] = 0;
    tally[1]++;
    tally[2]++;
    *scale = fmaxf(*scale / 2, 0x1p-126f);
    return;
  }
  tally[0]++;
  tally[1] = 0;
  if (tally[0] >= growth) {
    tally[0] = 0;
    *scale = fminf(*scale * 2, 0x1p126f);
  }
}
