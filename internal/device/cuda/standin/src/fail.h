// What every call of the driver begins and ends with: it is counted, logged, and
// fails where STANDIN_FAIL says so.
//
//   STANDIN_FAIL=N:CODE            the Nth call fails with that CUresult
//   STANDIN_FAIL=NAME#K:CODE       the Kth call of that name
//   STANDIN_FAIL=kernel:NAME:CODE  that kernel fails when it runs: the error comes
//                                  out where something waits for it
//   STANDIN_FAIL=FAULT,FAULT…      each of them
//
// After a code that loses the context every call returns it.
#pragma once
#include <mutex>

namespace standin {

struct Call {
  std::unique_lock<std::recursive_mutex> lock;
  int injected; // CUresult to return at once; 0 to go on
  explicit Call(const char *name);
  ~Call();
};

// kernel_fault returns what running that kernel fails with, 0 for nothing.
int kernel_fault(const char *kernel);
// settle remembers a code that loses the context, and returns it.
int settle(int code);
bool loses_context(int code);

} // namespace standin
