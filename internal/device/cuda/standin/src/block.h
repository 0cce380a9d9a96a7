// Runs the blocks of a launch: each thread of a block is a fiber, and each block
// in flight has an OS thread of its own.
#pragma once
#include "language.h"

#include <string>

namespace standin {

// A Kernel is one entry of kernels.cu.
struct Kernel {
  const char *name;
  unsigned bound;             // most threads of a block
  std::vector<size_t> sizes;  // of its parameters
  void (*call)(void *function, void *const *parameters);
  void *function;
};

const Kernel *find_kernel(const char *name);

// run runs all blocks and returns when they have ended.
void run(const Kernel &kernel, Index grid, Index block, void *const *parameters);

// stop names what went wrong, and where, and aborts the process.
[[noreturn]] void stop(const std::string &why);

// describe says where an address lies among the allocations; memory.cpp.
std::string describe(uintptr_t address);

// fill_shared overwrites the kernel's shared memory with NaNs, as a new block
// finds it; learn_shared looks what of it this kernel uses.
void fill_shared(const Kernel &kernel);
void learn_shared(const Kernel &kernel);

// A Random is a small generator; STANDIN_SHUFFLE seeds it.
struct Random {
  uint64_t state;
  uint64_t next() {
    uint64_t z = state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
  }
  unsigned below(unsigned n) { return next() % n; }
};

// shuffled says whether orders vary, and by which seed.
bool shuffled(uint64_t *seed);

} // namespace standin
