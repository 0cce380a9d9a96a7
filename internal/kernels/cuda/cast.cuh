// Numbers of one floating-point type in another.

template <class Y, class X> static __device__ void cast(Y *y, const X *x, i64 n) {
  map<8>(y, n, [](float x) { return x; }, x);
}

// cast_X_Y: y = x for any X and Y, rounded to nearest, of two as near to the even one.
//
//   y    Y [n]
//   x    X [n]
//
// Work     one thread per 8 elements, and for the rest per element; 256 threads;
//          grid-stride
// Shared   none        Registers  in resources.txt, checked by the build
// Traffic  x once in, y once out
// Bound    memory; not yet run on a GPU
// Exact    yes, equal to package half; a NaN stays one
extern "C" __global__ void __launch_bounds__(256) cast_f32_f32(float *y, const float *x, i64 n) {
  cast(y, x, n);
}
extern "C" __global__ void __launch_bounds__(256) cast_f32_bf16(bf16 *y, const float *x, i64 n) {
  cast(y, x, n);
}
extern "C" __global__ void __launch_bounds__(256) cast_f32_f16(f16 *y, const float *x, i64 n) {
  cast(y, x, n);
}
extern "C" __global__ void __launch_bounds__(256) cast_bf16_f32(float *y, const bf16 *x, i64 n) {
  cast(y, x, n);
}
extern "C" __global__ void __launch_bounds__(256) cast_bf16_bf16(bf16 *y, const bf16 *x, i64 n) {
  cast(y, x, n);
}
extern "C" __global__ void __launch_bounds__(256) cast_bf16_f16(f16 *y, const bf16 *x, i64 n) {
  cast(y, x, n);
}
extern "C" __global__ void __launch_bounds__(256) cast_f16_f32(float *y, const f16 *x, i64 n) {
  cast(y, x, n);
}
extern "C" __global__ void __launch_bounds__(256) cast_f16_bf16(bf16 *y, const f16 *x, i64 n) {
  cast(y, x, n);
}
extern "C" __global__ void __launch_bounds__(256) cast_f16_f16(f16 *y, const f16 *x, i64 n) {
  cast(y, x, n);
}
