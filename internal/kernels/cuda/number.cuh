// The types that tensors are stored as. Arithmetic is in float: a 16-bit number
// is widened when it is read, and rounded to nearest even when it is stored.

#include <cuda_bf16.h>
#include <cuda_fp16.h>

typedef __nv_bfloat16 bf16;
typedef __half f16;

static __device__ float widen(float v) { return v; }
static __device__ float widen(bf16 v) { return __bfloat162float(v); }
static __device__ float widen(f16 v) { return __half2float(v); }

template <class T> static __device__ T narrow(float v);
template <> __device__ float narrow<float>(float v) { return v; }
template <> __device__ bf16 narrow<bf16>(float v) { return __float2bfloat16(v); }
template <> __device__ f16 narrow<f16>(float v) { return __float2half(v); }
