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
	push	%rax
	push	%rcx
	push	%rdx
	push	%rbx
	push	%rbp
	push	%rsi
	push	%rdi
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	cld
	mov	%rsp, %rdi
	call	trap_handle
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rdi
	pop	%rsi
	pop	%rbp
	pop	%rbx
	pop	%rdx
	pop	%rcx
	pop	%rax
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
