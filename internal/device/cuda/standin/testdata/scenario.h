// What the planted programs have in common.
#pragma once
#include "driver.h"

#include <string.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

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
