// The driver's calls as a test's program declares them, which is linked with
// libcuda.so.1.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

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
int cuFuncGetParamInfo(CUfunction, size_t, size_t *, size_t *);
int cuLaunchKernel(CUfunction, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, CUstream, void **, void **);
int cuMemAlloc_v2(CUdeviceptr *, size_t);
int cuMemFree_v2(CUdeviceptr);
int cuMemAllocHost_v2(void **, size_t);
int cuMemFreeHost(void *);
int cuMemGetInfo_v2(size_t *, size_t *);
int cuMemcpyHtoD_v2(CUdeviceptr, const void *, size_t);
int cuMemcpyDtoH_v2(void *, CUdeviceptr, size_t);
int cuMemsetD8_v2(CUdeviceptr, unsigned char, size_t);
int cuMemsetD8Async(CUdeviceptr, unsigned char, size_t, CUstream);
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
  fprintf(stderr, "%s: %d\n", what, code);
  exit(1);
}
#define MUST(call) must(call, #call)

// CODE prints what a call returns.
#define CODE(name, call) printf("%s %d\n", name, call)
