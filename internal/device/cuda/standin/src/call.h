// How a call of the driver is written:
//
//   CALL(NEEDS, cuName, parameters…) statements END
//
// It is counted, logged and failed as STANDIN_FAIL says, and refused where what it
// NEEDS is not there.
#pragma once
#include "fail.h"
#include "result.h"

namespace standin {

enum Needs {
  NOTHING, // a call that may come before cuInit
  INIT,
  CONTEXT, // one that is current in the calling thread
};

// lacks returns the code for what a call needs and does not have.
int lacks(Needs needs);

} // namespace standin

#define CALL(needs, name, ...)                                  \
  extern "C" int name(__VA_ARGS__) {                            \
    standin::Call call(#name);                                  \
    if (call.injected) return call.injected;                    \
    if (const int lacking = standin::lacks(standin::needs)) return lacking;
#define END }
