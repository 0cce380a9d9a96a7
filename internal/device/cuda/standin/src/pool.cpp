// The OS threads that run blocks. STANDIN_THREADS says how many.

#include "pool.h"

#include <signal.h>

#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <numeric>
#include <thread>

namespace standin {

bool shuffled(uint64_t *seed) {
  static const char *text = getenv("STANDIN_SHUFFLE");
  if (!text || !*text) return false;
  *seed = strtoull(text, nullptr, 10);
  return true;
}

// One for each worker. Not thread-local: that is shared memory's, see shared.cpp.
static std::vector<std::pair<Here *, Block *>> blocks;

Block *block_of_this_worker() {
  for (auto &[owner, block] : blocks) {
    if (owner == &here) return block;
  }
  return nullptr;
}

struct Pool {
  std::mutex m;
  std::condition_variable go, done;
  Launch *launch = nullptr;
  uint64_t turn = 0;
  int workers = 0, begun = 0, busy = 0;

  Pool() {
    const char *text = getenv("STANDIN_THREADS");
    workers = text && atoi(text) > 0 ? atoi(text) : std::max(1u, std::thread::hardware_concurrency());
    catch_faults();
    // The program's signals are not for the workers.
    sigset_t all, before;
    sigfillset(&all);
    for (int s : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) sigdelset(&all, s);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (int i = 0; i < workers; i++) std::thread([this] { work(); }).detach();
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    std::unique_lock<std::mutex> l(m);
    done.wait(l, [&] { return begun == workers; });
  }

  void work() {
    fault_stack();
    std::unique_lock<std::mutex> l(m);
    blocks.push_back({&here, new_block()});
    begun++;
    done.notify_all();
    for (uint64_t seen = 0;;) {
      go.wait(l, [&] { return turn != seen; });
      seen = turn;
      Launch *mine = launch;
      l.unlock();
      run_blocks(*mine);
      l.lock();
      if (--busy == 0) done.notify_all();
    }
  }

  void run(Launch &next) {
    std::unique_lock<std::mutex> l(m);
    launch = &next;
    busy = workers;
    turn++;
    go.notify_all();
    done.wait(l, [&] { return busy == 0; });
  }
};

void run(const Kernel &kernel, Index grid, Index block, void *const *parameters) {
  static Pool *pool = new Pool; // workers outlive main
  static uint64_t launches = 0;
  Launch l;
  l.kernel = &kernel;
  l.grid = grid;
  l.block = block;
  l.parameters = parameters;
  l.total = (uint64_t)grid.x * grid.y * grid.z;
  l.shuffle = shuffled(&l.seed);
  if (l.shuffle) {
    Random r{l.seed * 0x9e3779b97f4a7c15 + launches++};
    l.seed = r.next();
    do l.step = r.next() % l.total + 1;
    while (std::gcd(l.step, l.total) != 1);
  }
  pool->run(l);
}

} // namespace standin
