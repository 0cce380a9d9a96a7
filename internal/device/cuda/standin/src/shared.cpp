// Shared memory. A kernel's __shared__ arrays are thread-local variables of this
// library, as an OS thread runs one block at a time; its only other one is
// `here`. A new block finds NaNs in them. As the arrays of all kernels together
// are large, each kernel's own are found by looking what it changed.

#include "block.h"

#include <link.h>

#include <mutex>
#include <unordered_map>

namespace standin {

__thread Here here;

struct Segment {
  char *begin = nullptr;
  size_t size = 0;
};

// This OS thread's copy of the library's thread-local variables.
static Segment segment() {
  here.thread = here.thread; // it is made when first used
  Segment found;
  dl_iterate_phdr([](dl_phdr_info *info, size_t, void *data) {
    for (int i = 0; i < info->dlpi_phnum; i++) {
      const auto &p = info->dlpi_phdr[i];
      const uintptr_t at = (uintptr_t)info->dlpi_tls_data;
      if (p.p_type == PT_TLS && at && (uintptr_t)&here - at < p.p_memsz) *(Segment *)data = {(char *)at, p.p_memsz};
    }
    return 0;
  }, &found);
  return found;
}

static const size_t line = 64;
static const unsigned char nan = 0xff;

typedef std::vector<std::pair<size_t, size_t>> Spans; // begin and end, in lines

struct Local {
  Segment s;
  std::unordered_map<const Kernel *, Spans> spans;
};

// One for each OS thread; a thread-local pointer would lie in the segment.
static Local &local() {
  static std::mutex m;
  static std::unordered_map<void *, Local> all;
  std::lock_guard<std::mutex> l(m);
  Local &mine = all[&here];
  if (!mine.s.begin) {
    mine.s = segment();
    const Here kept = here;
    memset(mine.s.begin, nan, mine.s.size);
    here = kept;
  }
  return mine;
}

// `here` lies in the segment and is skipped.
static bool is_here(const Segment &s, size_t at) {
  const size_t mine = (char *)&here - s.begin;
  return at + line > mine && at < mine + sizeof here;
}

void fill_shared(const Kernel &kernel) {
  Local &l = local();
  for (auto [begin, end] : l.spans[&kernel]) memset(l.s.begin + begin * line, nan, (end - begin) * line);
}

// A line as one vector, since all the lines are looked at after many a launch.
typedef uint64_t Line __attribute__((vector_size(line), aligned(1), may_alias));

static bool is_clean(const char *at) {
  const Line differs = *(const Line *)at ^ ~Line{};
  uint64_t any = 0;
  for (size_t i = 0; i < line / sizeof any; i++) any |= differs[i];
  return !any;
}

void learn_shared(const Kernel &kernel) {
  fill_shared(kernel); // what is known already is not found again
  Local &l = local();
  Spans found;
  for (size_t i = 0; (i + 1) * line <= l.s.size; i++) {
    if (is_clean(l.s.begin + i * line) || is_here(l.s, i * line)) continue;
    if (!found.empty() && found.back().second == i) found.back().second++;
    else found.push_back({i, i + 1});
  }
  if (found.empty()) return;
  Spans &spans = l.spans[&kernel];
  spans.insert(spans.end(), found.begin(), found.end());
  fill_shared(kernel);
}

} // namespace standin
