//go:build cuda && linux && cgo

// A function for each driver call. It jumps to its slot with registers and stack
// untouched, so it needs no prototype. At first a slot leads to `first`, which
// keeps the arguments' registers, asks loader.c for the call (and so sets the
// slot), and jumps there.

	.set index, 0
	.data
	.balign 8
	.globl imgcls_driver_slots
	.hidden imgcls_driver_slots
imgcls_driver_slots:
	.text

#if defined(__x86_64__)

first: // on the stack: the index, and the caller's return address
	push %rdi
	push %rsi
	push %rdx
	push %rcx
	push %r8
	push %r9
	push %rax
	sub $136, %rsp // eight vectors, and 8 to align
	movups %xmm0, (%rsp)
	movups %xmm1, 16(%rsp)
	movups %xmm2, 32(%rsp)
	movups %xmm3, 48(%rsp)
	movups %xmm4, 64(%rsp)
	movups %xmm5, 80(%rsp)
	movups %xmm6, 96(%rsp)
	movups %xmm7, 112(%rsp)
	mov 192(%rsp), %edi
	call imgcls_driver_find
	mov %rax, %r11
	movups (%rsp), %xmm0
	movups 16(%rsp), %xmm1
	movups 32(%rsp), %xmm2
	movups 48(%rsp), %xmm3
	movups 64(%rsp), %xmm4
	movups 80(%rsp), %xmm5
	movups 96(%rsp), %xmm6
	movups 112(%rsp), %xmm7
	add $136, %rsp
	pop %rax
	pop %r9
	pop %r8
	pop %rcx
	pop %rdx
	pop %rsi
	pop %rdi
	add $8, %rsp
	jmp *%r11

	.macro forward name
	.balign 16
	.globl \name
	.type \name, %function
\name:
	jmp *slot_\name(%rip)
first_\name:
	push $index
	jmp first
	.size \name, . - \name
	.data
slot_\name:
	.quad first_\name
	.text
	.set index, index + 1
	.endm

#elif defined(__aarch64__)

first: // w17: the index
	stp x29, x30, [sp, #-224]!
	mov x29, sp
	stp x0, x1, [sp, #16]
	stp x2, x3, [sp, #32]
	stp x4, x5, [sp, #48]
	stp x6, x7, [sp, #64]
	str x8, [sp, #80]
	stp q0, q1, [sp, #96]
	stp q2, q3, [sp, #128]
	stp q4, q5, [sp, #160]
	stp q6, q7, [sp, #192]
	mov w0, w17
	bl imgcls_driver_find
	mov x16, x0
	ldp x0, x1, [sp, #16]
	ldp x2, x3, [sp, #32]
	ldp x4, x5, [sp, #48]
	ldp x6, x7, [sp, #64]
	ldr x8, [sp, #80]
	ldp q0, q1, [sp, #96]
	ldp q2, q3, [sp, #128]
	ldp q4, q5, [sp, #160]
	ldp q6, q7, [sp, #192]
	ldp x29, x30, [sp], #224
	br x16

	.macro forward name
	.balign 16
	.globl \name
	.type \name, %function
\name:
	adrp x16, slot_\name
	ldr x16, [x16, :lo12:slot_\name]
	br x16
first_\name:
	mov w17, #index
	b first
	.size \name, . - \name
	.data
slot_\name:
	.quad first_\name
	.text
	.set index, index + 1
	.endm

#else
#error "the build tag cuda is for amd64 and arm64"
#endif

#define SYMBOL(name) forward name
#include "symbols.h"

	.section .note.GNU-stack, "", %progbits
