#include "memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <map>

// Under the address sanitizer bounds are exact to the byte, in kernels as in copies.
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(begin, size)
#define ASAN_UNPOISON_MEMORY_REGION(begin, size)
#endif

namespace standin {

struct Allocation {
  char *map;
  size_t mapped, size;
  bool pinned;
};

// By address. What was released stays known, as its pages stay without access, but
// apart: there soon is far more of it, and every kernel's end looks at the others.
static std::map<uintptr_t, Allocation> allocations, released;
static size_t held;

static const unsigned char fresh = 0xff; // each byte of a NaN
static size_t page() {
  static const size_t size = sysconf(_SC_PAGESIZE);
  return size;
}

size_t memory_total() {
  static const char *text = getenv("STANDIN_MEMORY");
  static const size_t total = text && *text ? strtoull(text, nullptr, 10) : (size_t)4 << 30;
  return total;
}

size_t memory_free() { return memory_total() - held; }

int memory_held(bool pinned) {
  int n = 0;
  for (auto &[at, a] : allocations) n += a.pinned == pinned;
  return n;
}

uintptr_t reserve(size_t n, bool pinned) {
  if (!pinned && n > memory_free()) return 0;
  const size_t aligned = 256; // as cuMemAlloc's
  const size_t size = (n + aligned - 1) / aligned * aligned, mapped = (size + page() - 1) / page() * page() + page();
  char *map = (char *)mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (map == MAP_FAILED) return 0;
  mprotect(map + mapped - page(), page(), PROT_NONE);
  memset(map, fresh, mapped - page());
  const uintptr_t at = (uintptr_t)map + mapped - page() - size;
  ASAN_POISON_MEMORY_REGION(map, mapped);
  ASAN_UNPOISON_MEMORY_REGION((void *)at, n);
  allocations[at] = {map, mapped, n, pinned};
  if (!pinned) held += n;
  return at;
}

bool release(uintptr_t at, bool pinned) {
  const auto i = allocations.find(at);
  if (i == allocations.end() || i->second.pinned != pinned) return false;
  const Allocation &a = i->second;
  // The addresses stay taken, without memory behind them.
  mmap(a.map, a.mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
  if (!pinned) held -= a.size;
  released.insert(allocations.extract(i));
  return true;
}

static bool inside(uintptr_t at, size_t n, bool pinned) {
  auto i = allocations.upper_bound(at);
  if (i == allocations.begin()) return false;
  --i;
  const Allocation &a = i->second;
  return a.pinned == pinned && at + n <= i->first + a.size;
}

bool is_pinned(const void *at, size_t n) { return inside((uintptr_t)at, n, true); }
bool is_device(uintptr_t at, size_t n) { return inside(at, n, false); }

// What lies around an allocation on its pages holds NaNs, as long as nobody writes there.
__attribute__((no_sanitize("address"))) void check_edges(const char *kernel) {
  for (auto &[begin, a] : allocations) {
    const char *end = (const char *)begin + a.size, *last = a.map + a.mapped - page();
    const struct {
      const char *from, *to;
    } edges[] = {{a.map, (const char *)begin}, {end, last}};
    for (auto &e : edges) {
      for (const char *c = e.from; c < e.to; c++) {
        if ((unsigned char)*c != fresh) stop(std::string("kernel ") + kernel + " wrote to a place " + describe((uintptr_t)c));
      }
    }
  }
}

std::string describe(uintptr_t at) {
  for (const auto *all : {&allocations, &released}) {
    for (auto &[begin, a] : *all) {
      if (at < (uintptr_t)a.map || at >= (uintptr_t)a.map + a.mapped) continue;
      std::string what = (a.pinned ? "pinned memory of " : "an allocation of ") + std::to_string(a.size) + " bytes";
      if (all == &released) return what + " that was freed";
      if (at < begin) return std::to_string(begin - at) + " bytes before " + what;
      return std::to_string(at - begin) + " bytes behind the beginning of " + what;
    }
  }
  return "which is in no allocation";
}

} // namespace standin
