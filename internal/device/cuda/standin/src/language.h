// What kernels.cu uses of CUDA's language, for g++. The macro STANDIN tells a
// kernel that it is compiled for the stand-in, where PTX cannot be had.
//
// In place of PTX a kernel says standin::warp for work that the 32 lanes of a
// warp do together, and standin::cp_async, cp_commit and cp_wait for copies
// that arrive late.
#pragma once

#define STANDIN 1

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

// Before the macros below, some of whose names these headers use.
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>

#include <algorithm>
#include <type_traits>
#include <utility>
#include <vector>

namespace standin {

struct Index {
  unsigned x, y, z;
};

struct Block;

// A Copy is one cp.async that was asked for and has not arrived.
struct Copy {
  void *to;
  const void *from;
  int bytes, filled; // filled: how many come from `from`; the rest is zero
  int group;
};

// A Thread is one CUDA thread of the block that an OS thread runs.
struct Thread {
  Index index;
  unsigned id;
  void *stack; // where it goes on, while others run
  bool ended;
  int group; // cp.async groups committed so far
  std::vector<Copy> copies;
};

// Here is where an OS thread stands. It is the only thread-local variable of
// the library that is not a kernel's shared memory: see shared.cpp.
struct alignas(64) Here {
  Thread *thread; // null outside kernels
  Block *block;
  Index at, size, grid; // the block, its threads, and the blocks
  const char *kernel;
};
extern __thread Here here;

void barrier(int line);

// meet waits until all lanes of mask that have not ended are here with the same
// `what`. The last of them calls last(closure, lanes), where lanes[i] is what
// lane i gave as `mine`, null for a lane that is not in mask or has ended.
void meet(unsigned mask, const char *what, void *mine, void (*last)(void *, void **), void *closure);

// whole_warp stops the program if a lane is missing.
void whole_warp(void *const *lanes, const char *what);

// warp is what all 32 lanes of a warp do together: each gives the address of its
// data, and the last to come runs f(lanes) on all of it, lanes being T *[32].
template <class T, class F> void warp(T *mine, F f, const char *what = __builtin_FUNCTION()) {
  struct Closure {
    F *f;
    const char *what;
  } closure{&f, what};
  meet(0xffffffffu, what, mine,
       [](void *c, void **lanes) {
         whole_warp(lanes, ((Closure *)c)->what);
         (*((Closure *)c)->f)((T **)lanes);
       },
       &closure);
}

// cp_async asks for a copy to shared memory, of which only `filled` bytes are
// read and the rest becomes zero. Until the wait the destination holds NaNs.
void cp_async(void *shared, const void *global, int bytes, int filled);
inline void cp_async(void *shared, const void *global, int bytes) { cp_async(shared, global, bytes, bytes); }
void cp_commit();
// cp_wait lets all groups arrive but the `pending` newest.
void cp_wait(int pending);

// d = a·b + d for one m16n8k16 tile, fragments as PTX's mma.sync has them; type
// T has a float conversion. tile does rows × columns of them in one meeting:
// d[rows][columns][4], a[rows][4], b[columns][2].
void mma_bf16(float *d, const uint32_t *a, const uint32_t *b, int rows, int columns);
void mma_f16(float *d, const uint32_t *a, const uint32_t *b, int rows, int columns);

// ldmatrix gives register i of each lane its part of 8×8 matrix i of `count`,
// whose row r lies where lane 8·i + r points; transposed if asked.
void ldmatrix(uint32_t *registers, const void *row, int count, bool transposed);

template <class T> T shuffle(unsigned mask, T v, int width, int (*source)(int lane, int by, int width), int by) {
  static_assert(sizeof(T) <= 8 && std::is_trivially_copyable_v<T>);
  struct Lane {
    T v, got;
    int from;
  } mine{v, v, 0};
  const int lane = here.thread->id % 32;
  mine.from = source(lane, by, width);
  meet(mask, "shuffle", &mine,
       [](void *, void **lanes) {
         for (int i = 0; i < 32; i++) {
           Lane *to = (Lane *)lanes[i];
           if (!to) continue;
           // A lane that takes no part has nothing to give.
           if (const Lane *from = (Lane *)lanes[to->from]) to->got = from->v;
           else memset((void *)&to->got, 0xff, sizeof to->got);
         }
       },
       nullptr);
  return mine.got;
}

unsigned vote(unsigned mask, bool yes);

} // namespace standin

#define threadIdx (standin::here.thread->index)
#define blockIdx (standin::here.at)
#define blockDim (standin::here.size)
#define gridDim (standin::here.grid)
#define warpSize 32

#ifdef STANDIN_LIST // the build lists the kernels of the preprocessed source
#define __global__ STANDIN_GLOBAL
#define __launch_bounds__(...) STANDIN_BOUNDS(__VA_ARGS__)
#else
#define __global__
#define __launch_bounds__(...)
#endif
#define __device__
#define __host__
#define __constant__ static const
#define __shared__ static thread_local
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __align__(n) __attribute__((aligned(n)))
#define __grid_constant__

inline void __syncthreads(int line = __builtin_LINE()) { standin::barrier(line); }
inline void __syncwarp(unsigned mask = 0xffffffffu) {
  standin::meet(mask, "__syncwarp", &mask, [](void *, void **) {}, nullptr);
}
inline void __threadfence() {}
inline void __threadfence_block() {}

template <class T> T __shfl_xor_sync(unsigned mask, T v, int by, int width = 32) {
  return standin::shuffle(mask, v, width, [](int lane, int by, int) { return (lane ^ by) & 31; }, by);
}
template <class T> T __shfl_down_sync(unsigned mask, T v, int by, int width = 32) {
  return standin::shuffle(mask, v, width, [](int lane, int by, int width) {
    return lane % width + by < width ? lane + by : lane; }, by);
}
template <class T> T __shfl_up_sync(unsigned mask, T v, int by, int width = 32) {
  return standin::shuffle(mask, v, width, [](int lane, int by, int width) {
    return lane % width >= by ? lane - by : lane; }, by);
}
template <class T> T __shfl_sync(unsigned mask, T v, int from, int width = 32) {
  return standin::shuffle(mask, v, width, [](int lane, int from, int width) {
    return lane / width * width + (from & (width - 1)); }, from);
}
inline unsigned __ballot_sync(unsigned mask, int yes) { return standin::vote(mask, yes); }
inline int __any_sync(unsigned mask, int yes) { return standin::vote(mask, yes) != 0; }
inline int __all_sync(unsigned mask, int yes) { return standin::vote(mask, !yes) == 0; }

struct alignas(8) float2 { float x, y; };
struct alignas(16) float4 { float x, y, z, w; };
struct alignas(8) int2 { int x, y; };
struct alignas(16) int4 { int x, y, z, w; };
struct alignas(8) uint2 { unsigned x, y; };
struct alignas(16) uint4 { unsigned x, y, z, w; };
typedef standin::Index uint3, dim3;
inline float2 make_float2(float x, float y) { return {x, y}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
inline int2 make_int2(int x, int y) { return {x, y}; }
inline int4 make_int4(int x, int y, int z, int w) { return {x, y, z, w}; }
inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }

using std::max;
using std::min;
using std::isfinite;
using std::isinf;
using std::isnan;

template <class T> T __ldg(const T *p) { return *p; }
template <class To, class From> To standin_bits(From v) {
  static_assert(sizeof(To) == sizeof(From));
  To r;
  memcpy(&r, &v, sizeof r);
  return r;
}
inline int __float_as_int(float v) { return standin_bits<int>(v); }
inline unsigned __float_as_uint(float v) { return standin_bits<unsigned>(v); }
inline float __int_as_float(int v) { return standin_bits<float>(v); }
inline float __uint_as_float(unsigned v) { return standin_bits<float>(v); }
inline float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline float __fsqrt_rn(float a) { return sqrtf(a); }
inline float __expf(float v) { return expf(v); }
inline float rsqrtf(float v) { return 1 / sqrtf(v); }
inline int __popc(unsigned v) { return __builtin_popcount(v); }
inline int __clz(int v) { return v ? __builtin_clz(v) : 32; }
inline int __ffs(int v) { return __builtin_ffs(v); }
inline unsigned __umulhi(unsigned a, unsigned b) { return (uint64_t)a * b >> 32; }
inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) { return (unsigned __int128)a * b >> 64; }
