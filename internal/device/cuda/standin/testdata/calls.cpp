// Calls that fail: wrong handles, no context, injected faults.

#include "scenario.h"

#include <thread>

static Scenario handles("wrong_handles", [] {
  int x;
  CUfunction f = kernel("fill");
  CUstream s = stream();
  CUevent e = event();
  MUST(cuStreamDestroy_v2(s));
  MUST(cuEventDestroy_v2(e));
  CODE("stream destroyed", cuStreamSynchronize(s));
  CODE("stream destroyed", launch("fill", 32, s, room(128), 1.f));
  CODE("stream unknown", cuStreamQuery((CUstream)&x));
  CODE("event destroyed", cuEventRecord(e, nullptr));
  CODE("event unknown", cuEventSynchronize((CUevent)&x));
  CODE("graph unknown", cuGraphDestroy((CUgraph)&x));
  CODE("exec null", cuGraphLaunch(nullptr, nullptr));
  CODE("function null", cuLaunchKernel(nullptr, 1, 1, 1, 1, 1, 1, 0, nullptr, nullptr, nullptr));
  CODE("function unknown", cuLaunchKernel((CUfunction)&x, 1, 1, 1, 1, 1, 1, 0, nullptr, nullptr, nullptr));
  CODE("module unknown", cuModuleGetFunction(&f, (CUmodule)&x, "fill"));
  CODE("kernel unknown", cuModuleGetFunction(&f, kernels, "nothing"));
  MUST(cuModuleUnload(kernels));
  CODE("module unloaded", cuModuleUnload(kernels));
  CODE("function of an unloaded module", cuLaunchKernel(f, 1, 1, 1, 1, 1, 1, 0, nullptr, nullptr, nullptr));
  CODE("image", cuModuleLoadData(&kernels, "something else"));
  CODE("free unknown", cuMemFree_v2((CUdeviceptr)&x));
});

static Scenario launches("wrong_launches", [] {
  const auto y = room(256);
  void *at[] = {(void *)&y};
  CODE("more threads than the bound", launch("bounded", 65, nullptr, y));
  CODE("no block", cuLaunchKernel(kernel("put"), 0, 1, 1, 32, 1, 1, 0, nullptr, at, nullptr));
  CODE("no parameters", cuLaunchKernel(kernel("put"), 1, 1, 1, 32, 1, 1, 0, nullptr, nullptr, nullptr));
  CODE("copy past the end", cuMemcpyDtoH_v2(at, y + 255, 2));
});

static Scenario contexts("no_context", [] {
  std::thread([] {
    CUdeviceptr p;
    int n;
    CODE("alloc in another thread", cuMemAlloc_v2(&p, 4));
    CODE("count", cuDeviceGetCount(&n));
  }).join();
  MUST(cuCtxSetCurrent(nullptr));
  CODE("synchronize", cuCtxSynchronize());
  CODE("unknown context", cuCtxSetCurrent((CUcontext)9));
  MUST(cuCtxSetCurrent((CUcontext)1));
  CODE("synchronize", cuCtxSynchronize());
  MUST(cuDevicePrimaryCtxRelease_v2(0));
  CODE("context released", cuCtxSynchronize());
});

// STANDIN_FAIL says which of these fail, and what follows.
static Scenario injected("six_calls", [] {
  const auto s = stream();
  const auto y = room(256);
  CODE("launch", launch("fill", 32, s, y, 1.f)); // and finds its kernel
  CODE("launch", launch("scale", 32, s, y, y, 2.f));
  CODE("query", cuStreamQuery(s));
  CODE("synchronize", cuStreamSynchronize(s));
  CODE("free", cuMemFree_v2(y));
  CODE("destroy", cuStreamDestroy_v2(s));
});
