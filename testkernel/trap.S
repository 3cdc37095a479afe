/* SPDX-License-Identifier: MIT */
/*
 * The 256 gates, one path into trap() (trap.c) with a struct trap_frame, and the two ends of exec().
 */
#include "gprs.h"
#include "layout.h"

	.text
	.globl trap_gates
	.balign 16
trap_gates:
	.set vector, 0
	.rept VEC_COUNT
	.balign 16
	.if (vector == 8) || (vector >= 10 && vector <= 14) || (vector == 17) || (vector == 21)
	.else
	pushq $0
	.endif
	pushq $vector
	jmp trap_common
	.set vector, vector + 1
	.endr

trap_common:
	push_gprs
	cld
	movq %rsp, %rdi
	call trap
	pop_gprs
	addq $16, %rsp
	iretq

/*
 * void exec_enter(struct trap_frame *f, u64 *saved_rsp): goes to where the frame points; the handler of
 * whatever trap ends it makes exec_leave the place to return to, with RSP = *saved_rsp.
 */
	.globl exec_enter
exec_enter:
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rsp, (%rsi)
	movq %rdi, %rsp
	pop_gprs
	addq $16, %rsp
	iretq

	.globl exec_leave
exec_leave:
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	ret

	.section .note.GNU-stack, "", @progbits
