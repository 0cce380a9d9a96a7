// Convolutions of each channel with a filter of its own: of conv.cuh those whose groups,
// input and output channels are one number, C. T is f32, bf16 or f16; sums are in f32.
// Neighbouring lanes take neighbouring channels, and zeros outside a picture are left out.

struct Depthwise {
  i32 H, W, R, S, P, Q, stride, pad;
  i64 C;
};

#define DEPTHWISE_ARGUMENTS i64 N, i64 H, i64 W, i64 C, i64 R, i64 S, i64 P, i64 Q, i64 stride, i64 pad
#define DEPTHWISE_VALUES { (i32)H, (i32)W, (i32)R, (i32)S, (i32)P, (i32)Q, (i32)stride, (i32)pad, C }

static const int most_taps = 49;     // of a filter
static const u32 block_pixels = 64;  // that a block takes on

// Filters are those of a block's 32 channels. The 33rd column keeps threads that write
// neighbouring taps in banks of their own.
typedef float Filters[most_taps][33];

template <class T> static __device__ void load_filters(Filters &filters, const T *w, i64 C, i32 taps) {
  const i64 first = (i64)blockIdx.y * 32;
  for (i32 i = threadIdx.x; i < 32 * taps; i += blockDim.x) {
    if (first + i / taps < C) filters[i % taps][i / taps] = load(w[first * taps + i]);
  }
  __syncthreads();
}

template <class T> static __device__ void depthwise_forward(const Store<T> to, const T *x, const T *w, const Depthwise d) {
  __shared__ Filters filters;
  __shared__ typename wide<T>::type sums[8][32];
  load_filters(filters, w, d.C, d.R * d.S);
  const i32 lane = threadIdx.x % 32, first = threadIdx.x / 32;
  const i64 c = (i64)blockIdx.y * 32 + lane;
  const u32 M = to.M, begin = blockIdx.x * block_pixels;
  const u32 pixels = c >= d.C ? 0 : M - begin < block_pixels ? M - begin : block_pixels;
  T *y = (T *)to.y + begin * d.C + c;
  for (u32 i = first; i < pixels; i += 8) {
    const u32 m = begin + i;
    const i32 q = m % d.Q, p = m / d.Q % d.P, n = m / d.Q / d.P;
    const i32 top = p * d.stride - d.pad, left = q * d.stride - d.pad;
    const T *picture = x + (i64)n * d.H * d.W * d.C + c;
    float sum = 0;
    for (i32 r = 0; r < d.R; r++) {
      const i32 h = top + r;
      if (h < 0 || h >= d.H) continue;
      for (i32 s = 0; s < d.S; s++) {
        const i32 v = left + s;
        if (v >= 0 && v < d.W) sum = fmaf(load(picture[(i64)(h * d.W + v) * d.C]), filters[r * d.S + s][lane], sum);
      }
    }
    store(y[i * d.C], to.element(sum, c, m * d.C + c));
  }
  // A thread reads back what it has stored itself.
  if (to.part) column_moments<8>(sums, to.part + 2 * blockIdx.x * d.C + c, d.C, pixels, [=](i64 i) { return load(y[i * d.C]); });
}

// depthwise_fwd_T: y[n,p,q,c] = bias[c] + Σ_{r,s} x[n, p·stride+r−pad, q·stride+s−pad, c]·w[c,r,s],
// and what follows: act((y − mean[c])·scale[c] + shift[c] + plus[n,p,q,c]); or with part the
// moments of y besides, by the pixels of a block as batchnorm_part_T leaves them.
//
//   y     T   [N,P,Q,C]
//   part  f64 [G,2,C], G the blocks of pixels; may be null, and is with anything else that
//         follows the bias
//   x     T   [N,H,W,C]
//   w     T   [C,R,S]    R·S ≤ 49
//   bias  f32 [C]; may be null
//   mean scale shift  f32 [C]; null without norm
//   plus  T   [N,P,Q,C]; may be null
//   act   an ActKind, −1 for none
//
//   N·H·W, N·P·Q, H·W·C and P·Q·C below 2³¹
//
// Work     blocks N·P·Q/64 × C/32, rounded up; 256 threads: 32 neighbouring channels
//          times 8, each of which takes every eighth of 64 pixels
// Shared   8.5 KB, the filters and sums  Registers  in resources.txt, checked by the build
// Traffic  x once in, and R·S/stride² times from cache; plus once in, y once out
// Bound    memory; not yet run on a GPU
// Exact    no: taps in ascending order in one chain of fmaf; what follows, as conv_fwd_*
extern "C" __global__ void __launch_bounds__(256, 4) depthwise_fwd_f32(float *y, double *part, const float *x, const float *w, const float *bias, const float *mean, const float *scale, const float *shift, const float *plus, DEPTHWISE_ARGUMENTS, i64 act) {
  depthwise_forward<float>({y, nullptr, bias, (i32)(N * P * Q), (i32)C, C, 1, (i32)act, false, plus, {mean, scale, shift}, part}, x, w, DEPTHWISE_VALUES);
}
extern "C" __global__ void __launch_bounds__(256, 4) depthwise_fwd_bf16(bf16 *y, double *part, const bf16 *x, const bf16 *w, const float *bias, const float *mean, const float *scale, const float *shift, const bf16 *plus, DEPTHWISE_ARGUMENTS, i64 act) {
  depthwise_forward<bf16>({y, nullptr, bias, (i32)(N * P * Q), (i32)C, C, 1, (i32)act, false, plus, {mean, scale, shift}, part}, x, w, DEPTHWISE_VALUES);
}
extern "C" __global__ void __launch_bounds__(256, 4) depthwise_fwd_f16(f16 *y, double *part, const f16 *x, const f16 *w, const float *bias, const float *mean, const float *scale, const float *shift, const f16 *plus, DEPTHWISE_ARGUMENTS, i64 act) {
  depthwise_forward<f16>({y, nullptr, bias, (i32)(N * P * Q), (i32)C, C, 1, (i32)act, false, plus, {mean, scale, shift}, part}, x, w, DEPTHWISE_VALUES);
}

template <class T>
static __device__ void depthwise_back_data(T *dx, const T *w, const T *dy, const T *plus, u32 M, const Depthwise d) {
  __shared__ Filters filters;
  load_filters(filters, w, d.C, d.R * d.S);
  const i32 lane = threadIdx.x % 32;
  const i64 c = (i64)blockIdx.y * 32 + lane;
  if (c >= d.C) return;
  const u32 begin = blockIdx.x * block_pixels, end = M - begin < block_pixels ? M : begin + block_pixels;
  for (u32 m = begin + threadIdx.x / 32; m < end; m += 8) {
    const i32 v = m % d.W + d.pad, h = m / d.W % d.H + d.pad, n = m / d.W / d.H;
    const T *picture = dy + (i64)n * d.P * d.Q * d.C + c;
    float sum = 0;
    // Only every stride-th tap stands over a pixel of y, an earlier one each time.
    for (i32 r = h % d.stride, p = h / d.stride; r < d.R && p >= 0; r += d.stride, p--) {
      if (p >= d.P) continue;
      for (i32 s = v % d.stride, q = v / d.stride; s < d.S && q >= 0; s += d.stride, q--) {
        if (q < d.Q) sum = fmaf(load(picture[(i64)(p * d.Q + q) * d.C]), filters[r * d.S + s][lane], sum);
      }
    }
    const i64 at = m * d.C + c;
    if (plus) sum = rounded<T>(sum) + load(plus[at]);
    store(dx[at], sum);
  }
}

// depthwise_back_data_T: dx[n,h,w,c] = plus[n,h,w,c] + Σ dy[n,p,q,c]·w[c,r,s] over
// p·stride+r−pad = h, q·stride+s−pad = w.
//
//   dx    T [N,H,W,C]
//   w     T [C,R,S]
//   dy    T [N,P,Q,C]
//   plus  T [N,H,W,C]; may be null
//
// Work     as depthwise_fwd_T, blocks by pixels of x
// Shared   6.5 KB, the filters  Registers  in resources.txt, checked by the build
// Traffic  dy once in, and R·S/stride² times from cache; plus once in, dx once out
// Bound    memory; not yet run on a GPU
// Exact    no: taps in ascending order in one chain of fmaf, as conv_back_data_*
extern "C" __global__ void __launch_bounds__(256) depthwise_back_data_f32(float *dx, const float *w, const float *dy, const float *plus, DEPTHWISE_ARGUMENTS) {
  depthwise_back_data(dx, w, dy, plus, N * H * W, DEPTHWISE_VALUES);
}
extern "C" __global__ void __launch_bounds__(256) depthwise_back_data_bf16(bf16 *dx, const bf16 *w, const bf16 *dy, const bf16 *plus, DEPTHWISE_ARGUMENTS) {
  depthwise_back_data(dx, w, dy, plus, N * H * W, DEPTHWISE_VALUES);
}
extern "C" __global__ void __launch_bounds__(256) depthwise_back_data_f16(f16 *dx, const f16 *w, const f16 *dy, const f16 *plus, DEPTHWISE_ARGUMENTS) {
  depthwise_back_data(dx, w, dy, plus, N * H * W, DEPTHWISE_VALUES);
}

template <class T>
static __device__ void depthwise_back_filter(float *part, const T *x, const T *dy, u32 M, const Depthwise d, u32 span) {
  const int side = 3; // side·side taps are summed at once, so that 3×3 filters take one pass
  __shared__ float sums[8][32];
  const i64 c = (i64)blockIdx.y * 32 + threadIdx.x % 32;
  const u32 begin = blockIdx.x * span;
  const u32 end = c >= d.C ? begin : M - begin < span ? M : begin + span;
  part += ((i64)blockIdx.x * d.C + c) * d.R * d.S;
  for (i32 r = 0; r < d.R; r += side) {
    for (i32 s = 0; s < d.S; s += side) {
      float sum[side][side] = {};
      for (u32 m = begin + threadIdx.x / 32; m < end; m += 8) {
        const i32 q = m % d.Q, p = m / d.Q % d.P, n = m / d.Q / d.P;
        const i32 top = p * d.stride - d.pad + r, left = q * d.stride - d.pad + s;
        const T *picture = x + (i64)n * d.H * d.W * d.C + c;
        const float gradient = load(dy[m * d.C + c]);
#pragma unroll
        for (int i = 0; i < side; i++) {
#pragma unroll
          for (int j = 0; j < side; j++) {
            const i32 h = top + i, v = left + j;
            const bool inside = h >= 0 && h < d.H && v >= 0 && v < d.W && r + i < d.R && s + j < d.S;
            if (inside) sum[i][j] = fmaf(gradient, load(picture[(i64)(h * d.W + v) * d.C]), sum[i][j]);
          }
        }
      }
#pragma unroll
      for (int i = 0; i < side; i++) {
#pragma unroll
        for (int j = 0; j < side; j++) {
          const float total = column_sum<8>(sums, sum[i][j]);
          if (threadIdx.x < 32 && c < d.C && r + i < d.R && s + j < d.S) part[(r + i) * d.S + s + j] = total;
        }
      }
    }
  }
}

// depthwise_back_filter_T: for each group of pixels of y, g·span … (g+1)·span − 1, and
// each tap Σ dy[n,p,q,c]·x[n, p·stride+r−pad, q·stride+s−pad, c]. sum_parts_f32 makes dw
// of them.
//
//   part  f32 [G,C,R,S]   G = N·P·Q/span, rounded up
//   x     T   [N,H,W,C]
//   dy    T   [N,P,Q,C]
//
// Work     blocks G × C/32, rounded up; 256 threads: 32 neighbouring channels times
//          8, each of which takes every eighth pixel of the group, for 3×3 taps at once
// Shared   1 KB        Registers  in resources.txt, checked by the build
// Traffic  x and dy once in for each 3×3 taps, and x 9/stride² times from cache
// Bound    memory; not yet run on a GPU
// Exact    no: pixels in steps of 8, then the 8 sums, then groups, each in ascending order
extern "C" __global__ void __launch_bounds__(256) depthwise_back_filter_f32(float *part, const float *x, const float *dy, DEPTHWISE_ARGUMENTS, i64 span) {
  depthwise_back_filter(part, x, dy, N * P * Q, DEPTHWISE_VALUES, span);
}
extern "C" __global__ void __launch_bounds__(256) depthwise_back_filter_bf16(float *part, const bf16 *x, const bf16 *dy, DEPTHWISE_ARGUMENTS, i64 span) {
  depthwise_back_filter(part, x, dy, N * P * Q, DEPTHWISE_VALUES, span);
}
extern "C" __global__ void __launch_bounds__(256) depthwise_back_filter_f16(float *part, const f16 *x, const f16 *dy, DEPTHWISE_ARGUMENTS, i64 span) {
  depthwise_back_filter(part, x, dy, N * P * Q, DEPTHWISE_VALUES, span);
}
