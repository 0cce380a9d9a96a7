// Runs kernels on the stand-in driver as it is told on its input, and answers on its
// output. Numbers are as the host has them.
//
//   request   i64 length, kernel's name; i64 blocks x, y, z, threads;
//             i64 number of arguments; then each argument:
//             i64 -1, i64 value     a number
//             i64 -2                a null pointer
//             i64 length, bytes     a buffer, which becomes an allocation
//   answer    the bytes of each buffer, in their order
//
// What the stand-in finds wrong ends the program, with a word about it.

#include "driver.h"

#include <string>
#include <vector>

typedef int64_t i64;

static void read_bytes(void *to, size_t size) {
  if (fread(to, 1, size, stdin) == size) return;
  fprintf(stderr, "the input ends early\n");
  exit(1);
}

static i64 read_number() {
  i64 v;
  read_bytes(&v, sizeof v);
  return v;
}

struct Buffer {
  CUdeviceptr at;
  std::vector<char> bytes;
};

// check_parameters looks whether the kernel takes that many words.
static void check_parameters(const std::string &name, CUfunction f, size_t given) {
  size_t takes = 0, offset, size;
  for (; cuFuncGetParamInfo(f, takes, &offset, &size) == 0; takes++) {
    if (size == 8) continue;
    fprintf(stderr, "%s: parameter %zu has %zu bytes, and every one is a word\n", name.c_str(), takes, size);
    exit(1);
  }
  if (takes == given) return;
  fprintf(stderr, "%s: %zu arguments for %zu parameters\n", name.c_str(), given, takes);
  exit(1);
}

static void serve(CUmodule kernels, size_t length) {
  std::string name(length, 0);
  read_bytes(name.data(), length);
  const i64 x = read_number(), y = read_number(), z = read_number(), threads = read_number();
  std::vector<i64> words(read_number());
  std::vector<void *> arguments;
  std::vector<Buffer> buffers;
  for (i64 &word : words) {
    arguments.push_back(&word);
    const i64 size = read_number();
    word = size == -1 ? read_number() : 0;
    if (size < 0) continue;
    Buffer b{0, std::vector<char>(size)};
    read_bytes(b.bytes.data(), size);
    MUST(cuMemAlloc_v2(&b.at, size ? size : 1));
    MUST(cuMemcpyHtoD_v2(b.at, b.bytes.data(), size));
    word = b.at;
    buffers.push_back(std::move(b));
  }
  CUfunction f;
  must(cuModuleGetFunction(&f, kernels, name.c_str()), name.c_str());
  check_parameters(name, f, words.size());
  must(cuLaunchKernel(f, x, y, z, threads, 1, 1, 0, nullptr, arguments.data(), nullptr), name.c_str());
  for (Buffer &b : buffers) {
    MUST(cuMemcpyDtoH_v2(b.bytes.data(), b.at, b.bytes.size()));
    MUST(cuMemFree_v2(b.at));
    fwrite(b.bytes.data(), 1, b.bytes.size(), stdout);
  }
  fflush(stdout);
}

int main() {
  CUcontext c;
  CUmodule kernels;
  MUST(cuInit(0));
  MUST(cuDevicePrimaryCtxRetain(&c, 0));
  MUST(cuCtxSetCurrent(c));
  MUST(cuModuleLoadData(&kernels, "standin"));
  for (i64 length; fread(&length, sizeof length, 1, stdin) == 1;) serve(kernels, length);
}
