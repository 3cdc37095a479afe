/* SPDX-License-Identifier: MIT */
/*
 * The way into the guest and out of it (AMD APM vol. 2, 15.5 and 15.6).
 *
 * VMRUN and #VMEXIT switch RAX, RSP, RIP, RFLAGS and the segments but FS, GS, LDTR and TR, which VMLOAD and
 * VMSAVE do, with the system call MSRs. GIF is 0 from CLGI to VMRUN and from #VMEXIT to STGI: an NMI that
 * comes meanwhile is taken behind STGI or makes the guest exit at once, so none is forgotten.
 */
#include "hv/pcpu.h"
#include "hv/vcpu.h"
#include "svm/svm.h"

	.text
	.globl svm_loop

/* void svm_loop(struct vcpu *v): into the guest, for ever; svm_exited is called after every exit. The
 * stack is the caller's; v lies on it, and behind it host_pa. RBX is v outside the guest. */
svm_loop:
	and	$-16, %rsp
	mov	VCPU_ARCH(%rdi), %rax
	push	SVM_HOST_PA(%rax)
	push	%rdi
	mov	%rdi, %rbx
enter:
	clgi
	cmpq	$0, VCPU_NMI_ROOT(%rbx)		/* and VCPU_WINDOW behind it */
	jne	nmi
ready:	mov	VCPU_ARCH(%rbx), %rdx
	mov	(%rbx), %rax
	mov	%rax, VMCB_RAX_BYTE(%rdx)
	mov	SVM_VMCB_PA(%rdx), %rax
	vmload	%rax
	mov	0x08(%rbx), %rcx
	mov	0x10(%rbx), %rdx
	mov	0x28(%rbx), %rbp
	mov	0x30(%rbx), %rsi
	mov	0x38(%rbx), %rdi
	.irp	n, 8, 9, 10, 11, 12, 13, 14, 15
	mov	8*\n(%rbx), %r\n
	.endr
	mov	0x18(%rbx), %rbx
	vmrun	%rax
	vmsave	%rax
	push	%rbx
	mov	8(%rsp), %rbx
	mov	%rcx, 0x08(%rbx)
	mov	%rdx, 0x10(%rbx)
	pop	0x18(%rbx)
	mov	%rbp, 0x28(%rbx)
	mov	%rsi, 0x30(%rbx)
	mov	%rdi, 0x38(%rbx)
	.irp	n, 8, 9, 10, 11, 12, 13, 14, 15
	mov	%r\n, 8*\n(%rbx)
	.endr
	mov	8(%rsp), %rax
	vmload	%rax
	mov	VCPU_ARCH(%rbx), %rdx
	cmpb	$SVM_EXIT_INIT, VMCB_CODE_BYTE(%rdx)
	je	init
	stgi
init:	mov	%rbx, %rdi			/* an INIT waits for GIF */
	call	svm_exited
	jmp	enter

nmi:
	mov	%rbx, %rdi
	cmpl	$0, VCPU_NMI_ROOT(%rbx)
	jne	abort
	call	svm_kick_self
	jmp	ready

abort:
	stgi
	call	svm_entry_aborted
	jmp	enter

	.section .note.GNU-stack, "", @progbits
