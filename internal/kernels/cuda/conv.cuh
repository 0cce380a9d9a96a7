// Convolutions as matrix products whose factors are read straight from pictures
// and filters: nothing is unfolded in memory.
//
//   forward          y[m,o]  = Σ_k x(m,k)·w[o,k]    m = (n,p,q)  k = (r,s,i)
//   input gradient   dx[m,i] = Σ_k dy(m,k)·w(k,i)   m = (n,h,w)  k = (r,s,o)
//   filter gradient  dw[o,j] = Σ_k dy[k,o]·x(k,j)   k = (n,p,q)  j = (r,s,i)
//
// Outside a picture stand zeros, which are multiplied like other numbers: a filter
// that is not finite spoils what its zeros meet.

// A Conv holds the extents of one group: I input channels of the x_pitch that a
// pixel of x has, O output channels of the y_pitch of y.
struct Conv {
  i32 H, W, I, O, R, S, P, Q, stride, pad;
  i64 x_pitch, y_pitch;
};

// Pixels of y in the order in which they are computed: those of a window that is
// pooled one after another. P and Q are windows then, side×side pixels each, whose
// corners are step apart.
struct Order {
  i32 P, Q, side, step;
  __device__ void place(i32 m, i32 &n, i32 &p, i32 &q) const {
    i32 within = 0;
    if (side > 1) within = m % (side * side), m /= side * side;
    q = m % Q * step + within % side;
    m /= Q;
    p = m % P * step + within / side;
    n = m / P;
  }
};

// Under is a Source: x under the filter at output pixel m.
template <class T> struct Under {
  static const bool along_k = true;
  Conv c;
  Order order;
  const T *x;
  i32 rows;
  struct Row {
    const T *picture; // null outside
    i32 h, w;         // of the filter's corner
  };
  __device__ Row row(i32 m) const {
    if (m >= rows) return {nullptr, 0, 0};
    i32 n, p, q;
    order.place(m, n, p, q);
    return {x + (i64)n * c.H * c.W * c.x_pitch, p * c.stride - c.pad, q * c.stride - c.pad};
  }
  __device__ const T *at(const Row &row, i32 k) const {
    if (!row.picture) return nullptr;
    const i32 tap = k / c.I;
    const i32 h = row.h + tap / c.S, w = row.w + tap % c.S;
    if (h < 0 || h >= c.H || w < 0 || w >= c.W) return nullptr;
    return row.picture + (i64)(h * c.W + w) * c.x_pitch + k % c.I;
  }
};

// Over is a Source: dy of the output pixels whose filter covers input pixel m.
template <class T> struct Over {
  static const bool along_k = true;
  Conv c;
  const T *dy;
  i32 rows;
  struct Row {
    const T *picture;
    i32 h, w; // counted from the padding's edge
  };
  __device__ Row row(i32 m) const {
    if (m >= rows) return {nullptr, 0, 0};
    const i32 w = m % c.W, h = m / c.W % c.H, n = m / c.W / c.H;
    return {dy + (i64)n * c.P * c.Q * c.y_pitch, h + c.pad, w + c.pad};
  }
  __device__ const T *at(const Row &row, i32 k) const {
    if (!row.picture) return nullptr;
    const i32 tap = k / c.O;
    const i32 h = row.h - tap / c.S, w = row.w - tap % c.S;
    if (h < 0 || w < 0 || h % c.stride != 0 || w % c.stride != 0) return nullptr;
    const i32 p = h / c.stride, q = w / c.stride;
    if (p >= c.P || q >= c.Q) return nullptr;
    return row.picture + (i64)(p * c.Q + q) * c.y_pitch + k % c.O;
  }
};

// Turned is a Source: filters w [O,R,S,I] as rows i of k = (r,s,o).
template <class T> struct Turned {
  static const bool along_k = false;
  Conv c;
  const T *w;
  struct Row {
    const T *first;
  };
  __device__ Row row(i32 i) const { return {i < c.I ? w + i : nullptr}; }
  __device__ const T *at(const Row &row, i32 k) const {
    if (!row.first) return nullptr;
    return row.first + ((i64)(k % c.O) * c.R * c.S + k / c.O) * c.I;
  }
};

// Taps is a Source: x as rows (r,s,i) of k = (n,p,q).
template <class T> struct Taps {
  static const bool along_k = false;
  Conv c;
  const T *x;
  struct Row {
    const T *channel; // null outside
    i32 r, s;
  };
  __device__ Row row(i32 j) const {
    if (j >= c.R * c.S * c.I) return {nullptr, 0, 0};
    const i32 tap = j / c.I;
    return {x + j % c.I, tap / c.S, tap % c.S};
  }
  __device__ const T *at(const Row &row, i32 k) const {
    if (!row.channel) return nullptr;
    const i32 q = k % c.Q, p = k / c.Q % c.P, n = k / c.Q / c.P;
    const i32 h = p * c.stride - c.pad + row.r, w = q * c.stride - c.pad + row.s;
    if (h < 0 || h >= c.H || w < 0 || w >= c.W) return nullptr;
    return row.channel + ((i64)(n * c.H + h) * c.W + w) * c.x_pitch;
  }
};

#define CONV_ARGUMENTS i64 N, i64 H, i64 W, i64 I, i64 O, i64 R, i64 S, i64 P, i64 Q, i64 stride, i64 pad, i64 groups
#define CONV_VALUES                                                                                             \
  { (i32)H, (i32)W, (i32)(I / groups), (i32)(O / groups), (i32)R, (i32)S, (i32)P, (i32)Q, (i32)stride, (i32)pad, I, O }

template <class T, class B, bool WIDE>
static __device__ void conv_forward(T *y, u8 *arg, double *part, const T *x, const T *w, const float *bias, const float *mean, const float *scale, const float *shift, const T *plus, CONV_ARGUMENTS, i64 act, i64 side, i64 step) {
  const Conv c = CONV_VALUES;
  const i32 group = blockIdx.z, K = c.R * c.S * c.I;
  Order order = {c.P, c.Q, 1, 1};
  if (side > 1) order = {(c.P - (i32)side) / (i32)step + 1, (c.Q - (i32)side) / (i32)step + 1, (i32)side, (i32)step};
  const i32 window = order.side * order.side, M = (i32)N * order.P * order.Q * window;
  const i32 rows = B::rows / window * window; // of the block, whole windows
  const i32 m = blockIdx.x * rows, n = blockIdx.y * B::columns;
  const Under<T> under = {c, order, x + group * c.I, M};
  const Matrix<T, true> filters = {w + (i64)group * c.O * K, c.O, K};
  float *sums = product<T, B, WIDE>(under, filters, m, n, 0, K);
  const i32 channel = group * c.O;
  Channel norm = {};
  if (mean) norm = {mean + channel, scale + channel, shift + channel};
  const Store<T> store = {y ? y + channel : nullptr, arg ? arg + channel : nullptr, bias ? bias + channel : nullptr, M, c.O, O, window, (i32)act, false,
                          plus ? plus + channel : nullptr, norm, part ? part + 2 * blockIdx.x * O + channel : nullptr};
  store.template put<B>(sums, m, n, rows);
}

template <class T, class B, bool WIDE>
static __device__ void conv_back_data(T *dx, const T *w, const T *dy, const T *plus, CONV_ARGUMENTS) {
  const Conv c = CONV_VALUES;
  const i32 group = blockIdx.z, M = (i32)(N * H * W), K = c.R * c.S * c.O;
  const i32 m = blockIdx.x * B::rows, n = blockIdx.y * B::columns;
  const Over<T> over = {c, dy + group * c.O, M};
  const Turned<T> filters = {c, w + (i64)group * c.O * c.R * c.S * c.I};
  float *sums = product<T, B, WIDE>(over, filters, m, n, 0, K);
  const Store<T> store = {dx + group * c.I, nullptr, nullptr, M, c.I, I, 1, -1, false, plus ? plus + group * c.I : nullptr};
  store.template put<B>(sums, m, n, B::rows);
}

template <class T, class B, bool WIDE>
static __device__ void conv_back_filter(float *dw, const T *x, const T *dy, CONV_ARGUMENTS, i64 splits) {
  const Conv c = CONV_VALUES;
  const i32 group = blockIdx.z / (i32)splits, split = blockIdx.z % (i32)splits;
  const i32 K = (i32)(N * P * Q), columns = c.R * c.S * c.I;
  i32 begin, end;
  share<T>(K, (i32)splits, split, begin, end);
  const i32 m = blockIdx.x * B::rows, n = blockIdx.y * B::columns;
  const Matrix<T, false> gradients = {dy + group * c.O, c.O, O};
  const Taps<T> taps = {c, x + group * c.I};
  float *sums = product<T, B, WIDE>(gradients, taps, m, n, begin, end);
  dw += ((i64)split * O + group * c.O) * columns;
  const Store<T> store = {dw, nullptr, nullptr, c.O, columns, columns, 1, -1, true};
  store.template put<B>(sums, m, n, B::rows);
}

// conv_fwd_*: y[n,p,q,o] = bias[o] + Σ_{r,s,i} x[n, p·stride+r−pad, q·stride+s−pad, i]·w[o,r,s,i],
// and what follows: act((y − mean[o])·scale[o] + shift[o] + plus[n,p,q,o]); of that, where
// side > 1, the greatest of windows side×side that are step apart; or with part the moments of
// y besides, by the rows of a block as batchnorm_part_T leaves them.
//
//   y     T [N,P,Q,O]; with windows [N,(P−side)/step+1,(Q−side)/step+1,O]; may be null then,
//         and with part
//   arg   u8, shaped like y: the winner's place in its window; may be null
//   part  f64 [G,2,O], G the blocks of pixels; may be null, and is with anything else
//         that follows the bias
//   x     T [N,H,W,I]
//   w     T [O,R,S,I/groups]
//   bias  f32 [O]; may be null
//   mean scale shift  f32 [O]; null without norm
//   plus  T [N,P,Q,O]; may be null, and is with windows
//
//   without "any" in the name channels of a group, in and out, fill 16 bytes
//   act an ActKind, −1 for none; side 1 without windows; side ≤ step; 2·side² ≤ 64
//   N·H·W, N·P·Q, R·S·I and O below 2³¹
//
// Work     a block for 128×64 sums, 256 threads, or for 64×32, 64 threads; blocks
//          pixels × channels × groups; a warp has 32×32 sums
// Shared   46 KB or 21 KB: three stages of both tiles, then the sums and a double a thread
// Registers  in resources.txt, checked by the build
// Traffic  x R·S/stride² times from cache for every 64 (32) output channels, w
//          once for every 128 (64) pixels, plus once, y once
// Bound    f32 arithmetic, or tensor cores for bf16 and f16; not yet run on a GPU
// Exact    no: as matmul_*; each step rounds to T, as a kernel of its own does; of equals
//          the first wins, the first NaN over all; moments as batchnorm_part_T, in steps
//          of a block's warps
//
// conv_back_data_*: dx[n,h,w,i] = plus[n,h,w,i] + Σ dy[n,p,q,o]·w[o,r,s,i] over p·stride+r−pad = h, q·stride+s−pad = w
//
//   dx   T [N,H,W,I]
//   w    T [O,R,S,I/groups]
//   dy   T [N,P,Q,O]
//   plus T [N,H,W,I]; may be null
//
//   as conv_fwd_*; with a stride the steps of the sum that meet no pixel of y are
//   zeros that are multiplied
//
// conv_back_filter_*: dw[o,r,s,i] = Σ_{n,p,q} dy[n,p,q,o]·x[n, p·stride+r−pad, q·stride+s−pad, i]
//
//   dw   f32 [O,R,S,I/groups]; with splits > 1 [splits,O,R,S,I/groups], the sums
//        over parts of the pixels, for sum_parts_f32
//   x    T [N,H,W,I]
//   dy   T [N,P,Q,O]
//
//   as conv_fwd_*; blocks O × R·S·I × groups·splits
#define CONV_KERNELS(B, size, T, type, WIDE)                                                                                       \
  extern "C" __global__ void __launch_bounds__(B::threads)                                                                         \
      conv_fwd_##size##_##type(T *y, u8 *arg, double *part, const T *x, const T *w, const float *bias, const float *mean, const float *scale, const float *shift, const T *plus, CONV_ARGUMENTS, i64 act, i64 side, i64 step) { \
    conv_forward<T, B, WIDE>(y, arg, part, x, w, bias, mean, scale, shift, plus, N, H, W, I, O, R, S, P, Q, stride, pad, groups, act, side, step);                 \
  }                                                                                                                                \
  extern "C" __global__ void __launch_bounds__(B::threads)                                                                         \
      conv_back_data_##size##_##type(T *dx, const T *w, const T *dy, const T *plus, CONV_ARGUMENTS) {                                             \
    conv_back_data<T, B, WIDE>(dx, w, dy, plus, N, H, W, I, O, R, S, P, Q, stride, pad, groups);                                         \
  }                                                                                                                                \
  extern "C" __global__ void __launch_bounds__(B::threads)                                                                         \
      conv_back_filter_##size##_##type(float *dw, const T *x, const T *dy, CONV_ARGUMENTS, i64 splits) {                           \
    conv_back_filter<T, B, WIDE>(dw, x, dy, N, H, W, I, O, R, S, P, Q, stride, pad, groups, splits);                               \
  }
CONV_KERNELS(Large, 128x64, float, f32, true)
CONV_KERNELS(Small, 64x32, float, f32, true)
CONV_KERNELS(Large, any_128x64, float, f32, false)
CONV_KERNELS(Small, any_64x32, float, f32, false)
CONV_KERNELS(Large, 128x64, bf16, bf16, true)
CONV_KERNELS(Small, 64x32, bf16, bf16, true)
CONV_KERNELS(Large, any_128x64, bf16, bf16, false)
CONV_KERNELS(Small, any_64x32, bf16, bf16, false)
CONV_KERNELS(Large, 128x64, f16, f16, true)
CONV_KERNELS(Small, 64x32, f16, f16, true)
CONV_KERNELS(Large, any_128x64, f16, f16, false)
CONV_KERNELS(Small, any_64x32, f16, f16, false)
