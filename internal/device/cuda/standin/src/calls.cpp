// The driver's calls, as libcuda.so.1 exports them. What is not here is absent:
// the program's loader answers CUDA_ERROR_NOT_FOUND for it.

#include "fail.h"
#include "memory.h"
#include "stream.h"

#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

using namespace standin;

namespace standin {
extern int modules_held, graphs_held;
}

enum : int { // CUresult
  SUCCESS = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NO_DEVICE = 100, INVALID_DEVICE = 101, INVALID_IMAGE = 200,
  INVALID_CONTEXT = 201, INVALID_HANDLE = 400, NOT_FOUND = 500, NOT_READY = 600, OUT_OF_RESOURCES = 701,
  CAPTURE_UNSUPPORTED = 900, CAPTURE_INVALIDATED = 901, CAPTURE_IMPLICIT = 906,
};

#define CALL(name, ...)          \
  extern "C" int name(__VA_ARGS__) { \
    Call call(#name);            \
    if (call.injected) return call.injected;
#define END }

static long number(const char *variable, long otherwise) {
  const char *text = getenv(variable);
  return text && *text ? atol(text) : otherwise;
}

// ---- errors ----

static const struct {
  int code;
  const char *name, *text;
} results[] = {
    {0, "CUDA_SUCCESS", "no error"},
    {1, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {2, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {3, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {100, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {101, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {200, "CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid"},
    {201, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {209, "CUDA_ERROR_NO_BINARY_FOR_GPU", "no kernel image is available for execution on the device"},
    {214, "CUDA_ERROR_ECC_UNCORRECTABLE", "uncorrectable ECC error encountered"},
    {400, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {500, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {600, "CUDA_ERROR_NOT_READY", "device not ready"},
    {700, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
    {701, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES", "too many resources requested for launch"},
    {702, "CUDA_ERROR_LAUNCH_TIMEOUT", "the launch timed out and was terminated"},
    {716, "CUDA_ERROR_MISALIGNED_ADDRESS", "misaligned address"},
    {718, "CUDA_ERROR_INVALID_PC", "invalid program counter"},
    {719, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
    {803, "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH", "system has unsupported display driver / cuda driver combination"},
    {900, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED", "operation not permitted when stream is capturing"},
    {901, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED", "operation failed due to a previous error during capture"},
    {999, "CUDA_ERROR_UNKNOWN", "unknown error"},
};

extern "C" int cuGetErrorName(int code, const char **name) {
  for (auto &r : results)
    if (r.code == code) return *name = r.name, SUCCESS;
  *name = nullptr;
  return INVALID_VALUE;
}
extern "C" int cuGetErrorString(int code, const char **text) {
  for (auto &r : results)
    if (r.code == code) return *text = r.text, SUCCESS;
  *text = nullptr;
  return INVALID_VALUE;
}

// ---- devices and contexts ----

static int devices() { return number("STANDIN_DEVICES", 1); }
#define DEVICE(d) if (d < 0 || d >= devices()) return INVALID_DEVICE;

CALL(cuInit, unsigned flags) return flags ? INVALID_VALUE : devices() ? SUCCESS : NO_DEVICE; END
CALL(cuDriverGetVersion, int *v) *v = number("STANDIN_DRIVER", 13000); return SUCCESS; END
CALL(cuDeviceGetCount, int *n) *n = devices(); return SUCCESS; END
CALL(cuDeviceGet, int *d, int i) DEVICE(i) *d = i; return SUCCESS; END
CALL(cuDeviceGetName, char *name, int n, int d) DEVICE(d) snprintf(name, n, "CPU stand-in"); return SUCCESS; END
CALL(cuDeviceGetUuid_v2, char *uuid, int d) DEVICE(d) memset(uuid, d + 1, 16); return SUCCESS; END
CALL(cuDeviceTotalMem_v2, size_t *n, int d) DEVICE(d) *n = memory_total(); return SUCCESS; END
CALL(cuDeviceGetAttribute, int *v, int attribute, int d)
  DEVICE(d)
  const char *text = getenv("STANDIN_CAPABILITY");
  int major = 9, minor = 0;
  if (text && *text) sscanf(text, "%d.%d", &major, &minor);
  switch (attribute) {
  case 1: *v = 1024; break;       // threads of a block
  case 5: *v = 2147483647; break; // blocks in x
  case 6: case 7: *v = 65535; break;
  case 8: *v = 48 << 10; break;   // shared memory of a block
  case 10: *v = 32; break;        // a warp
  case 12: *v = 65536; break;     // registers of a block
  case 16: *v = 2; break;         // multiprocessors
  case 75: *v = major; break;
  case 76: *v = minor; break;
  default: *v = 0;
  }
  return SUCCESS;
END

static int current = 0;     // the device whose context is current, from 1
static int retained[64];
CALL(cuDevicePrimaryCtxRetain, void **c, int d) DEVICE(d) retained[d]++; *c = (void *)(uintptr_t)(d + 1); return SUCCESS; END
CALL(cuDevicePrimaryCtxRelease_v2, int d) DEVICE(d) if (!retained[d]) return INVALID_CONTEXT; retained[d]--; return SUCCESS; END
CALL(cuDevicePrimaryCtxReset_v2, int d) DEVICE(d) return SUCCESS; END
CALL(cuDevicePrimaryCtxGetState, int d, unsigned *flags, int *active) DEVICE(d) *flags = 0; *active = retained[d] > 0; return SUCCESS; END
CALL(cuDevicePrimaryCtxSetFlags_v2, int d, unsigned) DEVICE(d) return SUCCESS; END
CALL(cuCtxSetCurrent, void *c) current = (int)(uintptr_t)c; return SUCCESS; END
CALL(cuCtxGetCurrent, void **c) *c = (void *)(uintptr_t)current; return SUCCESS; END
CALL(cuCtxGetDevice, int *d) if (!current) return INVALID_CONTEXT; *d = current - 1; return SUCCESS; END

// ---- modules and launches ----

static bool image(const void *data) {
  const unsigned char *b = (const unsigned char *)data;
  return (b[0] == 0x50 && b[1] == 0xed && b[2] == 0x55 && b[3] == 0xba) || !memcmp(b, "\177ELF", 4) || !memcmp(b, "standin", 7);
}
static int load(void **m, const void *data) {
  if (!image(data)) return INVALID_IMAGE;
  *m = (void *)(uintptr_t)0x4d4d;
  modules_held++;
  return SUCCESS;
}
CALL(cuModuleLoadData, void **m, const void *data) return load(m, data); END
CALL(cuModuleLoadDataEx, void **m, const void *data, unsigned, void *, void *) return load(m, data); END
CALL(cuModuleLoadFatBinary, void **m, const void *data) return load(m, data); END
CALL(cuModuleUnload, void *m) if (m != (void *)(uintptr_t)0x4d4d || !modules_held) return INVALID_HANDLE; modules_held--; return SUCCESS; END
CALL(cuModuleGetFunction, const void **f, void *, const char *name)
  const Kernel *k = find_kernel(name);
  if (!k) return NOT_FOUND;
  *f = k;
  return SUCCESS;
END
CALL(cuFuncGetAttribute, int *v, int attribute, const Kernel *k)
  *v = attribute == 0 ? (int)k->bound : 0;
  return SUCCESS;
END
CALL(cuFuncSetAttribute, const Kernel *, int, int) return SUCCESS; END
CALL(cuFuncSetCacheConfig, const Kernel *, int) return SUCCESS; END

static Stream *stream_of(void *s) { return s ? (Stream *)s : standard_stream(); }
#define STREAM(s, handle)             \
  Stream *s = stream_of(handle);      \
  if (handle && !known(s)) return INVALID_HANDLE;

// hang waits for ever for a kernel that never ends, and lets other threads call.
static void hang(Call &call) {
  if (!hung) return;
  call.lock.unlock();
  for (;;) pause();
}

// put gives work to a stream. The standard stream begins when all blocking
// streams have come to an end.
static int put(Stream *s, Task task) {
  if (s == standard_stream()) {
    if (const int failed = drain_all(false)) return settle(failed);
    return settle(task()); // and blocking streams wait for it
  }
  issue(s, std::move(task));
  return SUCCESS;
}

CALL(cuLaunchKernel, const Kernel *k, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared,
     void *handle, void **parameters, void **extra)
  STREAM(s, handle)
  if (!k) return INVALID_HANDLE;
  const unsigned threads = bx * by * bz;
  if (!gx || !gy || !gz || !threads || extra || shared || gy > 65535 || gz > 65535 || gx > 2147483647u) return INVALID_VALUE;
  if (threads > k->bound || threads > 1024) return OUT_OF_RESOURCES;
  // Their values count, as they are now.
  auto values = std::make_shared<std::vector<std::vector<char>>>();
  for (size_t i = 0; i < k->sizes.size(); i++) {
    values->emplace_back((const char *)parameters[i], (const char *)parameters[i] + k->sizes[i]);
  }
  return put(s, [=]() -> int {
    static const char *endless = getenv("STANDIN_HANG");
    if (endless && !strcmp(endless, k->name)) return hung = true, SUCCESS;
    if (const int failed = kernel_fault(k->name)) return failed;
    std::vector<void *> at;
    for (auto &v : *values) at.push_back(v.data());
    run(*k, {gx, gy, gz}, {bx, by, bz}, at.data());
    return (int)SUCCESS;
  });
END

// ---- memory ----

// capturing reports whether this thread captures a stream: no memory then.
static bool capturing() {
  for (Stream *s : streams)
    if (s->capture && s->capture->thread == (unsigned long)pthread_self()) return true;
  return false;
}

// finish waits for what a legacy call waits for.
static int finish(Call &call, bool everything) {
  if (capturing()) return CAPTURE_UNSUPPORTED;
  const int failed = drain_all(everything);
  hang(call);
  return settle(failed);
}

CALL(cuMemAlloc_v2, uintptr_t *p, size_t n)
  if (!n) return INVALID_VALUE;
  if (capturing()) return CAPTURE_UNSUPPORTED;
  *p = reserve(n, false);
  return *p ? SUCCESS : OUT_OF_MEMORY;
END
CALL(cuMemFree_v2, uintptr_t p)
  if (const int failed = finish(call, true)) return failed;
  return !p || release(p, false) ? SUCCESS : INVALID_VALUE;
END
CALL(cuMemAllocHost_v2, void **p, size_t n)
  if (capturing()) return CAPTURE_UNSUPPORTED;
  *p = (void *)reserve(n, true);
  return *p ? SUCCESS : OUT_OF_MEMORY;
END
CALL(cuMemFreeHost, void *p)
  if (const int failed = finish(call, true)) return failed;
  return release((uintptr_t)p, true) ? SUCCESS : INVALID_VALUE;
END
CALL(cuMemGetInfo_v2, size_t *free, size_t *total) *free = memory_free(); *total = memory_total(); return SUCCESS; END

CALL(cuMemcpyHtoD_v2, uintptr_t to, const void *from, size_t n)
  if (!is_device(to, n)) return INVALID_VALUE;
  if (const int failed = finish(call, false)) return failed;
  memcpy((void *)to, from, n);
  return SUCCESS;
END
CALL(cuMemcpyDtoH_v2, void *to, uintptr_t from, size_t n)
  if (!is_device(from, n)) return INVALID_VALUE;
  if (const int failed = finish(call, false)) return failed;
  memcpy(to, (void *)from, n);
  return SUCCESS;
END
CALL(cuMemcpyDtoD_v2, uintptr_t to, uintptr_t from, size_t n)
  if (!is_device(to, n) || !is_device(from, n)) return INVALID_VALUE;
  if (const int failed = finish(call, false)) return failed;
  memmove((void *)to, (void *)from, n);
  return SUCCESS;
END
CALL(cuMemcpyHtoDAsync_v2, uintptr_t to, const void *from, size_t n, void *handle)
  STREAM(s, handle)
  if (!is_device(to, n)) return INVALID_VALUE;
  if (is_pinned(from, n)) return put(s, [=] { return memcpy((void *)to, from, n), (int)SUCCESS; });
  // Other memory is read before the call returns.
  auto copy = std::make_shared<std::vector<char>>((const char *)from, (const char *)from + n);
  return put(s, [=] { return memcpy((void *)to, copy->data(), n), (int)SUCCESS; });
END
CALL(cuMemcpyDtoHAsync_v2, void *to, uintptr_t from, size_t n, void *handle)
  STREAM(s, handle)
  if (!is_device(from, n)) return INVALID_VALUE;
  if (const int failed = put(s, [=] { return memcpy(to, (void *)from, n), (int)SUCCESS; })) return failed;
  return is_pinned(to, n) || s->capture ? SUCCESS : settle(drain(s)); // other memory is written before the call returns
END
CALL(cuMemcpyDtoDAsync_v2, uintptr_t to, uintptr_t from, size_t n, void *handle)
  STREAM(s, handle)
  if (!is_device(to, n) || !is_device(from, n)) return INVALID_VALUE;
  return put(s, [=] { return memmove((void *)to, (void *)from, n), (int)SUCCESS; });
END
CALL(cuMemsetD8Async, uintptr_t to, unsigned char v, size_t n, void *handle)
  STREAM(s, handle)
  if (!is_device(to, n)) return INVALID_VALUE;
  return put(s, [=] { return memset((void *)to, v, n), (int)SUCCESS; });
END
CALL(cuMemsetD32Async, uintptr_t to, unsigned v, size_t n, void *handle)
  STREAM(s, handle)
  if (!is_device(to, 4 * n)) return INVALID_VALUE;
  return put(s, [=] { return std::fill_n((unsigned *)to, n, v), (int)SUCCESS; });
END
CALL(cuMemsetD8_v2, uintptr_t to, unsigned char v, size_t n)
  if (!is_device(to, n)) return INVALID_VALUE;
  if (const int failed = finish(call, false)) return failed;
  memset((void *)to, v, n);
  return SUCCESS;
END
CALL(cuMemsetD32_v2, uintptr_t to, unsigned v, size_t n)
  if (!is_device(to, 4 * n)) return INVALID_VALUE;
  if (const int failed = finish(call, false)) return failed;
  std::fill_n((unsigned *)to, n, v);
  return SUCCESS;
END

// ---- streams and events ----

CALL(cuStreamCreate, void **s, unsigned flags) *s = streams.emplace_back(new Stream{!(flags & 1)}); return SUCCESS; END
CALL(cuStreamCreateWithPriority, void **s, unsigned flags, int) *s = streams.emplace_back(new Stream{!(flags & 1)}); return SUCCESS; END
CALL(cuStreamDestroy_v2, void *handle)
  STREAM(s, handle)
  if (!handle) return INVALID_HANDLE;
  drain(s);
  streams.erase(std::find(streams.begin(), streams.end(), s));
  return SUCCESS; // its memory stays, for events that know it
END
CALL(cuStreamSynchronize, void *handle)
  STREAM(s, handle)
  if (s->capture) return s->capture->broken = true, CAPTURE_UNSUPPORTED;
  if (!handle) return finish(call, false);
  const int failed = drain(s);
  hang(call);
  return settle(failed);
END
CALL(cuStreamQuery, void *handle)
  STREAM(s, handle)
  if (s->capture) return CAPTURE_UNSUPPORTED;
  if (s->done == s->issued) return SUCCESS;
  if (const int failed = drain(s, s->done + 1)) return settle(failed);
  return NOT_READY;
END
CALL(cuCtxSynchronize) return finish(call, true); END

CALL(cuEventCreate, void **e, unsigned) *e = events.emplace_back(new Event); return SUCCESS; END
CALL(cuEventDestroy_v2, Event *e)
  if (!known(e)) return INVALID_HANDLE;
  events.erase(std::find(events.begin(), events.end(), e));
  return SUCCESS; // its memory stays, for tasks that know it
END
static double now() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + 1e-9 * t.tv_nsec;
}
CALL(cuEventRecord, Event *e, void *handle)
  STREAM(s, handle)
  if (!known(e)) return INVALID_HANDLE;
  e->capture = s->capture;
  if (s->capture) return SUCCESS; // the order of calls holds what it says
  if (const int failed = put(s, [=] { return e->seconds = now(), (int)SUCCESS; })) return failed;
  e->stream = s;
  e->after = s->issued;
  return SUCCESS;
END
CALL(cuEventSynchronize, Event *e)
  if (!known(e)) return INVALID_HANDLE;
  if (e->capture) return CAPTURE_UNSUPPORTED;
  const int failed = e->stream ? drain(e->stream, e->after) : SUCCESS;
  hang(call);
  return settle(failed);
END
CALL(cuEventQuery, Event *e)
  if (!known(e)) return INVALID_HANDLE;
  if (!e->stream || e->stream->done >= e->after) return SUCCESS;
  if (const int failed = drain(e->stream, e->stream->done + 1)) return settle(failed);
  return e->stream->done >= e->after && !hung ? SUCCESS : NOT_READY;
END
CALL(cuEventElapsedTime_v2, float *ms, Event *a, Event *b)
  if (!known(a) || !known(b)) return INVALID_HANDLE;
  *ms = 1e3 * (b->seconds - a->seconds);
  return SUCCESS;
END
CALL(cuStreamWaitEvent, void *handle, Event *e, unsigned)
  STREAM(s, handle)
  if (!known(e)) return INVALID_HANDLE;
  if (e->capture) { // the stream joins the capture
    if (!s->capture) e->capture->streams.push_back(s);
    s->capture = e->capture;
    return SUCCESS;
  }
  if (s->capture) return s->capture->broken = true, 905; // CUDA_ERROR_STREAM_CAPTURE_ISOLATION
  Stream *other = e->stream;
  const uint64_t after = e->after;
  if (!other) return SUCCESS;
  return put(s, [=] { return drain(other, after); });
END

// ---- graphs ----

static std::vector<Graph *> graphs; // that were not destroyed

static bool known(const Graph *g) { return std::find(graphs.begin(), graphs.end(), g) != graphs.end(); }
static Graph *keep(Graph *g) { return graphs_held++, graphs.emplace_back(g); }
static int destroy(Graph *g) {
  if (!known(g)) return INVALID_HANDLE;
  graphs.erase(std::find(graphs.begin(), graphs.end(), g));
  delete g;
  graphs_held--;
  return SUCCESS;
}

CALL(cuStreamBeginCapture_v2, void *handle, int)
  STREAM(s, handle)
  if (!handle || s->capture) return CAPTURE_UNSUPPORTED;
  s->capture = std::make_shared<Graph>();
  s->capture->thread = (unsigned long)pthread_self();
  s->capture->streams = {s};
  return SUCCESS;
END
extern "C" int cuStreamEndCapture(void *handle, Graph **g) {
  Call call("cuStreamEndCapture");
  STREAM(s, handle)
  std::shared_ptr<Graph> captured = s->capture;
  if (!captured) return INVALID_VALUE;
  for (Stream *one : captured->streams) one->capture = nullptr;
  *g = nullptr;
  if (call.injected) return call.injected; // it has ended the capture all the same
  if (captured->broken) return CAPTURE_INVALIDATED;
  *g = keep(new Graph{captured->tasks});
  return SUCCESS;
END
CALL(cuGraphInstantiateWithFlags, Graph **x, Graph *g, unsigned long long)
  if (!known(g)) return INVALID_HANDLE;
  *x = keep(new Graph{g->tasks});
  return SUCCESS;
END
CALL(cuGraphDestroy, Graph *g) return destroy(g); END
CALL(cuGraphExecDestroy, Graph *x) return destroy(x); END
CALL(cuGraphLaunch, Graph *x, void *handle)
  STREAM(s, handle)
  if (!known(x)) return INVALID_HANDLE;
  for (const Task &task : x->tasks) {
    if (const int failed = put(s, task)) return failed;
  }
  return SUCCESS;
END
