// Max and average pooling. A window moves by stride, and may reach over pad rows and
// columns outside the picture: padding never wins, and counts as zeros. T is f32,
// bf16 or f16.

template <class T>
static __device__ void pool_max(T *y, u8 *arg, const T *x, i64 H, i64 W, i64 C, i64 P, i64 Q, i64 kernel, i64 stride, i64 pad) {
  const i32 n = blockIdx.x / (i32)P, p = blockIdx.x % (i32)P;
  const i32 top = p * (i32)stride - (i32)pad;
  const T *picture = x + n * H * W * C;
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
        const float v = load(picture[(h * W + w) * C + c]);
        if (winner < 0 || v > best || (isnan(v) && !isnan(best))) {
          best = v;
          winner = r * (i32)kernel + s;
        }
      }
    }
    if (y) store(y[row + i], best);
    if (arg) arg[row + i] = (u8)winner;
  }
}

// pool_max_T: y[n,p,q,c] = greatest x in a window; arg remembers which.
//
//   y    T   [N,P,Q,C]   may be null
//   arg  u8  [N,P,Q,C]   place in the window, along its rows; may be null
//   x    T   [N,H,W,C]   of equals the first wins, the first NaN over all
//
//   kernel ≤ 15, 2·pad ≤ kernel; P = (H + 2·pad − kernel)/stride + 1, rounded
//   down, Q likewise; Q·C and H·W below 2³¹
//
// Work     one block per row of y (N·P blocks); 256 threads, one window at a
//          time, neighbouring channels side by side
// Shared   none        Registers  in resources.txt, checked by the build
// Traffic  x once in, y and arg once out; where windows overlap, x again from
//          cache
// Bound    memory; not yet run on a GPU
// Exact    yes, equal to kernels/ref/pool.go bit for bit
extern "C" __global__ void __launch_bounds__(256) pool_max_f32(float *y, u8 *arg, const float *x, i64 H, i64 W, i64 C, i64 P, i64 Q, i64 kernel, i64 stride, i64 pad) {
  pool_max(y, arg, x, H, W, C, P, Q, kernel, stride, pad);
}
extern "C" __global__ void __launch_bounds__(256) pool_max_bf16(bf16 *y, u8 *arg, const bf16 *x, i64 H, i64 W, i64 C, i64 P, i64 Q, i64 kernel, i64 stride, i64 pad) {
  pool_max(y, arg, x, H, W, C, P, Q, kernel, stride, pad);
}
extern "C" __global__ void __launch_bounds__(256) pool_max_f16(f16 *y, u8 *arg, const f16 *x, i64 H, i64 W, i64 C, i64 P, i64 Q, i64 kernel, i64 stride, i64 pad) {
  pool_max(y, arg, x, H, W, C, P, Q, kernel, stride, pad);
}

template <class T>
static __device__ void pool_max_back(T *dx, const u8 *arg, const T *dy, i64 H, i64 W, i64 C, i64 P, i64 Q, i64 kernel, i64 stride, i64 pad) {
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
        if (arg[at] == r * kernel + s) sum += load(dy[at]);
      }
    }
    store(dx[row + i], sum);
  }
}

// pool_max_back_T: dx[n,h,w,c] = sum of dy over the windows whose greatest
// value stood there. Each place looks up the few windows that reach it, where
// the windows would otherwise need atomics to add to places that they share.
//
//   dx   T   [N,H,W,C]
//   arg  u8  [N,P,Q,C]   from pool_max_T
//   dy   T   [N,P,Q,C]
//
//   W·C and P·Q below 2³¹; the rest as for pool_max_T
//
// Work     one block per row of dx (N·H blocks); 256 threads, one place at a
//          time, neighbouring channels side by side
// Shared   none        Registers  in resources.txt, checked by the build
// Traffic  arg and dy once in, dx once out; where windows overlap, arg and dy
//          again from cache
// Bound    memory; not yet run on a GPU
// Exact    no: f32 sums, in kernels/ref/pool.go's order; at most
//          ⌈kernel/stride⌉² terms
extern "C" __global__ void __launch_bounds__(256) pool_max_back_f32(float *dx, const u8 *arg, const float *dy, i64 H, i64 W, i64 C, i64 P, i64 Q, i64 kernel, i64 stride, i64 pad) {
  pool_max_back(dx, arg, dy, H, W, C, P, Q, kernel, stride, pad);
}
extern "C" __global__ void __launch_bounds__(256) pool_max_back_bf16(bf16 *dx, const u8 *arg, const bf16 *dy, i64 H, i64 W, i64 C, i64 P, i64 Q, i64 kernel, i64 stride, i64 pad) {
  pool_max_back(dx, arg, dy, H, W, C, P, Q, kernel, stride, pad);
}
extern "C" __global__ void __launch_bounds__(256) pool_max_back_f16(f16 *dx, const u8 *arg, const f16 *dy, i64 H, i64 W, i64 C, i64 P, i64 Q, i64 kernel, i64 stride, i64 pad) {
  pool_max_back(dx, arg, dy, H, W, C, P, Q, kernel, stride, pad);
}

template <class T>
static __device__ void pool_avg(T *y, const T *x, i64 H, i64 W, i64 C, i64 P, i64 Q, i64 R, i64 S, i64 stride, i64 pad) {
  typedef typename wide<T>::type Sum;
  const i32 n = blockIdx.x / (i32)P, p = blockIdx.x % (i32)P;
  const i32 top = p * (i32)stride - (i32)pad;
  const T *picture = x + n * H * W * C;
  const i64 row = blockIdx.x * Q * C;

  for (i32 i = threadIdx.x; i < (i32)(Q * C); i += blockDim.x) {
    const i32 q = i / (i32)C, c = i % (i32)C;
    const i32 left = q * (i32)stride - (i32)pad;
    Sum sum = 0;
    for (i32 h = top > 0 ? top : 0; h < top + R && h < H; h++) {
      for (i32 w = left > 0 ? left : 0; w < left + S && w < W; w++) sum += load(picture[(h * W + w) * C + c]);
    }
    store(y[row + i], sum / (Sum)(R * S));
  }
}

// pool_avg_T: y[n,p,q,c] = sum of x in an R × S window, divided by R·S.
//
//   y    T [N,P,Q,C]
//   x    T [N,H,W,C]
//
//   2·pad ≤ R and S; P = (H + 2·pad − R)/stride + 1, rounded down, Q likewise;
//   Q·C and H·W below 2³¹
//
// Work     one block per row of y (N·P blocks); 256 threads, one window at a
//          time, neighbouring channels side by side
// Shared   none        Registers  in resources.txt, checked by the build
// Traffic  x once in, y once out; where windows overlap, x again from cache
// Bound    memory; not yet run on a GPU
// Exact    no: the sum in kernels/ref/pool.go's order, in f64 for f32 and in f32
//          for 16 bits, divided once
extern "C" __global__ void __launch_bounds__(256, 4) pool_avg_f32(float *y, const float *x, i64 H, i64 W, i64 C, i64 P, i64 Q, i64 R, i64 S, i64 stride, i64 pad) {
  pool_avg(y, x, H, W, C, P, Q, R, S, stride, pad);
}
extern "C" __global__ void __launch_bounds__(256, 4) pool_avg_bf16(bf16 *y, const bf16 *x, i64 H, i64 W, i64 C, i64 P, i64 Q, i64 R, i64 S, i64 stride, i64 pad) {
  pool_avg(y, x, H, W, C, P, Q, R, S, stride, pad);
}
extern "C" __global__ void __launch_bounds__(256, 4) pool_avg_f16(f16 *y, const f16 *x, i64 H, i64 W, i64 C, i64 P, i64 Q, i64 R, i64 S, i64 stride, i64 pad) {
  pool_avg(y, x, H, W, C, P, Q, R, S, stride, pad);
}

template <class T>
static __device__ void pool_avg_back(T *dx, const T *dy, i64 H, i64 W, i64 C, i64 P, i64 Q, i64 R, i64 S, i64 stride, i64 pad) {
  typedef typename wide<T>::type Sum;
  const i32 n = blockIdx.x / (i32)H;
  const i32 h = blockIdx.x % (i32)H + (i32)pad; // counted from the padding's edge, like w
  const T *picture = dy + n * P * Q * C;
  const i64 row = blockIdx.x * W * C;
  const i32 down = (i32)R - (i32)stride, across = (i32)S - (i32)stride;

  for (i32 i = threadIdx.x; i < (i32)(W * C); i += blockDim.x) {
    const i32 w = i / (i32)C + (i32)pad, c = i % (i32)C;
    Sum sum = 0;
    for (i32 p = h > down ? (h - down) / (i32)stride : 0; p < P && p * stride <= h; p++) {
      if (h - p * stride >= R) continue;
      for (i32 q = w > across ? (w - across) / (i32)stride : 0; q < Q && q * stride <= w; q++) {
        if (w - q * stride < S) sum += load(picture[(p * Q + q) * C + c]);
      }
    }
    store(dx[row + i], sum / (Sum)(R * S));
  }
}

// pool_avg_back_T: dx[n,h,w,c] = sum of dy over the windows that cover h, w, divided
// by R·S.
//
//   dx   T [N,H,W,C]
//   dy   T [N,P,Q,C]
//
//   W·C and P·Q below 2³¹; the rest as for pool_avg_T
//
// Work     one block per row of dx (N·H blocks); 256 threads, one place at a
//          time, neighbouring channels side by side
// Shared   none        Registers  in resources.txt, checked by the build
// Traffic  dy once in, dx once out; where windows overlap, dy again from cache
// Bound    memory; not yet run on a GPU
// Exact    no: the sum in kernels/ref/avgpool.go's order, in f64 for f32 and in f32
//          for 16 bits, divided once
extern "C" __global__ void __launch_bounds__(256) pool_avg_back_f32(float *dx, const float *dy, i64 H, i64 W, i64 C, i64 P, i64 Q, i64 R, i64 S, i64 stride, i64 pad) {
  pool_avg_back(dx, dy, H, W, C, P, Q, R, S, stride, pad);
}
extern "C" __global__ void __launch_bounds__(256) pool_avg_back_bf16(bf16 *dx, const bf16 *dy, i64 H, i64 W, i64 C, i64 P, i64 Q, i64 R, i64 S, i64 stride, i64 pad) {
  pool_avg_back(dx, dy, H, W, C, P, Q, R, S, stride, pad);
}
extern "C" __global__ void __launch_bounds__(256) pool_avg_back_f16(f16 *dx, const f16 *dy, i64 H, i64 W, i64 C, i64 P, i64 Q, i64 R, i64 S, i64 stride, i64 pad) {
  pool_avg_back(dx, dy, H, W, C, P, Q, R, S, stride, pad);
}
