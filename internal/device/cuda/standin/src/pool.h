#pragma once
#include "block.h"

#include <atomic>

namespace standin {

// A Launch is shared by the OS threads that run its blocks.
struct Launch {
  const Kernel *kernel;
  Index grid, block;
  void *const *parameters;
  std::atomic<uint64_t> next{0};
  uint64_t total;
  bool shuffle;
  uint64_t seed, step; // of the order of blocks; the seed is that of their threads too
};

void run_blocks(Launch &l);

Block *new_block();
Block *block_of_this_worker();
bool stack_overrun(uintptr_t address);

void catch_faults(); // fault.cpp
void fault_stack();  // gives the calling OS thread a stack for its signals

} // namespace standin
