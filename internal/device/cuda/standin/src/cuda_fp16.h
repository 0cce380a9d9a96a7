// CUDA's half precision for g++.
#pragma once
#include "language.h"

struct __half {
  uint16_t bits;
};
typedef __half half;
struct alignas(4) __half2 {
  __half x, y;
};
typedef __half2 half2;

namespace standin {
// Conversions in integers, for g++ 12 has _Float16 on some targets only.
float half_to_float(uint16_t v);
uint16_t float_to_half(float v);
} // namespace standin

inline float __half2float(__half v) { return standin::half_to_float(v.bits); }
inline __half __float2half_rn(float v) { return {standin::float_to_half(v)}; }
inline __half __float2half(float v) { return __float2half_rn(v); }
inline __half2 __floats2half2_rn(float x, float y) { return {__float2half(x), __float2half(y)}; }
inline float2 __half22float2(__half2 v) { return {__half2float(v.x), __half2float(v.y)}; }
inline unsigned short __half_as_ushort(__half v) { return v.bits; }
inline __half __ushort_as_half(unsigned short v) { return {v}; }
