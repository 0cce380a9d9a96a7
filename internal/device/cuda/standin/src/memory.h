// Device memory and pinned memory: each allocation ends at a page that cannot be
// touched, and begins as NaNs.
#pragma once
#include "block.h"

namespace standin {

// reserve returns n bytes, or 0 where STANDIN_MEMORY does not suffice.
uintptr_t reserve(size_t n, bool pinned);
// release gives memory back, so that touching it is a fault; false if there is
// none of that kind at this address.
bool release(uintptr_t at, bool pinned);
// pinned reports whether [at, at+n) is pinned memory.
bool is_pinned(const void *at, size_t n);
// device reports whether [at, at+n) is device memory.
bool is_device(uintptr_t at, size_t n);

// check_edges stops the program if that kernel wrote around an allocation.
void check_edges(const char *kernel);

size_t memory_total();
size_t memory_free();
int memory_held(bool pinned); // allocations that were not released

} // namespace standin
