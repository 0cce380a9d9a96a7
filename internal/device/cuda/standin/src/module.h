// Modules, which all hold the kernels that the stand-in was built with.
#pragma once
#include "block.h"

#include <map>

namespace standin {

struct Module;

struct Function {
  const Kernel *kernel;
  const Module *module;
};

struct Module {
  std::map<std::string, Function *> functions; // that were asked for
};

extern std::vector<Module *> modules; // that were not unloaded

} // namespace standin
