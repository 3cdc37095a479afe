/* SPDX-License-Identifier: MIT */
/*
 * The way into the guest and out of it.
 *
 * HOST_RSP is the end of vcpu->gpr, so that at an exit fifteen pushes store the guest's general registers
 * where they belong; likewise fifteen pops load them. NMIs in root mode use a stack of their own (IST), so
 * nothing else is ever pushed there.
 *
 * Between vmx_enter_window and vmx_enter_window_end an NMI must not be forgotten: the NMI handler
 * (core/trap.c) sees RIP in this window and sends it to vmx_enter_abort, which undoes the entry. The
 * guest's registers in memory are untouched by then.
 */
#include "hv/pcpu.h"
#include "hv/vcpu.h"

	.text
	.globl vmx_loop, vmx_exit_entry
	.globl vmx_enter_window, vmx_enter_window_end, vmx_enter_abort

/* void vmx_loop(struct vcpu *v): into the guest, for ever; vmx_exited is called after every exit. The
 * stack is the caller's; nothing but vmx_exited's frame comes below it. RBX is v outside the guest. */
vmx_loop:
	and	$-16, %rsp
	mov	%rsp, VCPU_HOST_RSP(%rdi)
	mov	%rdi, %rbx
enter:
vmx_enter_window:
	cmpl	$0, VCPU_NMI_ROOT(%rbx)
	jne	vmx_enter_abort
	cmpl	$0, VCPU_LAUNCHED(%rbx)
	mov	%rbx, %rsp
	/* RBP twice: first the slot of RSP */
	.irp	reg, rax, rcx, rdx, rbx, rbp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15
	pop	%\reg
	.endr
	jz	1f
	vmresume
	jmp	2f
1:	vmlaunch
vmx_enter_window_end:
2:	mov	%gs:PCPU_VCPU, %rdi
	mov	VCPU_HOST_RSP(%rdi), %rsp
	call	vmx_entry_failed
	ud2

vmx_enter_abort:
	mov	%gs:PCPU_VCPU, %rbx
	mov	VCPU_HOST_RSP(%rbx), %rsp
	mov	%rbx, %rdi
	call	vmx_entry_aborted
	jmp	enter

	.balign	16
vmx_exit_entry:
	.irp	reg, r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbp, rbx, rdx, rcx, rax
	push	%\reg
	.endr
	mov	%rsp, %rdi
	mov	%rsp, %rbx
	mov	VCPU_HOST_RSP(%rdi), %rsp
	call	vmx_exited
	jmp	enter

	.section .note.GNU-stack, "", @progbits
