// The driver's calls for memory and copies.

#include "call.h"
#include "memory.h"
#include "stream.h"

using namespace standin;

// refuse_implicit returns the code for a call without a stream where something is
// captured, or 0.
static int refuse_implicit() {
  if (const int refused = refuse_legacy()) return refused;
  return refuse_unsafe();
}
// legacy waits for what a copy without a stream waits for.
static int legacy(Call &call) {
  if (const int refused = refuse_implicit()) return refused;
  return finish(call, false);
}
// whole waits for all, as giving memory back does.
static int whole(Call &call) {
  if (const int refused = refuse_unsafe()) return refused;
  return finish(call, true);
}

// ---- memory ----

CALL(CONTEXT, cuMemAlloc_v2, uintptr_t *p, size_t n)
  if (!n) return INVALID_VALUE;
  if (const int refused = refuse_unsafe()) return refused;
  *p = reserve(n, false);
  return *p ? SUCCESS : OUT_OF_MEMORY;
END
CALL(CONTEXT, cuMemFree_v2, uintptr_t p)
  if (const int failed = whole(call)) return failed;
  return !p || release(p, false) ? SUCCESS : INVALID_VALUE;
END
CALL(CONTEXT, cuMemAllocHost_v2, void **p, size_t n)
  if (!n) return INVALID_VALUE;
  if (const int refused = refuse_unsafe()) return refused;
  *p = (void *)reserve(n, true);
  return *p ? SUCCESS : OUT_OF_MEMORY;
END
CALL(CONTEXT, cuMemFreeHost, void *p)
  if (const int failed = whole(call)) return failed;
  return release((uintptr_t)p, true) ? SUCCESS : INVALID_VALUE;
END
CALL(CONTEXT, cuMemGetInfo_v2, size_t *free, size_t *total) *free = memory_free(); *total = memory_total(); return SUCCESS; END

// ---- copies that end before the call returns ----

CALL(CONTEXT, cuMemcpyHtoD_v2, uintptr_t to, const void *from, size_t n)
  if (!is_device(to, n)) return INVALID_VALUE;
  if (const int failed = legacy(call)) return failed;
  memcpy((void *)to, from, n);
  return SUCCESS;
END
CALL(CONTEXT, cuMemcpyDtoH_v2, void *to, uintptr_t from, size_t n)
  if (!is_device(from, n)) return INVALID_VALUE;
  if (const int failed = legacy(call)) return failed;
  memcpy(to, (void *)from, n);
  return SUCCESS;
END
CALL(CONTEXT, cuMemcpyDtoD_v2, uintptr_t to, uintptr_t from, size_t n)
  if (!is_device(to, n) || !is_device(from, n)) return INVALID_VALUE;
  if (const int failed = legacy(call)) return failed;
  memmove((void *)to, (void *)from, n);
  return SUCCESS;
END

// ---- memsets without a stream: of device memory they return before they are done ----

CALL(CONTEXT, cuMemsetD8_v2, uintptr_t to, unsigned char v, size_t n)
  if (!is_device(to, n)) return INVALID_VALUE;
  if (const int refused = refuse_implicit()) return refused;
  return put_legacy([=] { return memset((void *)to, v, n), (int)SUCCESS; });
END
CALL(CONTEXT, cuMemsetD32_v2, uintptr_t to, unsigned v, size_t n)
  if (!is_device(to, 4 * n)) return INVALID_VALUE;
  if (const int refused = refuse_implicit()) return refused;
  return put_legacy([=] { return std::fill_n((unsigned *)to, n, v), (int)SUCCESS; });
END

// ---- copies on a stream ----

CALL(CONTEXT, cuMemcpyHtoDAsync_v2, uintptr_t to, const void *from, size_t n, void *handle)
  STREAM(s, handle)
  if (!is_device(to, n)) return INVALID_VALUE;
  if (is_pinned(from, n) || s->capture) return put(s, [=] { return memcpy((void *)to, from, n), (int)SUCCESS; });
  // Other memory is read before the call returns.
  auto copy = std::make_shared<std::vector<char>>((const char *)from, (const char *)from + n);
  return put(s, [=] { return memcpy((void *)to, copy->data(), n), (int)SUCCESS; });
END
CALL(CONTEXT, cuMemcpyDtoHAsync_v2, void *to, uintptr_t from, size_t n, void *handle)
  STREAM(s, handle)
  if (!is_device(from, n)) return INVALID_VALUE;
  if (const int failed = put(s, [=] { return memcpy(to, (void *)from, n), (int)SUCCESS; })) return failed;
  return is_pinned(to, n) || s->capture ? SUCCESS : settle(drain(s)); // other memory is written before the call returns
END
CALL(CONTEXT, cuMemcpyDtoDAsync_v2, uintptr_t to, uintptr_t from, size_t n, void *handle)
  STREAM(s, handle)
  if (!is_device(to, n) || !is_device(from, n)) return INVALID_VALUE;
  return put(s, [=] { return memmove((void *)to, (void *)from, n), (int)SUCCESS; });
END
CALL(CONTEXT, cuMemsetD8Async, uintptr_t to, unsigned char v, size_t n, void *handle)
  STREAM(s, handle)
  if (!is_device(to, n)) return INVALID_VALUE;
  return put(s, [=] { return memset((void *)to, v, n), (int)SUCCESS; });
END
CALL(CONTEXT, cuMemsetD32Async, uintptr_t to, unsigned v, size_t n, void *handle)
  STREAM(s, handle)
  if (!is_device(to, 4 * n)) return INVALID_VALUE;
  return put(s, [=] { return std::fill_n((unsigned *)to, n, v), (int)SUCCESS; });
END
