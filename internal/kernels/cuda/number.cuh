// Numbers of 16 bits, and loops over elements. The 16 bits are for memory alone:
// load widens to f32, all arithmetic is in f32 or wider, and store rounds to
// nearest, of two as near to the even one, as package half does.

struct bf16 {
  u16 bits;
};
struct f16 {
  u16 bits;
};

static __device__ u32 bits_of(float x) {
  u32 bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

static __device__ float float_of(u32 bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

static __device__ double double_of(i64 bits) {
  double x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

static __device__ float load(float x) { return x; }

static __device__ float load(bf16 x) { return float_of((u32)x.bits << 16); }

static __device__ float load(f16 x) {
#ifdef __CUDA_ARCH__
  float y;
  asm("cvt.f32.f16 %0, %1;" : "=f"(y) : "h"(x.bits));
  return y;
#else
  const u32 sign = (u32)(x.bits & 0x8000) << 16;
  u32 size = x.bits & 0x7FFF;
  if (size >= 31 << 10) {
    size = size << 13 | 0xFFu << 23;
  } else if (size < 1 << 10) {
    size = bits_of((float)size * 0x1p-24f);
  } else {
    size = (size << 13) + (112u << 23); // the bias of 15 becomes 127
  }
  return float_of(sign | size);
#endif
}

static __device__ void store(float &to, float x) { to = x; }

static __device__ void store(float &to, double x) { to = (float)x; }

static __device__ void store(bf16 &to, float x) {
  const u32 bits = bits_of(x);
  to.bits = (u16)(isnan(x) ? bits >> 16 | 1 << 6 : (bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

static __device__ void store(f16 &to, float x) {
#ifdef __CUDA_ARCH__
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(to.bits) : "f"(x));
#else
  const u32 sign = bits_of(x) >> 16 & 0x8000;
  u32 size = bits_of(x) & 0x7FFFFFFF;
  if (isnan(x)) {
    size = 0x7E00;
  } else if (size >= 0x477FF000) { // 65520, half-way to the first number beyond
    size = 31 << 10;
  } else if (size < 0x38800000) { // a multiple of 2⁻²⁴, which adding 1/2 rounds to
    size = bits_of(float_of(size) + 0.5f) - 0x3F000000;
  } else {
    size -= 112u << 23;
    size = (size + 0xFFF + (size >> 13 & 1)) >> 13;
  }
  to.bits = (u16)(sign | size);
#endif
}

// rounded is what load finds where store has put x.
template <class T> static __device__ float rounded(float x) {
  T t;
  store(t, x);
  return load(t);
}

// wide<T>::type is what the many terms of a mean are summed in, and formulas whose
// value is small beside their terms, so that what is stored is rounded once, or nearly so:
// f64 for f32, and f32 for 16 bits.
template <class T> struct wide {
  typedef float type;
};
template <> struct wide<float> {
  typedef double type;
};

// A pack is w neighbouring elements, which move through 16-byte words.
template <class T, int w> struct alignas(w * sizeof(T) < 16 ? w * sizeof(T) : 16) pack {
  T at[w];
};

// words<T> elements are 16 bytes.
template <class T> static constexpr int words = 16 / sizeof(T);

template <class Y, int w, class F, class... X> static __device__ pack<Y, w> mapped(F f, const pack<X, w> &...x) {
  pack<Y, w> y;
  for (int j = 0; j < w; j++) store(y.at[j], f(j, load(x.at[j])...));
  return y;
}

// map sets y[i] = f(x[i]...) for i < n, w elements at a time and the rest one by
// one. Tensors begin at multiples of 16 bytes.
template <int w, class Y, class F, class... X> static __device__ void map(Y *y, i64 n, F f, const X *...x) {
  const auto each = [&](int, auto... v) { return f(v...); };
  for (i64 i = thread_index(); i < n / w; i += thread_count()) {
    ((pack<Y, w> *)y)[i] = mapped<Y, w>(each, ((const pack<X, w> *)x)[i]...);
  }
  for (i64 i = n / w * w + thread_index(); i < n; i += thread_count()) store(y[i], f(load(x[i])...));
}

// map_channels sets y[m,c] = f(c, x[m,c]...) for n elements in rows of C, n < 2³².
template <int w, class Y, class F, class... X> static __device__ void map_channels(Y *y, i64 n, i64 C, F f, const X *...x) {
  if (C % w != 0) {
    for (i64 i = thread_index(); i < n; i += thread_count()) store(y[i], f((u32)i % (u32)C, load(x[i])...));
    return;
  }
  for (i64 i = thread_index(); i < n / w; i += thread_count()) {
    const u32 c = (u32)(i * w) % (u32)C;
    const auto each = [&](int j, auto... v) { return f(c + j, v...); };
    ((pack<Y, w> *)y)[i] = mapped<Y, w>(each, ((const pack<X, w> *)x)[i]...);
  }
}
