// The driver's calls and what the planted programs have in common.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

typedef struct ModuleHandle *CUmodule;
typedef struct FunctionHandle *CUfunction;
typedef struct StreamHandle *CUstream;
typedef struct EventHandle *CUevent;
typedef struct GraphHandle *CUgraph;
typedef struct ExecHandle *CUgraphExec;
typedef void *CUcontext;
typedef uintptr_t CUdeviceptr;

extern "C" {
int cuInit(unsigned);
int cuDeviceGetCount(int *);
int cuDevicePrimaryCtxRetain(CUcontext *, int);
int cuDevicePrimaryCtxRelease_v2(int);
int cuCtxSetCurrent(CUcontext);
int cuCtxSynchronize();
int cuModuleLoadData(CUmodule *, const void *);
int cuModuleUnload(CUmodule);
int cuModuleGetFunction(CUfunction *, CUmodule, const char *);
int cuLaunchKernel(CUfunction, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, CUstream, void **, void **);
int cuMemAlloc_v2(CUdeviceptr *, size_t);
int cuMemFree_v2(CUdeviceptr);
int cuMemAllocHost_v2(void **, size_t);
int cuMemFreeHost(void *);
int cuMemGetInfo_v2(size_t *, size_t *);
int cuMemcpyHtoD_v2(CUdeviceptr, const void *, size_t);
int cuMemcpyDtoH_v2(void *, CUdeviceptr, size_t);
int cuMemcpyHtoDAsync_v2(CUdeviceptr, const void *, size_t, CUstream);
int cuMemcpyDtoHAsync_v2(void *, CUdeviceptr, size_t, CUstream);
int cuStreamCreate(CUstream *, unsigned);
int cuStreamDestroy_v2(CUstream);
int cuStreamSynchronize(CUstream);
int cuStreamQuery(CUstream);
int cuStreamWaitEvent(CUstream, CUevent, unsigned);
int cuEventCreate(CUevent *, unsigned);
int cuEventDestroy_v2(CUevent);
int cuEventRecord(CUevent, CUstream);
int cuEventSynchronize(CUevent);
int cuEventQuery(CUevent);
int cuStreamBeginCapture_v2(CUstream, int);
int cuStreamEndCapture(CUstream, CUgraph *);
int cuGraphInstantiateWithFlags(CUgraphExec *, CUgraph, unsigned long long);
int cuGraphDestroy(CUgraph);
int cuGraphExecDestroy(CUgraphExec);
int cuGraphLaunch(CUgraphExec, CUstream);
}

// must ends the program where a call of the setting fails.
inline void must(int code, const char *what) {
  if (!code) return;
  printf("%s: %d\n", what, code);
  exit(1);
}
#define MUST(call) must(call, #call)

// CODE prints what a call returns.
#define CODE(name, call) printf("%s %d\n", name, call)

extern CUmodule kernels;

// A Scenario adds itself to the list.
struct Scenario {
  static std::map<std::string, std::function<void()>> &all() {
    static std::map<std::string, std::function<void()>> list;
    return list;
  }
  Scenario(const char *name, std::function<void()> run) { all()[name] = run; }
};

CUfunction kernel(const char *name);
CUdeviceptr room(size_t bytes); // of device memory, as it is new
CUstream stream();              // that does not wait for the standard one
CUevent event();

// launch starts one block of threads; arguments are as the kernel's parameters.
template <class... T> int launch(const char *name, int threads, CUstream s, T... arguments) {
  void *at[] = {&arguments..., nullptr};
  return cuLaunchKernel(kernel(name), 1, 1, 1, threads, 1, 1, 0, s, at, nullptr);
}

// read copies n numbers from the device, when all work has ended; show prints them.
template <class T> std::vector<T> read(CUdeviceptr at, size_t n) {
  std::vector<T> x(n);
  MUST(cuCtxSynchronize());
  MUST(cuMemcpyDtoH_v2(x.data(), at, n * sizeof(T)));
  return x;
}
inline void show(CUdeviceptr at, size_t n) {
  for (float v : read<float>(at, n)) v == v ? printf("%g ", v) : printf("nan ");
  printf("\n");
}
