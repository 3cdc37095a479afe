/* SPDX-License-Identifier: MIT */
/* For assembly: the general registers of struct trap_frame (trap.h) on the stack. */
#ifndef TESTKERNEL_GPRS_H
#define TESTKERNEL_GPRS_H

#ifdef __ASSEMBLY__
/* clang-format off */
	.macro push_gprs
	pushq %r15
	pushq %r14
	pushq %r13
	pushq %r12
	pushq %r11
	pushq %r10
	pushq %r9
	pushq %r8
	pushq %rdi
	pushq %rsi
	pushq %rbp
	pushq $0 /* RSP is in the frame of the interrupt */
	pushq %rbx
	pushq %rdx
	pushq %rcx
	pushq %rax
	.endm

	.macro pop_gprs
	popq %rax
	popq %rcx
	popq %rdx
	popq %rbx
	leaq 8(%rsp), %rsp
	popq %rbp
	popq %rsi
	popq %rdi
	popq %r8
	popq %r9
	popq %r10
	popq %r11
	popq %r12
	popq %r13
	popq %r14
	popq %r15
	.endm
/* clang-format on */
#endif

#endif
