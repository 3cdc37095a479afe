/* SPDX-License-Identifier: MIT */
/* Stubs for the 32 exception vectors; those without an error code push 0. */
#include "x86/vector.h"

	.text
	.balign	16
	.globl	trap_stubs
trap_stubs:
	.set	vector, 0
	.rept	VECTOR_COUNT
	.balign	16
	.if	!((VECTOR_ERROR_CODES >> vector) & 1)
	push	$0
	.endif
	push	$vector
	jmp	common
	.set	vector, vector + 1
	.endr

common:
	.irp	reg, rax, rcx, rdx, rbx, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15
	push	%\reg
	.endr
	cld
	mov	%rsp, %rdi
	call	trap_handle
	.irp	reg, r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax
	pop	%\reg
	.endr
	add	$16, %rsp
	iretq

	.globl	trap_unblock_nmi
trap_unblock_nmi:
	mov	%rsp, %rax
	mov	%ss, %ecx
	push	%rcx
	push	%rax
	pushfq
	mov	%cs, %ecx
	push	%rcx
	lea	1f(%rip), %rax
	push	%rax
	iretq
1:	ret

	.section .note.GNU-stack, "", @progbits
