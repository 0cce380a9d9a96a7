// planted SCENARIO runs one of the scenarios in faults.cpp, calls.cpp and warp.cpp,
// which print what comes of it.

#include "scenario.h"

CUmodule kernels;

CUfunction kernel(const char *name) {
  CUfunction f;
  MUST(cuModuleGetFunction(&f, kernels, name));
  return f;
}
CUdeviceptr room(size_t bytes) {
  CUdeviceptr p;
  MUST(cuMemAlloc_v2(&p, bytes));
  return p;
}
CUstream stream() {
  CUstream s;
  MUST(cuStreamCreate(&s, 1));
  return s;
}
CUevent event() {
  CUevent e;
  MUST(cuEventCreate(&e, 0));
  return e;
}

int main(int, char **arguments) {
  setvbuf(stdout, nullptr, _IONBF, 0);
  const auto found = Scenario::all().find(arguments[1]);
  if (found == Scenario::all().end()) return fprintf(stderr, "no scenario %s\n", arguments[1]), 2;
  CUcontext c;
  MUST(cuInit(0));
  MUST(cuDevicePrimaryCtxRetain(&c, 0));
  MUST(cuCtxSetCurrent(c));
  MUST(cuModuleLoadData(&kernels, "standin"));
  found->second();
}
