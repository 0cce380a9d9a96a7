// kernels.cu, and the table of its kernels, which the build lists.

#include "language.h"

#include STANDIN_SOURCE

#include "block.h"

namespace standin {

template <class... T, size_t... i>
static void apply(void (*kernel)(T...), void *const *parameters, std::index_sequence<i...>) {
  kernel(*(T *)parameters[i]...);
}

template <class... T> struct Caller {
  static void call(void *function, void *const *parameters) {
    apply((void (*)(T...))function, parameters, std::index_sequence_for<T...>{});
  }
};

template <class... T> static Kernel entry(const char *name, unsigned bound, void (*kernel)(T...)) {
  return {name, bound, {sizeof(T)...}, Caller<T...>::call, (void *)kernel};
}

const Kernel *find_kernel(const char *name) {
  static const std::vector<Kernel> kernels = {
#define KERNEL(name, bound) entry(#name, bound, name),
#include STANDIN_TABLE
#undef KERNEL
  };
  for (const Kernel &k : kernels) {
    if (!strcmp(k.name, name)) return &k;
  }
  return nullptr;
}

} // namespace standin
