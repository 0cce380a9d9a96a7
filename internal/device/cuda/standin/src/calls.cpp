// The driver's calls, as libcuda.so.1 exports them: devices, contexts, modules and
// launches. What is neither here nor in the files calls_*.cpp is absent: the
// program's loader answers CUDA_ERROR_NOT_FOUND for it.

#include "call.h"
#include "memory.h"
#include "module.h"
#include "stream.h"

#include <pthread.h>

#include <cstdlib>

using namespace standin;

static long number(const char *variable, long otherwise) {
  const char *text = getenv(variable);
  return text && *text ? atol(text) : otherwise;
}

// ---- devices ----

static bool initialized;

static int devices() { return number("STANDIN_DEVICES", 1); }
#define DEVICE(d) if (d < 0 || d >= devices()) return INVALID_DEVICE;

CALL(NOTHING, cuInit, unsigned flags)
  if (flags) return INVALID_VALUE;
  if (!devices()) return NO_DEVICE;
  initialized = true;
  return SUCCESS;
END
CALL(NOTHING, cuDriverGetVersion, int *v) *v = number("STANDIN_DRIVER", 13000); return SUCCESS; END
CALL(INIT, cuDeviceGetCount, int *n) *n = devices(); return SUCCESS; END
CALL(INIT, cuDeviceGet, int *d, int i) DEVICE(i) *d = i; return SUCCESS; END
CALL(INIT, cuDeviceGetName, char *name, int n, int d) DEVICE(d) snprintf(name, n, "CPU stand-in"); return SUCCESS; END
CALL(INIT, cuDeviceGetUuid_v2, char *uuid, int d) DEVICE(d) memset(uuid, d + 1, 16); return SUCCESS; END
CALL(INIT, cuDeviceTotalMem_v2, size_t *n, int d) DEVICE(d) *n = memory_total(); return SUCCESS; END
CALL(INIT, cuDeviceGetAttribute, int *v, int attribute, int d)
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

// ---- contexts ----

static const int most_devices = 64;
static int retained[most_devices];

// The device, from 1, whose context is current in the calling thread; 0 for none.
// It is no thread_local, as those are shared memory: see shared.cpp.
static pthread_key_t current_key() {
  static const pthread_key_t key = [] {
    pthread_key_t k;
    pthread_key_create(&k, nullptr);
    return k;
  }();
  return key;
}
static int current() { return (int)(uintptr_t)pthread_getspecific(current_key()); }

int standin::lacks(Needs needs) {
  if (needs == NOTHING) return SUCCESS;
  if (!initialized) return NOT_INITIALIZED;
  if (needs == CONTEXT && (!current() || !retained[current() - 1])) return INVALID_CONTEXT;
  return SUCCESS;
}

CALL(INIT, cuDevicePrimaryCtxRetain, void **c, int d) DEVICE(d) retained[d]++; *c = (void *)(uintptr_t)(d + 1); return SUCCESS; END
CALL(INIT, cuDevicePrimaryCtxRelease_v2, int d) DEVICE(d) if (!retained[d]) return INVALID_CONTEXT; retained[d]--; return SUCCESS; END
CALL(INIT, cuDevicePrimaryCtxReset_v2, int d) DEVICE(d) return SUCCESS; END
CALL(INIT, cuDevicePrimaryCtxGetState, int d, unsigned *flags, int *active) DEVICE(d) *flags = 0; *active = retained[d] > 0; return SUCCESS; END
CALL(INIT, cuDevicePrimaryCtxSetFlags_v2, int d, unsigned) DEVICE(d) return SUCCESS; END
CALL(INIT, cuCtxSetCurrent, void *c)
  const uintptr_t d = (uintptr_t)c;
  if (d > most_devices || (d && !retained[d - 1])) return INVALID_CONTEXT;
  pthread_setspecific(current_key(), c);
  return SUCCESS;
END
CALL(INIT, cuCtxGetCurrent, void **c) *c = (void *)(uintptr_t)current(); return SUCCESS; END
CALL(CONTEXT, cuCtxGetDevice, int *d) *d = current() - 1; return SUCCESS; END

// ---- modules ----

std::vector<Module *> standin::modules;

static bool image(const void *data) {
  const unsigned char *b = (const unsigned char *)data;
  return (b[0] == 0x50 && b[1] == 0xed && b[2] == 0x55 && b[3] == 0xba) || !memcmp(b, "\177ELF", 4) || !memcmp(b, "standin", 7);
}
static int load(Module **m, const void *data) {
  if (!data || !image(data)) return INVALID_IMAGE;
  *m = modules.emplace_back(new Module);
  return SUCCESS;
}
CALL(CONTEXT, cuModuleLoadData, Module **m, const void *data) return load(m, data); END
CALL(CONTEXT, cuModuleLoadDataEx, Module **m, const void *data, unsigned, void *, void *) return load(m, data); END
CALL(CONTEXT, cuModuleLoadFatBinary, Module **m, const void *data) return load(m, data); END
CALL(CONTEXT, cuModuleUnload, Module *m)
  if (!known(modules, m)) return INVALID_HANDLE;
  forget(modules, m);
  return SUCCESS;
END
CALL(CONTEXT, cuModuleGetFunction, Function **f, Module *m, const char *name)
  if (!known(modules, m)) return INVALID_HANDLE;
  const Kernel *k = find_kernel(name);
  if (!k) return NOT_FOUND;
  Function *&one = m->functions[name];
  if (!one) one = new Function{k, m};
  *f = one;
  return SUCCESS;
END

// kernel_of returns the kernel of a function of a loaded module, or null.
static const Kernel *kernel_of(const Function *f) {
  for (const Module *m : modules) {
    for (const auto &[name, one] : m->functions) {
      if (one == f) return f->kernel;
    }
  }
  return nullptr;
}
#define KERNEL(k, f)                \
  const Kernel *k = kernel_of(f);   \
  if (!k) return INVALID_HANDLE;

CALL(CONTEXT, cuFuncGetAttribute, int *v, int attribute, const Function *f)
  KERNEL(k, f)
  *v = attribute == 0 ? (int)k->bound : 0;
  return SUCCESS;
END
CALL(CONTEXT, cuFuncGetParamInfo, const Function *f, size_t i, size_t *offset, size_t *size)
  KERNEL(k, f)
  if (i >= k->sizes.size()) return INVALID_VALUE;
  *offset = 8 * i; // each is one word
  if (size) *size = k->sizes[i];
  return SUCCESS;
END
CALL(CONTEXT, cuFuncSetAttribute, const Function *f, int, int) KERNEL(k, f) return SUCCESS; END
CALL(CONTEXT, cuFuncSetCacheConfig, const Function *f, int) KERNEL(k, f) return SUCCESS; END

// ---- launches ----

static int launch(const Kernel &k, Index grid, Index block, std::vector<std::vector<char>> &values) {
  static const char *endless = getenv("STANDIN_HANG");
  if (endless && !strcmp(endless, k.name)) return hung = true, SUCCESS;
  if (const int failed = kernel_fault(k.name)) return failed;
  std::vector<void *> at;
  for (auto &v : values) at.push_back(v.data());
  run(k, grid, block, at.data());
  check_edges(k.name);
  return SUCCESS;
}

CALL(CONTEXT, cuLaunchKernel, const Function *f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
     unsigned shared, void *handle, void **parameters, void **extra)
  STREAM(s, handle)
  KERNEL(k, f)
  const unsigned long threads = (unsigned long)bx * by * bz;
  if (!gx || !gy || !gz || !threads || extra || shared || gy > 65535 || gz > 65535 || gx > 2147483647u) return INVALID_VALUE;
  if (!parameters && !k->sizes.empty()) return INVALID_VALUE;
  if (threads > k->bound || threads > 1024) return OUT_OF_RESOURCES;
  // Their values count, as they are now.
  auto values = std::make_shared<std::vector<std::vector<char>>>();
  for (size_t i = 0; i < k->sizes.size(); i++) {
    values->emplace_back((const char *)parameters[i], (const char *)parameters[i] + k->sizes[i]);
  }
  return put(s, [=] { return launch(*k, {gx, gy, gz}, {bx, by, bz}, *values); });
END
