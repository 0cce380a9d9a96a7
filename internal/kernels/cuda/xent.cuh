// Cross-entropy of softmax with the true classes: the loss, and its gradient.

// xent_row sets a row of dx, which may be null, by a warp, and returns the row's loss.
// The greatest score goes out of all of them, so that no exponential overflows. It
// skips NaNs; the sum that follows does not.
static __device__ float xent_row(float *dx, const float *row, i32 truth, const float *scale, i64 of, i64 C) {
  const i32 lane = threadIdx.x % 32;
  float greatest = -INFINITY;
  for (i64 c = lane; c < C; c += 32) greatest = fmaxf(greatest, row[c]);
  greatest = warp_max(greatest);
  float sum = 0;
  for (i64 c = lane; c < C; c += 32) sum += expf(row[c] - greatest);
  sum = warp_sum(sum);

  const float factor = scale ? *scale : 1; // a power of two
  for (i64 c = lane; dx && c < C; c += 32) {
    const float p = expf(row[c] - greatest) / sum;
    dx[c] = (c == truth ? p - 1 : p) / of * factor;
  }
  return logf(sum) + (greatest - row[truth]);
}

// xent_f32: for a small batch in one launch what xent_softmax_f32 and xent_mean_f32 do.
//
//   loss   f32 [1]     may be null
//   dx     f32 [N,C]   may be null
//   x      f32 [N,C]
//   t      i32 [N]     values 0 … C−1
//   scale  f32 [1]     may be null
//   of     as for xent_mean_f32
//
//   N ≤ 64
//
// Work     one block; 512 threads, a warp for every sixteenth row
// Shared   384 bytes   Registers  in resources.txt, checked by the build
// Traffic  x once in and twice more from cache, dx once out
// Bound    latency: one block; not yet run on a GPU
// Exact    no: as xent_softmax_f32; then block_sum's order
extern "C" __global__ void __launch_bounds__(512)
    xent_f32(float *loss, float *dx, const float *x, const i32 *t, const float *scale, i64 N, i64 C, i64 of) {
  __shared__ float rows[64];
  for (i64 n = threadIdx.x / 32; n < N; n += 16) {
    const float row = xent_row(dx ? dx + n * C : dx, x + n * C, t[n], scale, of, C);
    if (threadIdx.x % 32 == 0) rows[n] = row;
  }
  __syncthreads();
  const float sum = block_sum(threadIdx.x < N ? rows[threadIdx.x] : 0);
  if (loss && threadIdx.x == 0) *loss = sum / of;
}

// xent_softmax_f32: for each row n the loss log Σ_c exp x[n,c] − x[n,t[n]], and
// dx[n,c] = (softmax(x)[n,c] − [c = t[n]]) / of · scale.
//
//   rows  f32 [N]
//   dx    f32 [N,C]   may be null
//   x     f32 [N,C]
//   t     i32 [N]     values 0 … C−1
//   scale f32 [1]     a power of two; null stands for 1
//   of    as for xent_mean_f32
//
// Work     one warp per row; 128 threads; N/4 blocks, rounded up
// Shared   none        Registers  in resources.txt, checked by the build
// Traffic  x once in and twice more from cache, dx and rows once out
// Bound    latency: a batch's scores are few; not yet run on a GPU
// Exact    no: f32, and expf and logf, which are right to 2 units in the last
//          place. Lanes add up every 32nd score, then the warp adds up its lanes
extern "C" __global__ void __launch_bounds__(128)
    xent_softmax_f32(float *rows, float *dx, const float *x, const i32 *t, const float *scale, i64 N, i64 C, i64 of) {
  const i64 n = thread_index() / 32;
  if (n >= N) return; // a whole warp does
  const float row = xent_row(dx ? dx + n * C : dx, x + n * C, t[n], scale, of, C);
  if (threadIdx.x % 32 == 0) rows[n] = row;
}

// xent_soft_f32: what xent_softmax_f32 is for targets q in place of [c = t[n]]:
//
//   q[n,c] = (1 − smooth)·(w[n]·[c = t[n]] + (1 − w[n])·[c = u[n]]) + smooth / C
//
//   rows    f32 [N]     log Σ_c exp x[n,c] − Σ_c q[n,c]·x[n,c]
//   dx      f32 [N,C]   may be null
//   x       f32 [N,C]
//   t       i32 [N]     values 0 … C−1
//   u       i32 [N]     values 0 … C−1; null with w
//   w       f32 [N]     values 0 … 1; null stands for 1
//   scale   f32 [1]     a power of two; null stands for 1
//   smooth  the bits of an f64, 0 or more and less than 1
//   of      as for xent_mean_f32
//
// Work     one warp per row; 128 threads; N/4 blocks, rounded up
// Shared   none        Registers  in resources.txt, checked by the build
// Traffic  x once in and twice more from cache, dx and rows once out
// Bound    latency: a batch's scores are few; not yet run on a GPU
// Exact    no: expf is right to 2 units in the last place; sums, and what they are taken
//          from, are in f64, where a share of all classes would lose bits. Lanes add up
//          every 32nd score, then the warp adds up its lanes
extern "C" __global__ void __launch_bounds__(128)
    xent_soft_f32(float *rows, float *dx, const float *x, const i32 *t, const i32 *u, const float *w, const float *scale, i64 smooth, i64 N, i64 C, i64 of) {
  const i64 n = thread_index() / 32;
  const i32 lane = threadIdx.x % 32;
  if (n >= N) return; // a whole warp does
  const float *row = x + n * C;
  float greatest = -INFINITY;
  for (i64 c = lane; c < C; c += 32) greatest = fmaxf(greatest, row[c]);
  greatest = warp_max(greatest);

  const i32 first = t[n], second = w ? u[n] : first;
  const double share = double_of(smooth) / C, keep = 1 - double_of(smooth);
  const double of_first = w ? keep * w[n] : keep, of_second = keep - of_first;
  double sum = 0, below = 0;
  for (i64 c = lane; c < C; c += 32) {
    sum += expf(row[c] - greatest);
    const double q = share + (c == first ? of_first : 0) + (c == second ? of_second : 0);
    if (q != 0) below += q * ((double)greatest - row[c]);
  }
  sum = warp_sum(sum);
  below = warp_sum(below);

  const float factor = scale ? *scale : 1;
  for (i64 c = lane; dx && c < C; c += 32) {
    const double q = share + (c == first ? of_first : 0) + (c == second ? of_second : 0);
    dx[n * C + c] = (float)((expf(row[c] - greatest) / sum - q) / of) * factor;
  }
  if (lane == 0) rows[n] = (float)(log(sum) + below);
}

// xent_mean_f32: loss = Σ rows / of.
//
//   loss  f32 [1]
//   rows  f32 [N]
//   of    N, or the size of the batch of which the rows are a part
//
// Work     one block; 256 threads, each of which adds up every 256th row
// Shared   128 bytes   Registers  in resources.txt, checked by the build
// Traffic  rows once in
// Bound    latency: one block; not yet run on a GPU
// Exact    no: f32, threads in ascending order, then block_sum's
extern "C" __global__ void __launch_bounds__(256) xent_mean_f32(float *loss, const float *rows, i64 N, i64 of) {
  float sum = 0;
  for (i64 n = threadIdx.x; n < N; n += blockDim.x) sum += rows[n];
  sum = block_sum(sum);
  if (threadIdx.x == 0) *loss = sum / of;
}
