// The threads of a block: who runs next, and where they wait for one another.

#include "block.h"

#include "fiber.h"
#include "pool.h"

#include <signal.h>
#include <unistd.h>


namespace standin {

static const unsigned most_threads = 1024;

// A Meeting is where lanes of one warp wait for one another, for last(closure, lanes),
// which is the same whoever comes last.
struct Meeting {
  unsigned mask, here;
  const char *what;
  void (*last)(void *, void **);
  void *closure;
  void *lanes[32];
};

struct Warp {
  unsigned lanes, ended; // masks
  std::vector<Meeting> meetings;
};

struct Block {
  const Kernel *kernel;
  void *const *parameters;
  Thread threads[most_threads];
  Warp warps[most_threads / 32];
  unsigned n, live, started;
  unsigned order[most_threads]; // in which threads start
  std::vector<Thread *> ready;  // may go on; from `head` to the end
  size_t head;
  std::vector<Thread *> waiting; // at the barrier
  int line;                      // of that barrier
  Stacks stacks;
  int stack_of[most_threads]; // by thread, the stack that it runs on
  int stack;                  // the one in use
  void *scheduler;
  bool shuffle;
  Random random;
};

static const char *ordinal(Index i, char *text, size_t size) {
  snprintf(text, size, "(%u,%u,%u)", i.x, i.y, i.z);
  return text;
}

void stop(const std::string &why) {
  char text[64];
  std::string message = "standin: ";
  if (here.kernel) {
    message += std::string("kernel ") + here.kernel + ", block " + ordinal(here.at, text, sizeof text);
    if (here.thread) message += std::string(", thread ") + ordinal(here.thread->index, text, sizeof text);
    message += ": ";
  }
  message += why + "\n";
  if (write(2, message.data(), message.size()) < 0) _exit(134);
  signal(SIGABRT, SIG_DFL);
  abort();
}

[[noreturn]] static void deadlock(Block *b) {
  char text[64];
  std::string why;
  if (!b->waiting.empty()) {
    why = std::to_string(b->waiting.size()) + " of " + std::to_string(b->n) + " threads wait at the __syncthreads of line " +
          std::to_string(b->line) + ", which the others never reach";
    for (unsigned t = 0; t < b->n; t++) {
      if (!b->threads[t].ended) continue;
      why += std::string("; thread ") + ordinal(b->threads[t].index, text, sizeof text) + " has ended";
      break;
    }
  }
  for (unsigned w = 0; w * 32 < b->n; w++) {
    for (const Meeting &m : b->warps[w].meetings) {
      char mask[64];
      snprintf(mask, sizeof mask, "lanes %08x of %08x", m.here, m.mask);
      why += std::string(why.empty() ? "" : "; ") + "warp " + std::to_string(w) + ": " + mask + " wait at a " + m.what;
      break;
    }
  }
  here.thread = nullptr;
  stop(why);
}

static Thread *begin(Block *b) {
  Thread *t = &b->threads[b->order[b->started++]];
  const unsigned x = here.size.x, y = here.size.y;
  t->index = {t->id % x, t->id / x % y, t->id / x / y};
  t->ended = false;
  t->group = 0;
  t->copies.clear();
  return t;
}

// choose returns the thread that goes on, or null where a new one shall start.
static Thread *choose(Block *b) {
  const size_t ready = b->ready.size() - b->head;
  const bool fresh = b->started < b->n;
  if (ready == 0) {
    if (!fresh) deadlock(b);
    return nullptr;
  }
  if (b->shuffle) {
    if (fresh && b->random.below(2)) return nullptr;
    std::swap(b->ready[b->head], b->ready[b->head + b->random.below(ready)]);
  }
  Thread *t = b->ready[b->head++];
  if (b->head == b->ready.size()) {
    b->ready.clear();
    b->head = 0;
  }
  return t;
}

static void resume(Block *b, Thread *t) {
  here.thread = t;
  b->stack = b->stack_of[t->id];
}

static void threads_entry();

// wait lets others run until this thread is ready again.
static void wait() {
  Block *b = here.block;
  Thread *self = here.thread;
  b->stack_of[self->id] = b->stack;
  Thread *next = choose(b);
  if (next == self) return;
  if (next) {
    resume(b, next);
    standin_switch(&self->stack, next->stack);
    return;
  }
  const int stack = b->stacks.take();
  if (stack < 0) stop("no memory for the stacks of its threads");
  b->stack = stack;
  here.thread = begin(b);
  standin_switch(&self->stack, b->stacks.prepare(stack, threads_entry));
}

// complete reports whether all lanes that can still come to a meeting are there.
static bool complete(const Warp &w, const Meeting &m) { return m.here == (m.mask & w.lanes & ~w.ended); }

static void finish(Warp &w, size_t meeting) {
  Block *b = here.block;
  Meeting &m = w.meetings[meeting];
  m.last(m.closure, m.lanes);
  const unsigned first = here.thread->id / 32 * 32;
  for (unsigned i = 0; i < 32; i++) {
    if (m.lanes[i] && first + i != here.thread->id) b->ready.push_back(&b->threads[first + i]);
  }
  w.meetings.erase(w.meetings.begin() + meeting);
}

static void end(Block *b, Thread *t) {
  t->ended = true;
  b->live--;
  Warp &w = b->warps[t->id / 32];
  w.ended |= 1u << t->id % 32;
  // Others may have waited for this lane alone.
  for (size_t i = w.meetings.size(); i-- > 0;) {
    if (complete(w, w.meetings[i])) finish(w, i);
  }
}

// threads_entry runs threads to their end on one stack, for as long as the next
// one is new.
static void threads_entry() {
  for (Block *b = here.block;;) {
    b->kernel->call(b->kernel->function, b->parameters);
    end(b, here.thread);
    if (b->live == 0) {
      b->stacks.give(b->stack);
      void *unused;
      standin_switch(&unused, b->scheduler);
    }
    Thread *next = choose(b);
    if (!next) {
      here.thread = begin(b);
      continue;
    }
    b->stacks.give(b->stack);
    resume(b, next);
    void *unused;
    standin_switch(&unused, next->stack);
  }
}

void barrier(int line) {
  Block *b = here.block;
  if (b->waiting.empty()) {
    b->line = line;
  } else if (b->line != line) {
    stop("stands at the __syncthreads of line " + std::to_string(line) + ", others at that of line " + std::to_string(b->line));
  }
  b->waiting.push_back(here.thread);
  if (b->waiting.size() == b->n) {
    b->ready.insert(b->ready.end(), b->waiting.begin(), b->waiting.end());
    b->waiting.clear();
  }
  wait();
}

void meet(unsigned mask, const char *what, void *mine, void (*last)(void *, void **), void *closure) {
  Block *b = here.block;
  const unsigned lane = here.thread->id % 32, bit = 1u << lane;
  Warp &w = b->warps[here.thread->id / 32];
  if (!(mask & bit)) stop(std::string(what) + ": this lane is not in its own mask");
  size_t at = w.meetings.size();
  for (size_t i = 0; i < w.meetings.size(); i++) {
    const Meeting &open = w.meetings[i];
    if (open.mask == mask) at = i;
    else if (open.mask & mask) stop(std::string(what) + ": its mask overlaps with that of lanes which wait at a " + open.what);
  }
  if (at == w.meetings.size()) w.meetings.push_back({mask, 0, what, last, closure, {}});
  Meeting &m = w.meetings[at];
  if (m.what != what && strcmp(m.what, what)) stop(std::string(what) + ": other lanes of this warp are at a " + m.what);
  m.here |= bit;
  m.lanes[lane] = mine;
  if (complete(w, m)) finish(w, at);
  else
    wait();
}

void whole_warp(void *const *lanes, const char *what) {
  for (int i = 0; i < 32; i++) {
    if (!lanes[i]) stop(std::string(what) + " needs all 32 lanes, but lane " + std::to_string(i) + " has ended");
  }
}

static void run_block(Block *b, const Launch &l, uint64_t place) {
  const Index g = l.grid, t = l.block;
  here.block = b;
  here.kernel = l.kernel->name;
  here.size = t;
  here.grid = g;
  here.at = {(unsigned)(place % g.x), (unsigned)(place / g.x % g.y), (unsigned)(place / g.x / g.y)};
  b->kernel = l.kernel;
  b->parameters = l.parameters;
  b->n = b->live = t.x * t.y * t.z;
  b->started = 0;
  b->ready.clear();
  b->head = 0;
  for (unsigned i = 0; i < b->n; i++) b->threads[i].id = b->order[i] = i;
  for (unsigned w = 0; w * 32 < b->n; w++) {
    const unsigned lanes = std::min(32u, b->n - w * 32);
    b->warps[w].lanes = lanes == 32 ? ~0u : (1u << lanes) - 1;
    b->warps[w].ended = 0;
  }
  b->shuffle = l.shuffle;
  if (b->shuffle) {
    b->random.state = l.seed + place * 0x9e3779b97f4a7c15;
    for (unsigned i = b->n; i > 1; i--) std::swap(b->order[i - 1], b->order[b->random.below(i)]);
  }
  b->stack = b->stacks.take();
  if (b->stack < 0) stop("no memory for the stacks of its threads");
  here.thread = begin(b);
  standin_switch(&b->scheduler, b->stacks.prepare(b->stack, threads_entry));
  here.thread = nullptr;
}

void run_blocks(Launch &l) {
  Block *b = block_of_this_worker();
  uint64_t ran = 0;
  for (uint64_t i; (i = l.next.fetch_add(1)) < l.total; ran++) {
    fill_shared(*l.kernel);
    // The permutation i·a + c visits every block once, as a has no divisor in
    // common with their number.
    const uint64_t place = l.shuffle ? (uint64_t)(((unsigned __int128)i * l.step + l.seed % l.total) % l.total) : i;
    run_block(b, l, place);
    if ((ran & (ran - 1)) == 0) learn_shared(*l.kernel);
  }
  here.kernel = nullptr;
  here.block = nullptr;
}

Block *new_block() { return new Block(); }

bool stack_overrun(uintptr_t address) { return here.block && here.block->stacks.overrun(address); }

} // namespace standin
