// Batch norm over the rows of x [M,C]. T is f32, bf16 or f16; sums of f32 are kept in
// f64, of 16 bits in f32, and those of groups of rows are added in f64.

template <class T> static __device__ void batchnorm_part(double *part, const T *x, i64 M, i64 C, i64 span) {
  __shared__ typename wide<T>::type sums[8][32];
  const i64 c = (i64)blockIdx.y * 32 + threadIdx.x % 32;
  const i64 begin = blockIdx.x * span;
  const i64 rows = M - begin < span ? M - begin : span;
  x += begin * C + c;
  column_moments<8>(sums, part + 2 * blockIdx.x * C + c, C, c < C ? rows : 0, [=](i64 m) { return load(x[m * C]); });
}

// batchnorm_part_T: for the rows m of each group g, g·span … (g+1)·span − 1, and each
// channel the sum of x[m,c] and of its squared distance from the group's mean.
//
//   part  f64 [G,2,C]   G = M/span, rounded up
//   x     T   [M,C]
//
// Work     blocks G × C/32, rounded up; 256 threads: 32 neighbouring channels times
//          8, each of which takes every eighth row of the group, twice
// Shared   2 KiB at most  Registers  in resources.txt, checked by the build
// Traffic  x once in, and once more from cache
// Bound    memory; f64 arithmetic for f32 where it is slow; not yet run on a GPU
// Exact    no: rows in steps of 8, then the 8 sums, each in ascending order
extern "C" __global__ void __launch_bounds__(256) batchnorm_part_f32(double *part, const float *x, i64 M, i64 C, i64 span) {
  batchnorm_part(part, x, M, C, span);
}
extern "C" __global__ void __launch_bounds__(256) batchnorm_part_bf16(double *part, const bf16 *x, i64 M, i64 C, i64 span) {
  batchnorm_part(part, x, M, C, span);
}
extern "C" __global__ void __launch_bounds__(256) batchnorm_part_f16(double *part, const f16 *x, i64 M, i64 C, i64 span) {
  batchnorm_part(part, x, M, C, span);
}

// batchnorm_stats_f32: mean[c] = 1/M Σ x[m,c], var[c] = 1/M Σ (x[m,c] − mean[c])², and
// scale[c] = weight[c] / √(var[c] + eps), from the parts.
//
//   mean    f32 [C]
//   var     f32 [C]
//   scale   f32 [C]; may be null
//   part    f64 [G,2,C]   from batchnorm_part_T, or from a convolution for its own groups
//   weight  f32 [C]; may be null where scale is
//   span    rows of a group but the last; G = M/span, rounded up
//   eps     the bits of an f64
//
// Work     blocks C/32, rounded up; 1024 threads: 32 neighbouring channels times 32, each of
//          which takes every 32nd group, twice
// Shared   8 KiB       Registers  in resources.txt, checked by the build
// Traffic  part once in, and once more from cache
// Bound    latency: G/32 additions one after another; not yet run on a GPU
// Exact    no: groups in steps of 32, then the 32 sums, each in ascending order, in f64;
//          each result rounded once
extern "C" __global__ void __launch_bounds__(1024)
    batchnorm_stats_f32(float *mean, float *var, float *scale, const double *part, const float *weight, i64 M, i64 C, i64 span, i64 eps) {
  const int shares = 32;
  __shared__ double sums[shares][32];
  const i64 c = (i64)blockIdx.x * 32 + threadIdx.x % 32;
  const i64 G = (M + span - 1) / span, first = c < C ? threadIdx.x / 32 : G;
  const double whole = span, rest = M - (G - 1) * span; // rows of a group, and of the last
  const double share = 1 / whole, share_rest = 1 / rest;
  double sum = 0, squares = 0;
  for (i64 g = first; g < G; g += shares) sum += part[2 * g * C + c];
  const double m = column_sum<shares>(sums, sum) / M;
  for (i64 g = first; g < G; g += shares) {
    const bool last = g == G - 1;
    const double d = part[2 * g * C + c] * (last ? share_rest : share) - m;
    squares += part[(2 * g + 1) * C + c] + d * d * (last ? rest : whole);
  }
  squares = column_sum<shares>(sums, squares);
  if (threadIdx.x >= 32 || c >= C) return;
  mean[c] = (float)m;
  var[c] = (float)(squares / M);
  if (scale) scale[c] = (float)(weight[c] / sqrt(squares / M + double_of(eps)));
}

// batchnorm_scale_f32: scale[c] = weight[c] / √(var[c] + eps), where var is given.
//
//   scale   f32 [C]
//   weight  f32 [C]
//   var     f32 [C]
//   eps     the bits of an f64
//
// Work     one thread per channel; 128 threads
// Shared   none        Registers  in resources.txt, checked by the build
// Traffic  a few numbers a channel
// Bound    latency; not yet run on a GPU
// Exact    no: in f64, rounded once
extern "C" __global__ void __launch_bounds__(128) batchnorm_scale_f32(float *scale, const float *weight, const float *var, i64 C, i64 eps) {
  const i64 c = thread_index();
  if (c < C) scale[c] = (float)(weight[c] / sqrt(var[c] + double_of(eps)));
}

template <class T>
static __device__ void batchnorm(T *y, const T *x, const float *mean, const float *scale, const float *bias, const T *plus, i64 n, i64 C, i64 act) {
  const auto norm = [=](i64 c, float x) { return (x - mean[c]) * scale[c] + bias[c]; };
  const auto last = [=](float v) { return act < 0 ? v : activate((i32)act, rounded<T>(v)); };
  if (plus) {
    map_channels<words<T>>(y, n, C, [=](i64 c, float x, float plus) { return last(rounded<T>(norm(c, x)) + plus); }, x, plus);
  } else {
    map_channels<words<T>>(y, n, C, [=](i64 c, float x) { return last(norm(c, x)); }, x);
  }
}

// batchnorm_T: y[m,c] = act((x[m,c] − mean[c])·scale[c] + bias[c] + plus[m,c]).
//
//   y          T   [M,C]
//   x          T   [M,C]
//   mean scale bias  f32 [C]
//   plus       T   [M,C]; may be null
//   n          M·C, below 2³²
//   act        an ActKind, −1 for none
//
// Work     one thread per 16 bytes where C holds whole ones, else per element;
//          256 threads; grid-stride
// Shared   none        Registers  in resources.txt, checked by the build
// Traffic  x and plus once in, y once out; the channels' numbers stay in cache
// Bound    memory; not yet run on a GPU
// Exact    no: mean and scale are rounded to f32; then three roundings in f32, and to T
//          before the addition and before the activation, as kernels of their own do
extern "C" __global__ void __launch_bounds__(256) batchnorm_f32(float *y, const float *x, const float *mean, const float *scale, const float *bias, const float *plus, i64 n, i64 C, i64 act) {
  batchnorm(y, x, mean, scale, bias, plus, n, C, act);
}
extern "C" __global__ void __launch_bounds__(256) batchnorm_bf16(bf16 *y, const bf16 *x, const float *mean, const float *scale, const float *bias, const bf16 *plus, i64 n, i64 C, i64 act) {
  batchnorm(y, x, mean, scale, bias, plus, n, C, act);
}
extern "C" __global__ void __launch_bounds__(256) batchnorm_f16(f16 *y, const f16 *x, const float *mean, const float *scale, const float *bias, const f16 *plus, i64 n, i64 C, i64 act) {
  batchnorm(y, x, mean, scale, bias, plus, n, C, act);
}

template <class T>
static __device__ void batchnorm_back_part(double *part, const T *x, const T *dy, const T *y, const float *mean, i64 M, i64 C, i64 span, i64 act) {
  typedef typename wide<T>::type Sum;
  __shared__ Sum sums[8][32];
  const i64 c = (i64)blockIdx.y * 32 + threadIdx.x % 32;
  const i64 begin = blockIdx.x * span;
  const i64 end = begin + span < M ? begin + span : M;
  const i64 first = c < C ? begin + threadIdx.x / 32 : end;

  Sum sum = 0, products = 0;
  for (i64 m = first; m < end; m += 8) {
    float passed = load(dy[m * C + c]);
    if (y) passed = activate_back((i32)act, load(y[m * C + c]), passed);
    const Sum d = passed;
    sum += d;
    products += d * (load(x[m * C + c]) - (Sum)mean[c]);
  }
  sum = column_sum<8>(sums, sum);
  products = column_sum<8>(sums, products);
  if (threadIdx.x < 32 && c < C) {
    part[2 * blockIdx.x * C + c] = sum;
    part[(2 * blockIdx.x + 1) * C + c] = products;
  }
}

// batchnorm_back_part_T: for the rows m of each group and each channel the sum of
// dy[m,c] and of dy[m,c]·(x[m,c] − mean[c]). Where y is given dy passes back through
// the activation first that gave it.
//
//   part  f64 [G,2,C]   G = M/span, rounded up
//   x     T   [M,C]
//   dy    T   [M,C]
//   y     T   [M,C]; may be null
//   mean  f32 [C]
//   act   y's ActKind
//
// Work     as batchnorm_part_T
// Shared   2 KiB at most  Registers  in resources.txt, checked by the build
// Traffic  x, dy and y once in
// Bound    memory; f64 arithmetic for f32 where it is slow; not yet run on a GPU
// Exact    no: rows in steps of 8, then the 8 sums, each in ascending order
extern "C" __global__ void __launch_bounds__(256) batchnorm_back_part_f32(double *part, const float *x, const float *dy, const float *y, const float *mean, i64 M, i64 C, i64 span, i64 act) {
  batchnorm_back_part(part, x, dy, y, mean, M, C, span, act);
}
extern "C" __global__ void __launch_bounds__(256) batchnorm_back_part_bf16(double *part, const bf16 *x, const bf16 *dy, const bf16 *y, const float *mean, i64 M, i64 C, i64 span, i64 act) {
  batchnorm_back_part(part, x, dy, y, mean, M, C, span, act);
}
extern "C" __global__ void __launch_bounds__(256) batchnorm_back_part_f16(double *part, const f16 *x, const f16 *dy, const f16 *y, const float *mean, i64 M, i64 C, i64 span, i64 act) {
  batchnorm_back_part(part, x, dy, y, mean, M, C, span, act);
}

// batchnorm_back_sums_f32: the gradients of weight and bias, from the parts, and what
// batchnorm_back_T multiplies with and takes off: with r = 1/√(var + eps)
//
//   dbias = Σ dy         dweight = r · Σ dy·(x − mean)
//   scale = weight·r     slope = r·dweight/M     shift = dbias/M
//
//   dweight dbias  f32 [C]     either may be null
//   factors        f32 [3,C]   scale, slope and shift
//   part           f64 [G,2,C] from batchnorm_back_part_T
//   weight var     f32 [C]
//   eps            the bits of an f64
//
// Work     blocks C/32, rounded up; 256 threads: 32 neighbouring channels times 8, each of
//          which takes every eighth group
// Shared   2 KiB       Registers  in resources.txt, checked by the build
// Traffic  part once in
// Bound    latency: G/8 additions one after another; not yet run on a GPU
// Exact    no: groups in steps of 8, then the 8 sums, each in ascending order, in f64;
//          each result rounded once
extern "C" __global__ void __launch_bounds__(256)
    batchnorm_back_sums_f32(float *dweight, float *dbias, float *factors, const double *part, const float *weight, const float *var, i64 M, i64 C, i64 G, i64 eps) {
  __shared__ double sums[8][32];
  const i64 c = (i64)blockIdx.x * 32 + threadIdx.x % 32;
  double sum = 0, products = 0;
  for (i64 g = c < C ? threadIdx.x / 32 : G; g < G; g += 8) {
    sum += part[2 * g * C + c];
    products += part[(2 * g + 1) * C + c];
  }
  sum = column_sum<8>(sums, sum);
  products = column_sum<8>(sums, products);
  if (threadIdx.x >= 32 || c >= C) return;
  const double r = 1 / sqrt(var[c] + double_of(eps));
  products *= r;
  if (dweight) dweight[c] = (float)products;
  if (dbias) dbias[c] = (float)sum;
  factors[c] = (float)(weight[c] * r);
  factors[C + c] = (float)(r * products / M);
  factors[2 * C + c] = (float)(sum / M);
}

template <class T>
static __device__ void batchnorm_back(T *dx, const T *x, const T *dy, const T *y, const float *mean, const float *factors, i64 n, i64 C, i64 running, i64 act) {
  const float *scale = factors, *slope = factors + C, *shift = factors + 2 * C;
  const auto back = [=](i64 c, float x, float dy) { return scale[c] * (dy - (shift[c] + (x - mean[c]) * slope[c])); };
  if (running) {
    map_channels<words<T>>(dx, n, C, [=](i64 c, float dy) { return scale[c] * dy; }, dy);
  } else if (y) {
    map_channels<words<T>>(
        dx, n, C, [=](i64 c, float x, float dy, float y) { return back(c, x, activate_back((i32)act, y, dy)); }, x, dy, y);
  } else {
    map_channels<words<T>>(dx, n, C, back, x, dy);
  }
}

// batchnorm_back_T: dx = scale·(dy − shift − (x − mean)·slope) by channels, with dy
// passed back as in batchnorm_back_part_T; where mean and variance are running ones,
// scale·dy.
//
//   dx       T   [M,C]
//   x dy     T   [M,C]
//   y        T   [M,C]; may be null; not with running ones
//   mean     f32 [C]
//   factors  f32 [3,C]   from batchnorm_back_sums_f32
//   n        M·C, below 2³²
//   running  0 or 1
//   act      y's ActKind
//
// Work     as batchnorm_T
// Shared   none        Registers  in resources.txt, checked by the build
// Traffic  x, dy and y once in, dx once out
// Bound    memory; not yet run on a GPU
// Exact    no: the factors are rounded to f32; then in f32
extern "C" __global__ void __launch_bounds__(256) batchnorm_back_f32(float *dx, const float *x, const float *dy, const float *y, const float *mean, const float *factors, i64 n, i64 C, i64 running, i64 act) {
  batchnorm_back(dx, x, dy, y, mean, factors, n, C, running, act);
}
extern "C" __global__ void __launch_bounds__(256) batchnorm_back_bf16(bf16 *dx, const bf16 *x, const bf16 *dy, const bf16 *y, const float *mean, const float *factors, i64 n, i64 C, i64 running, i64 act) {
  batchnorm_back(dx, x, dy, y, mean, factors, n, C, running, act);
}
extern "C" __global__ void __launch_bounds__(256) batchnorm_back_f16(f16 *dx, const f16 *x, const f16 *dy, const f16 *y, const float *mean, const float *factors, i64 n, i64 C, i64 running, i64 act) {
  batchnorm_back(dx, x, dy, y, mean, factors, n, C, running, act);
}

// batchnorm_track_f32: running = running + momentum·(factor·batch − running), for many
// tensors.
//
//   arena  the memory that all tensors lie in; running is overwritten
//   table  i64 [T,5]   for each piece of a tensor the offsets of running and batch in the arena,
//                      in bytes, the number of elements, all f32, and the bits of
//                      momentum and factor, which are f64
//   gate   i32 [1]     nothing happens where it is 0
//
// Work     one block per piece (T blocks); 256 threads
// Shared   none        Registers  in resources.txt, checked by the build
// Traffic  running and batch once in, running once out
// Bound    memory, or latency where statistics are few; not yet run on a GPU
// Exact    no: in f64, rounded once
extern "C" __global__ void __launch_bounds__(256) batchnorm_track_f32(char *arena, const i64 *table, const i32 *gate) {
  if (*gate == 0) return;
  const i64 *row = table + 5 * blockIdx.x;
  float *running = (float *)(arena + row[0]);
  const float *batch = (const float *)(arena + row[1]);
  const double momentum = double_of(row[3]), factor = double_of(row[4]);
  for (i64 i = threadIdx.x; i < row[2]; i += blockDim.x) {
    running[i] = (float)(running[i] + momentum * (batch[i] * factor - running[i]));
  }
}
