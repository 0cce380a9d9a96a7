#pragma once
#include <stddef.h>
#include <stdint.h>

#include <vector>

// standin_switch leaves the running stack, keeping its place in *save, and goes
// on where another was left.
extern "C" void standin_switch(void **save, void *to);

namespace standin {

// Stacks are those of one OS thread, kept from block to block.
class Stacks {
public:
  Stacks();
  int take();              // a stack nobody runs on; -1 if there is none
  void give(int i) { unused.push_back(i); }
  void *prepare(int i, void (*entry)()); // where to switch to
  bool overrun(uintptr_t address) const; // whether an address is below a stack

private:
  static constexpr size_t size = 128 << 10;
  static constexpr int most = 1025;
  char *base;
  int made = 0;
  std::vector<int> unused;
};

} // namespace standin
