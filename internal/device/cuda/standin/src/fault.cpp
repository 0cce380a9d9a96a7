// A fault inside a kernel is reported with its place; any other is left to the
// program, as Go makes panics of some.

#include "pool.h"

#include <signal.h>
#include <sys/mman.h>

namespace standin {

static struct sigaction before[64];

static void report(int signal, siginfo_t *info, void *context) {
  if (here.kernel) {
    const uintptr_t at = (uintptr_t)info->si_addr;
    char text[32];
    snprintf(text, sizeof text, "%#lx", (unsigned long)at);
    if (stack_overrun(at)) stop("stack overflow: a thread's local variables take more than 128 KiB");
    if (signal == SIGFPE) stop("division by zero");
    if (signal == SIGSEGV && info->si_code == SI_KERNEL) stop("a misaligned or impossible address");
    stop(std::string("access to ") + text + ", " + describe(at));
  }
  const struct sigaction &old = before[signal];
  if (old.sa_flags & SA_SIGINFO) {
    old.sa_sigaction(signal, info, context);
  } else if (old.sa_handler == SIG_DFL || old.sa_handler == SIG_IGN) {
    ::signal(signal, SIG_DFL); // and again, to the end
  } else {
    old.sa_handler(signal);
  }
}

void catch_faults() {
  for (int s : {SIGSEGV, SIGBUS, SIGFPE}) {
    struct sigaction a = {};
    a.sa_sigaction = report;
    a.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    sigaction(s, &a, &before[s]);
  }
}

void fault_stack() {
  const size_t size = 64 << 10;
  stack_t s = {};
  s.ss_sp = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  s.ss_size = size;
  sigaltstack(&s, nullptr);
}

} // namespace standin
