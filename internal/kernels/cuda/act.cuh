// Activation functions.

// activate is the function of that graph.ActKind: ReLU 0, ReLU6 1, GELU 2, SiLU 3.
static __device__ float activate(i32 kind, float x) {
  switch (kind) {
  case 0: return x <= 0 ? 0 : x;
  case 1: return x <= 0 ? 0 : x >= 6 ? 6 : x;
  case 2: return 0.5f * x * erfcf(-0.70710678f * x);
  default: return x / (1 + expf(-x));
  }
}

// act_relu_f32: y = max(x, 0); a NaN stays one.
//
//   y    f32 [n]
//   x    f32 [n]
//
// Work     one thread per element; 256 threads; grid-stride
// Shared   none        Registers  ≤ 40, checked by the build
// Traffic  x once in, y once out: 8 bytes an element
// Bound    memory; not yet run on a GPU
// Exact    yes, equal to kernels/ref/act.go bit for bit
extern "C" __global__ void __launch_bounds__(256) act_relu_f32(float *y, const float *x, i64 n) {
  for (i64 i = thread_index(); i < n; i += thread_count()) {
    y[i] = x[i] <= 0 ? 0 : x[i];
  }
}

// act_relu_back_f32: dx = dy where y > 0, and 0 elsewhere.
//
//   dx   f32 [n]
//   y    f32 [n]
//   dy   f32 [n]
//
// Work     one thread per element; 256 threads; grid-stride
// Shared   none        Registers  ≤ 40, checked by the build
// Traffic  y and dy once in, dx once out: 12 bytes an element
// Bound    memory; not yet run on a GPU
// Exact    yes, equal to kernels/ref/act.go bit for bit
extern "C" __global__ void __launch_bounds__(256) act_relu_back_f32(float *dx, const float *y, const float *dy, i64 n) {
  for (i64 i = thread_index(); i < n; i += thread_count()) {
    dx[i] = y[i] > 0 ? dy[i] : 0;
  }
}
