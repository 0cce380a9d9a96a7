// Fibers: stacks that stop at a guard page, and the switch between them.

#include "fiber.h"

#include <sys/mman.h>
#include <unistd.h>

#if defined(__x86_64__)
asm(R"(.text
.globl standin_switch
.hidden standin_switch
.type standin_switch,@function
standin_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size standin_switch,.-standin_switch
)");
static const int saved = 6;
#elif defined(__aarch64__)
asm(R"(.text
.globl standin_switch
.hidden standin_switch
.type standin_switch,%function
standin_switch:
  sub sp, sp, #160
  stp d8, d9, [sp, #0]
  stp d10, d11, [sp, #16]
  stp d12, d13, [sp, #32]
  stp d14, d15, [sp, #48]
  stp x19, x20, [sp, #64]
  stp x21, x22, [sp, #80]
  stp x23, x24, [sp, #96]
  stp x25, x26, [sp, #112]
  stp x27, x28, [sp, #128]
  stp x29, x30, [sp, #144]
  mov x9, sp
  str x9, [x0]
  mov sp, x1
  ldp d8, d9, [sp, #0]
  ldp d10, d11, [sp, #16]
  ldp d12, d13, [sp, #32]
  ldp d14, d15, [sp, #48]
  ldp x19, x20, [sp, #64]
  ldp x21, x22, [sp, #80]
  ldp x23, x24, [sp, #96]
  ldp x25, x26, [sp, #112]
  ldp x27, x28, [sp, #128]
  ldp x29, x30, [sp, #144]
  add sp, sp, #160
  ret
.size standin_switch,.-standin_switch
)");
#else
#error "the stand-in is for amd64 and arm64"
#endif

namespace standin {

static const size_t guard = 64 << 10; // larger frames are touched page by page: -fstack-clash-protection

Stacks::Stacks() {
  base = (char *)mmap(nullptr, (size + guard) * most, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

int Stacks::take() {
  if (!unused.empty()) {
    const int i = unused.back();
    unused.pop_back();
    return i;
  }
  if (made == most || base == MAP_FAILED) return -1;
  if (mprotect(base + (size + guard) * made + guard, size, PROT_READ | PROT_WRITE)) return -1;
  return made++;
}

void *Stacks::prepare(int i, void (*entry)()) {
  // Stacks begin at various places of a page, so that they do not share one set
  // of the cache.
  char *top = base + (size + guard) * (i + 1) - (i % 61 + 1) * 64;
#if defined(__x86_64__)
  void **sp = (void **)top - 1; // as if called: 8 more than a multiple of 16
  *--sp = (void *)entry;
  for (int r = 0; r < saved; r++) *--sp = nullptr;
  return sp;
#else
  void **sp = (void **)(top - 160);
  for (int r = 0; r < 20; r++) sp[r] = nullptr;
  sp[19] = (void *)entry; // x30
  return sp;
#endif
}

bool Stacks::overrun(uintptr_t address) const {
  if (base == MAP_FAILED) return false;
  const uintptr_t at = address - (uintptr_t)base;
  return address >= (uintptr_t)base && at < (size + guard) * most && at % (size + guard) < guard;
}

} // namespace standin
