// What a kernel does wrong, and what memory shows of it.

#include "scenario.h"

#define KERNEL_FAULT(name, ...)        \
  static Scenario name(#name, [] {     \
    __VA_ARGS__;                       \
    CODE("synchronize", cuCtxSynchronize()); \
  });

// Bounds: 256 floats end where a page does, 60 floats before an edge of 256 bytes.
KERNEL_FAULT(store_past_end, launch("put", 32, nullptr, room(1024), (int64_t)256))
KERNEL_FAULT(store_into_padding, launch("put", 32, nullptr, room(240), (int64_t)60))
KERNEL_FAULT(load_past_end, launch("take", 32, nullptr, room(4), room(1024), (int64_t)1000))
KERNEL_FAULT(store_before_beginning, launch("put", 32, nullptr, room(1024), (int64_t)-300))
KERNEL_FAULT(use_after_free, const auto y = room(1024); MUST(cuMemFree_v2(y)); launch("put", 32, nullptr, y, (int64_t)0))
KERNEL_FAULT(null_pointer, launch("put", 32, nullptr, (CUdeviceptr)0, (int64_t)0))

KERNEL_FAULT(barrier_for_some, launch("barrier_for_some", 64, nullptr, room(256)))
KERNEL_FAULT(two_barriers, launch("two_barriers", 64, nullptr, room(256)))
KERNEL_FAULT(stack_overflow, launch("deep", 32, nullptr, room(256)))
KERNEL_FAULT(division_by_zero, launch("divide", 32, nullptr, room(256), (int64_t)1, (int64_t)0))
KERNEL_FAULT(misaligned_copy_from, launch("copy_from", 1, nullptr, room(32), (int64_t)2))
KERNEL_FAULT(misaligned_copy_to, launch("copy_to", 1, nullptr, room(32), (int64_t)2))
KERNEL_FAULT(misaligned_row, launch("load_rows", 32, nullptr, room(32 * 4 * 4), (int64_t)4))
KERNEL_FAULT(lane_left, launch("lane_left", 32, nullptr, room(256)))

static Scenario fresh("fresh_memory_is_nan", [] { show(room(16), 4); });
static Scenario unfilled("unfilled_shared_is_nan", [] {
  const auto y = room(256);
  for (int64_t filled : {0, 3}) MUST(launch("unfilled", 4, nullptr, y, filled)), show(y, 4);
});
static Scenario copied("copied", [] {
  const auto y = room(256), x = room(256);
  const float ones[4] = {1, 1, 1, 1};
  MUST(cuMemcpyHtoD_v2(x, ones, sizeof ones));
  for (int64_t wait : {0, 1}) MUST(launch("copied", 4, nullptr, y, x, wait)), show(y, 4);
});

// Shuffled, the order of threads shows in what an unguarded kernel gives.
static void reversed(const char *name) {
  const auto y = room(256);
  MUST(launch(name, 64, nullptr, y));
  show(y, 64);
}
static Scenario unguarded("reverse_unguarded", [] { reversed("reverse_unguarded"); });
static Scenario guarded("reverse", [] { reversed("reverse"); });

// A copy to pinned memory has not come before somebody waits, and one from there
// takes what it finds when it runs.
static Scenario read_early("async_copy_read_early", [] {
  float *pinned;
  MUST(cuMemAllocHost_v2((void **)&pinned, 4));
  const auto s = stream();
  const auto y = room(4);
  *pinned = 5;
  MUST(cuMemcpyHtoDAsync_v2(y, pinned, 4, s));
  *pinned = 6;
  MUST(cuMemcpyDtoHAsync_v2(pinned, y, 4, s));
  *pinned = 7;
  printf("%g\n", *pinned);
  MUST(cuStreamSynchronize(s));
  printf("%g\n", *pinned);
});

// A memset without a stream is done later than the call returns, and no stream that
// does not block waits for it: it wipes what such a stream wrote. On the stream it
// comes before, as it does for a stream that blocks.
static void memset_then_copy(bool on_stream, CUstream s) {
  const auto y = room(16);
  float *pinned;
  MUST(cuMemAllocHost_v2((void **)&pinned, 8));
  pinned[0] = pinned[1] = 5;
  if (on_stream) MUST(cuMemsetD8Async(y, 0, 16, s));
  else
    MUST(cuMemsetD8_v2(y, 0, 16));
  MUST(cuMemcpyHtoDAsync_v2(y, pinned, 8, s));
  MUST(cuStreamSynchronize(s));
  show(y, 4);
}
static Scenario memset_unordered("memset_without_stream", [] { memset_then_copy(false, stream()); });
static Scenario memset_blocking("memset_without_stream_blocking", [] {
  CUstream s;
  MUST(cuStreamCreate(&s, 0));
  memset_then_copy(false, s);
});
static Scenario memset_ordered("memset_on_stream", [] { memset_then_copy(true, stream()); });

static Scenario limit("memory_limit", [] {
  CUdeviceptr a, b;
  CODE("alloc 600", cuMemAlloc_v2(&a, 600));
  CODE("alloc 600", cuMemAlloc_v2(&b, 600));
  size_t free, total;
  MUST(cuMemGetInfo_v2(&free, &total));
  printf("%zu of %zu\n", free, total);
  MUST(cuMemFree_v2(a));
  CODE("alloc 600", cuMemAlloc_v2(&b, 600));
});

// What is not given back stands in the last line of the log.
static Scenario leaks("leaks", [] {
  const auto y = room(4), z = room(4);
  MUST(cuMemFree_v2(y));
  (void)z;
  void *pinned;
  MUST(cuMemAllocHost_v2(&pinned, 4));
  stream();
  event();
  event();
});
