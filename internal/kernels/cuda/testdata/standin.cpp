// Runs the kernels of kernels.cu as it is told on its input, and answers on its
// output. Numbers are as the host has them.
//
//   request   i64 length, kernel's name; i64 blocks x, blocks y, threads;
//             i64 number of arguments; then each argument:
//             i64 -1, i64 value     a number
//             i64 -2                a null pointer
//             i64 length, bytes     a buffer
//   answer    the bytes of each buffer, in their order
//
// Each launch runs twice, the second time with blocks and threads in reverse
// order: where a barrier is missing, one of the two reads what is not there yet.
// The program ends with an error if the results differ, if a write goes past
// the end of a buffer, or if only some threads reach a barrier.

#include "standin.h"

#include "kernels.cu"

#include <ucontext.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(begin, size)
#define ASAN_UNPOISON_MEMORY_REGION(begin, size)
#endif

[[noreturn]] static void fail(const std::string &why) {
  fprintf(stderr, "standin: %s\n", why.c_str());
  exit(1);
}

// The threads of a block are fibers: each runs until it has to wait, and the
// next one goes on.

struct Meeting {
  unsigned members, arrived = 0, round = 0;
};

struct Warp {
  Meeting meeting{32};
  double lane[32];
};

struct Fiber {
  ucontext_t context;
  std::vector<char> stack = std::vector<char>(256 << 10);
  bool done;
};

static std::deque<Fiber> fibers; // kept from block to block
static std::vector<Warp> warps;
static Meeting everyone;
static ucontext_t scheduler;
static bool moved; // a meeting took place or a thread ended
static const std::function<void()> *thread_body;

static void wait_at(Meeting &m) {
  if (++m.arrived == m.members) {
    m.arrived = 0;
    m.round++;
    moved = true;
    return;
  }
  Fiber &self = fibers[threadIdx.x];
  for (const unsigned round = m.round; m.round == round;) swapcontext(&self.context, &scheduler);
}

void __syncthreads() { wait_at(everyone); }

template <class T> T __shfl_xor_sync(unsigned, T v, int distance) {
  Warp &warp = warps[threadIdx.x / 32];
  const unsigned lane = threadIdx.x % 32;
  warp.lane[lane] = v;
  wait_at(warp.meeting);
  const T other = (T)warp.lane[lane ^ distance];
  wait_at(warp.meeting); // all have read
  return other;
}

static void run_thread() {
  (*thread_body)();
  fibers[threadIdx.x].done = moved = true;
}

static void run_block(bool reverse) {
  const unsigned threads = blockDim.x;
  everyone = {threads};
  warps.assign(threads / 32, {});
  if (fibers.size() < threads) fibers.resize(threads);
  for (unsigned i = 0; i < threads; i++) {
    Fiber &f = fibers[i];
    f.done = false;
    getcontext(&f.context);
    f.context.uc_stack.ss_sp = f.stack.data();
    f.context.uc_stack.ss_size = f.stack.size();
    f.context.uc_link = &scheduler;
    makecontext(&f.context, run_thread, 0);
  }
  for (unsigned left = threads; left > 0;) {
    moved = false;
    left = 0;
    for (unsigned i = 0; i < threads; i++) {
      threadIdx.x = reverse ? threads - 1 - i : i;
      Fiber &f = fibers[threadIdx.x];
      if (!f.done) swapcontext(&scheduler, &f.context);
      left += !f.done;
    }
    if (!moved) fail("only some threads reach a barrier");
  }
}

static void run_grid(const std::function<void()> &body, bool reverse) {
  thread_body = &body;
  const unsigned blocks = gridDim.x * gridDim.y;
  for (unsigned i = 0; i < blocks; i++) {
    const unsigned b = reverse ? blocks - 1 - i : i;
    blockIdx = {b % gridDim.x, b / gridDim.x};
    run_block(reverse);
  }
}

// A Kernel is called with one word for each parameter.
struct Kernel {
  size_t parameters;
  std::function<void(const i64 *words)> call;
};

template <class T> static T parameter(i64 word) {
  if constexpr (std::is_pointer_v<T>) {
    return reinterpret_cast<T>(word);
  } else {
    static_assert(std::is_same_v<T, i64>, "a parameter is a pointer or an i64");
    return word;
  }
}

template <class... T> static Kernel describe(void (*kernel)(T...)) {
  return {sizeof...(T), [kernel](const i64 *words) {
            [&]<size_t... i>(std::index_sequence<i...>) {
              kernel(parameter<T>(words[i])...);
            }(std::index_sequence_for<T...>{});
          }};
}

static const std::map<std::string, Kernel> kernels = {
#define KERNEL(name) {#name, describe(name)},
#include "kernels.inc"
};

// A Buffer lies between two margins, which no kernel may touch.
class Buffer {
public:
  explicit Buffer(const std::vector<char> &content) : size(content.size()), room(size + 2 * margin, mark) {
    std::copy(content.begin(), content.end(), data());
    ASAN_POISON_MEMORY_REGION(room.data(), margin);
    ASAN_POISON_MEMORY_REGION(data() + size, margin);
  }

  char *data() { return room.data() + margin; }

  // The content, when all launches are over.
  std::vector<char> take() {
    ASAN_UNPOISON_MEMORY_REGION(room.data(), room.size());
    for (size_t i = 0; i < margin; i++) {
      if (room[i] != mark || data()[size + i] != mark) fail("a write outside a buffer");
    }
    return {data(), data() + size};
  }

private:
  static constexpr size_t margin = 256;
  static constexpr char mark = 0x5a;
  size_t size;
  std::vector<char> room;
};

struct Request {
  std::string kernel;
  std::vector<i64> words;                      // numbers; 0 for pointers
  std::map<size_t, std::vector<char>> buffers; // by argument
};

static std::vector<std::vector<char>> run(const Request &r, bool reverse) {
  std::vector<i64> words = r.words;
  std::deque<Buffer> buffers;
  for (const auto &[i, content] : r.buffers) {
    words[i] = reinterpret_cast<i64>(buffers.emplace_back(content).data());
  }
  const auto found = kernels.find(r.kernel);
  if (found == kernels.end()) fail("no kernel " + r.kernel);
  if (found->second.parameters != words.size()) fail(r.kernel + ": wrong number of arguments");
  run_grid([&] { found->second.call(words.data()); }, reverse);

  std::vector<std::vector<char>> results;
  for (Buffer &b : buffers) results.push_back(b.take());
  return results;
}

static void read_bytes(void *to, size_t size) {
  if (fread(to, 1, size, stdin) != size) fail("the input ends early");
}

static i64 read_number() {
  i64 v;
  read_bytes(&v, sizeof v);
  return v;
}

static Request read_request(size_t length) {
  Request r;
  r.kernel.resize(length);
  read_bytes(r.kernel.data(), length);
  gridDim.x = read_number();
  gridDim.y = read_number();
  blockDim.x = read_number();
  if (blockDim.x % 32 != 0) fail(r.kernel + ": threads are no multiple of 32");
  r.words.resize(read_number());
  for (size_t i = 0; i < r.words.size(); i++) {
    const i64 size = read_number();
    if (size == -1) r.words[i] = read_number();
    if (size < 0) continue;
    r.buffers[i].resize(size);
    read_bytes(r.buffers[i].data(), size);
  }
  return r;
}

int main() {
  for (i64 length; fread(&length, sizeof length, 1, stdin) == 1;) {
    const Request r = read_request(length);
    const auto results = run(r, false);
    if (run(r, true) != results) fail(r.kernel + ": the order of threads changes the results");
    for (const auto &bytes : results) fwrite(bytes.data(), 1, bytes.size(), stdout);
    fflush(stdout);
  }
}
