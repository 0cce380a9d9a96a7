// Activation functions. T is f32, bf16 or f16.

// activate is the graph.ActKind ReLU, 0, or ReLU6, 1, which convolutions, products and
// batch norms apply to their results too.
static __device__ float activate(i32 kind, float x) { return x <= 0 ? 0 : kind == 1 && x > 6 ? 6 : x; }

// activate_back is the gradient that passes back through it, where it gave y.
static __device__ float activate_back(i32 kind, float y, float dy) { return y > 0 && (kind != 1 || y < 6) ? dy : 0; }

template <class T> static __device__ void act_relu(T *y, const T *x, i64 n) {
  map<words<T>>(y, n, [](float x) { return activate(0, x); }, x);
}

template <class T> static __device__ void act_relu_back(T *dx, const T *y, const T *dy, i64 n) {
  map<words<T>>(dx, n, [](float y, float dy) { return activate_back(0, y, dy); }, y, dy);
}

// act_relu_T: y = max(x, 0); a NaN stays one.
//
//   y    T [n]
//   x    T [n]
//
// Work     one thread per 16 bytes of each tensor, and for the rest per element;
//          256 threads; grid-stride
// Shared   none        Registers  in resources.txt, checked by the build
// Traffic  x once in, y once out
// Bound    memory; not yet run on a GPU
// Exact    yes, equal to kernels/ref/act.go bit for bit
extern "C" __global__ void __launch_bounds__(256) act_relu_f32(float *y, const float *x, i64 n) {
  act_relu(y, x, n);
}
extern "C" __global__ void __launch_bounds__(256) act_relu_bf16(bf16 *y, const bf16 *x, i64 n) {
  act_relu(y, x, n);
}
extern "C" __global__ void __launch_bounds__(256) act_relu_f16(f16 *y, const f16 *x, i64 n) {
  act_relu(y, x, n);
}

// act_relu_back_T: dx = dy where y > 0, and 0 elsewhere.
//
//   dx   T [n]
//   y    T [n]
//   dy   T [n]
//
// Work     one thread per 16 bytes of each tensor, and for the rest per element;
//          256 threads; grid-stride
// Shared   none        Registers  in resources.txt, checked by the build
// Traffic  y and dy once in, dx once out
// Bound    memory; not yet run on a GPU
// Exact    yes, equal to kernels/ref/act.go bit for bit
extern "C" __global__ void __launch_bounds__(256) act_relu_back_f32(float *dx, const float *y, const float *dy, i64 n) {
  act_relu_back(dx, y, dy, n);
}
extern "C" __global__ void __launch_bounds__(256) act_relu_back_bf16(bf16 *dx, const bf16 *y, const bf16 *dy, i64 n) {
  act_relu_back(dx, y, dy, n);
}
extern "C" __global__ void __launch_bounds__(256) act_relu_back_f16(f16 *dx, const f16 *y, const f16 *dy, i64 n) {
  act_relu_back(dx, y, dy, n);
}

template <class T> static __device__ void act_relu6(T *y, const T *x, i64 n) {
  map<words<T>>(y, n, [](float x) { return activate(1, x); }, x);
}

template <class T> static __device__ void act_relu6_back(T *dx, const T *y, const T *dy, i64 n) {
  map<words<T>>(dx, n, [](float y, float dy) { return activate_back(1, y, dy); }, y, dy);
}

// act_relu6_T: y = min(max(x, 0), 6); a NaN stays one.
//
//   y    T [n]
//   x    T [n]
//
// Work     one thread per 16 bytes of each tensor, and for the rest per element;
//          256 threads; grid-stride
// Shared   none        Registers  in resources.txt, checked by the build
// Traffic  x once in, y once out
// Bound    memory; not yet run on a GPU
// Exact    yes, equal to kernels/ref/act.go bit for bit
extern "C" __global__ void __launch_bounds__(256) act_relu6_f32(float *y, const float *x, i64 n) {
  act_relu6(y, x, n);
}
extern "C" __global__ void __launch_bounds__(256) act_relu6_bf16(bf16 *y, const bf16 *x, i64 n) {
  act_relu6(y, x, n);
}
extern "C" __global__ void __launch_bounds__(256) act_relu6_f16(f16 *y, const f16 *x, i64 n) {
  act_relu6(y, x, n);
}

// act_relu6_back_T: dx = dy where 0 < y < 6, and 0 elsewhere.
//
//   dx   T [n]
//   y    T [n]
//   dy   T [n]
//
// Work     one thread per 16 bytes of each tensor, and for the rest per element;
//          256 threads; grid-stride
// Shared   none        Registers  in resources.txt, checked by the build
// Traffic  y and dy once in, dx once out
// Bound    memory; not yet run on a GPU
// Exact    yes, equal to kernels/ref/act.go bit for bit
extern "C" __global__ void __launch_bounds__(256) act_relu6_back_f32(float *dx, const float *y, const float *dy, i64 n) {
  act_relu6_back(dx, y, dy, n);
}
extern "C" __global__ void __launch_bounds__(256) act_relu6_back_bf16(bf16 *dx, const bf16 *y, const bf16 *dy, i64 n) {
  act_relu6_back(dx, y, dy, n);
}
extern "C" __global__ void __launch_bounds__(256) act_relu6_back_f16(f16 *dx, const f16 *y, const f16 *dy, i64 n) {
  act_relu6_back(dx, y, dy, n);
}

// GELU and SiLU fall to a least value before they rise, near −0.75 and −1.28. There an
// error of x hardly tells, and the conformance suite allows the result little more than its
// rounding, while the formulas in f32 err by two or three.

// composed<T> elements at a time keep f64 formulas within their registers.
template <class T> static constexpr int composed = sizeof(T) == 4 ? 1 : words<T>;

// The share Φ(x) of the normal distribution below x.
static __device__ double normal_share(double x) { return 0.5 * erfc(-0.70710678118654752 * x); }
static __device__ float normal_share(float x) { return 0.5f * erfcf(-0.707106781f * x); }

// Its density φ(x).
static __device__ double normal_density(double x) { return 0.39894228040143268 * exp(-0.5 * x * x); }
static __device__ float normal_density(float x) { return 0.398942280f * expf(-0.5f * x * x); }

template <class T> static __device__ void act_gelu(T *y, const T *x, i64 n) {
  typedef typename wide<T>::type W;
  map<composed<T>>(y, n, [](float x) { return x * normal_share((W)x); }, x);
}

template <class T> static __device__ void act_gelu_back(T *dx, const T *x, const T *dy, i64 n) {
  typedef typename wide<T>::type W;
  map<composed<T>>(dx, n, [](float x, float dy) {
    const W share = normal_share((W)x), density = normal_density((W)x);
    return dy * (share + x * density);
  }, x, dy);
}

// act_gelu_T: y = x·Φ(x).
//
//   y    T [n]
//   x    T [n]
//
// Work     one thread per 16 bytes of each tensor, and for the rest per element;
//          256 threads; grid-stride
// Shared   none        Registers  in resources.txt, checked by the build
// Traffic  x once in, y once out
// Bound    memory for 16 bits; f64 arithmetic for f32 where it is slow; not yet run on a
//          GPU
// Exact    no: libm's erfc and exp in f64 for f32, then one rounding; in f32 for 16 bits
extern "C" __global__ void __launch_bounds__(256) act_gelu_f32(float *y, const float *x, i64 n) {
  act_gelu(y, x, n);
}
extern "C" __global__ void __launch_bounds__(256) act_gelu_bf16(bf16 *y, const bf16 *x, i64 n) {
  act_gelu(y, x, n);
}
extern "C" __global__ void __launch_bounds__(256) act_gelu_f16(f16 *y, const f16 *x, i64 n) {
  act_gelu(y, x, n);
}

// act_gelu_back_T: dx = dy·(Φ(x) + x·φ(x)).
//
//   dx   T [n]
//   x    T [n]
//   dy   T [n]
//
// Work     one thread per 16 bytes of each tensor, and for the rest per element;
//          256 threads; grid-stride
// Shared   none        Registers  in resources.txt, checked by the build
// Traffic  x and dy once in, dx once out
// Bound    memory for 16 bits; f64 arithmetic for f32 where it is slow; not yet run on a
//          GPU
// Exact    no: libm's erfc and exp in f64 for f32, then one rounding; in f32 for 16 bits
extern "C" __global__ void __launch_bounds__(256) act_gelu_back_f32(float *dx, const float *x, const float *dy, i64 n) {
  act_gelu_back(dx, x, dy, n);
}
extern "C" __global__ void __launch_bounds__(256) act_gelu_back_bf16(bf16 *dx, const bf16 *x, const bf16 *dy, i64 n) {
  act_gelu_back(dx, x, dy, n);
}
extern "C" __global__ void __launch_bounds__(256) act_gelu_back_f16(f16 *dx, const f16 *x, const f16 *dy, i64 n) {
  act_gelu_back(dx, x, dy, n);
}

// logistic leaves 1/(1 + e⁻ˣ) in share, and returns the rest, 1/(1 + eˣ).
static __device__ double logistic(double x, double *share) {
  const double e = exp(-fabs(x)), more = 1 / (1 + e), less = e * more;
  *share = x < 0 ? less : more;
  return x < 0 ? more : less;
}
static __device__ float logistic(float x, float *share) {
  const float e = expf(-fabsf(x)), more = 1 / (1 + e), less = e * more;
  *share = x < 0 ? less : more;
  return x < 0 ? more : less;
}

template <class T> static __device__ void act_silu(T *y, const T *x, i64 n) {
  typedef typename wide<T>::type W;
  map<composed<T>>(y, n, [](float x) {
    W share;
    logistic((W)x, &share);
    return x * share;
  }, x);
}

template <class T> static __device__ void act_silu_back(T *dx, const T *x, const T *dy, i64 n) {
  typedef typename wide<T>::type W;
  map<composed<T>>(dx, n, [](float x, float dy) {
    W share;
    const W rest = logistic((W)x, &share);
    return dy * (share * (1 + x * rest));
  }, x, dy);
}

// act_silu_T: y = x·σ(x), σ(x) = 1/(1 + e⁻ˣ).
//
//   y    T [n]
//   x    T [n]
//
// Work     one thread per 16 bytes of each tensor, and for the rest per element;
//          256 threads; grid-stride
// Shared   none        Registers  in resources.txt, checked by the build
// Traffic  x once in, y once out
// Bound    memory for 16 bits; f64 arithmetic for f32 where it is slow; not yet run on a
//          GPU
// Exact    no: libm's exp in f64 for f32, then one rounding; in f32 for 16 bits
extern "C" __global__ void __launch_bounds__(256) act_silu_f32(float *y, const float *x, i64 n) {
  act_silu(y, x, n);
}
extern "C" __global__ void __launch_bounds__(256) act_silu_bf16(bf16 *y, const bf16 *x, i64 n) {
  act_silu(y, x, n);
}
extern "C" __global__ void __launch_bounds__(256) act_silu_f16(f16 *y, const f16 *x, i64 n) {
  act_silu(y, x, n);
}

// act_silu_back_T: dx = dy·σ(x)·(1 + x·(1 − σ(x))).
//
//   dx   T [n]
//   x    T [n]
//   dy   T [n]
//
// Work     one thread per 16 bytes of each tensor, and for the rest per element;
//          256 threads; grid-stride
// Shared   none        Registers  in resources.txt, checked by the build
// Traffic  x and dy once in, dx once out
// Bound    memory for 16 bits; f64 arithmetic for f32 where it is slow; not yet run on a
//          GPU
// Exact    no: libm's exp in f64 for f32, then one rounding; in f32 for 16 bits
extern "C" __global__ void __launch_bounds__(256, 4) act_silu_back_f32(float *dx, const float *x, const float *dy, i64 n) {
  act_silu_back(dx, x, dy, n);
}
extern "C" __global__ void __launch_bounds__(256, 4) act_silu_back_bf16(bf16 *dx, const bf16 *x, const bf16 *dy, i64 n) {
  act_silu_back(dx, x, dy, n);
}
extern "C" __global__ void __launch_bounds__(256, 4) act_silu_back_f16(f16 *dx, const f16 *x, const f16 *dy, i64 n) {
  act_silu_back(dx, x, dy, n);
}
