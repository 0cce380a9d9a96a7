// Max pooling. A window is kernel × kernel, moves by stride, and may reach over
// pad rows and columns outside the picture: padding never wins.

// pool_max_f32: y[n,p,q,c] = greatest x in a window; arg remembers which.
//
//   y    f32 [N,P,Q,C]   may be null
//   arg  u8  [N,P,Q,C]   place in the window, along its rows; may be null
//   x    f32 [N,H,W,C]   of equals the first wins, the first NaN over all
//
//   kernel ≤ 15, 2·pad ≤ kernel; P = (H + 2·pad − kernel)/stride + 1, rounded
//   down, Q likewise; Q·C and H·W below 2³¹
//
// Work     one block per row of y (N·P blocks); 256 threads, one window at a
//          time, neighbouring channels side by side
// Shared   none        Registers  ≤ 40, checked by the build
// Traffic  x once in, y and arg once out; where windows overlap, x again from
//          cache
// Bound    memory; not yet run on a GPU
// Exact    yes, equal to kernels/ref/pool.go bit for bit
extern "C" __global__ void __launch_bounds__(256)
    pool_max_f32(float *y, u8 *arg, const float *x, i64 H, i64 W, i64 C, i64 P, i64 Q, i64 kernel, i64 stride, i64 pad) {
  const i32 n = blockIdx.x / (i32)P, p = blockIdx.x % (i32)P;
  const i32 top = p * (i32)stride - (i32)pad;
  const float *picture = x + n * H * W * C;
  const i64 row = blockIdx.x * Q * C;

  for (i32 i = threadIdx.x; i < (i32)(Q * C); i += blockDim.x) {
    const i32 q = i / (i32)C, c = i % (i32)C;
    const i32 left = q * (i32)stride - (i32)pad;
    float best = 0;
    i32 winner = -1;
    for (i32 r = 0; r < kernel; r++) {
      for (i32 s = 0; s < kernel; s++) {
        const i32 h = top + r, w = left + s;
        if (h < 0 || h >= H || w < 0 || w >= W) continue;
        const float v = picture[(h * W + w) * C + c];
        if (winner < 0 || v > best || (isnan(v) && !isnan(best))) {
          best = v;
          winner = r * (i32)kernel + s;
        }
      }
    }
    if (y) y[row + i] = best;
    if (arg) arg[row + i] = (u8)winner;
  }
}

// pool_max_back_f32: dx[n,h,w,c] = sum of dy over the windows whose greatest
// value stood there. Each place looks up the few windows that reach it, where
// the windows would otherwise need atomics to add to places that they share.
//
//   dx   f32 [N,H,W,C]
//   arg  u8  [N,P,Q,C]   from pool_max_f32
//   dy   f32 [N,P,Q,C]
//
//   W·C and P·Q below 2³¹; the rest as for pool_max_f32
//
// Work     one block per row of dx (N·H blocks); 256 threads, one place at a
//          time, neighbouring channels side by side
// Shared   none        Registers  ≤ 40, checked by the build
// Traffic  arg and dy once in, dx once out; where windows overlap, arg and dy
//          again from cache
// Bound    memory; not yet run on a GPU
// Exact    no: f32 sums, in kernels/ref/pool.go's order; at most
//          ⌈kernel/stride⌉² terms
extern "C" __global__ void __launch_bounds__(256)
    pool_max_back_f32(float *dx, const u8 *arg, const float *dy, i64 H, i64 W, i64 C, i64 P, i64 Q, i64 kernel, i64 stride, i64 pad) {
  const i32 n = blockIdx.x / (i32)H;
  const i32 h = blockIdx.x % (i32)H + (i32)pad; // counted from the padding's edge, like w
  const i64 picture = n * P * Q * C;
  const i64 row = blockIdx.x * W * C;
  const i32 reach = (i32)kernel - (i32)stride; // window p covers h from p·stride to p·stride + kernel − 1

  for (i32 i = threadIdx.x; i < (i32)(W * C); i += blockDim.x) {
    const i32 w = i / (i32)C + (i32)pad, c = i % (i32)C;
    float sum = 0;
    for (i32 p = h > reach ? (h - reach) / (i32)stride : 0; p < P && p * stride <= h; p++) {
      for (i32 q = w > reach ? (w - reach) / (i32)stride : 0; q < Q && q * stride <= w; q++) {
        const i32 r = h - p * (i32)stride, s = w - q * (i32)stride;
        const i64 at = picture + (p * Q + q) * C + c;
        if (arg[at] == r * kernel + s) sum += dy[at];
      }
    }
    dx[row + i] = sum;
  }
}
