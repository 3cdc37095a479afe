/* SPDX-License-Identifier: MIT */
/* The thunk of realmode.h: a page of code that is copied to RM_PAGE, and its entry. */
#include "layout.h"

#define MSR_EFER 0xc0000080
#define AT(x)    (RM_PAGE + x - realmode_start)

	.text
	.code64
/* void realmode_enter(struct rm_regs *at) */
	.globl realmode_enter
realmode_enter:
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	subq $16, %rsp
	sidt (%rsp)
	movl %esp, AT(saved_esp)
	movq %cr4, %rax
	movl %eax, AT(saved_cr4)
	movq %cr0, %rax
	movl %eax, AT(saved_cr0)
	pushq $TK_CODE32
	pushq $AT(leave32)
	lretq

realmode_back:
	movl $TK_DATA, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	xorl %eax, %eax
	movl %eax, %fs
	movl %eax, %gs
	lidt (%rsp)
	addq $16, %rsp
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	ret

	.section .rodata
	.balign 4
	.globl realmode_start, realmode_vector_end, realmode_end
realmode_start:
	.long 0
regs:
	.skip 32
saved_esp: .long 0
saved_cr4: .long 0
saved_cr0: .long 0
saved_efer: .long 0
real_idt:
	.word 0x3ff
	.long 0

	.code32
leave32:
	movl %cr0, %eax
	andl $0x7fffffff, %eax
	movl %eax, %cr0
	movl $MSR_EFER, %ecx
	rdmsr
	movl %eax, AT(saved_efer)
	andl $~0x100, %eax /* LME */
	wrmsr
	xorl %eax, %eax
	movl %eax, %cr4
	ljmp $TK_CODE16, $AT(leave16)

	.code16
leave16:
	movw $TK_DATA16, %ax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	movw %ax, %fs
	movw %ax, %gs
	movl %cr0, %eax
	andl $0xfffffffe, %eax
	movl %eax, %cr0
	ljmp $0, $AT(real)
real:
	xorw %ax, %ax
	movw %ax, %ds
	movw %ax, %ss
	movw %ax, %fs
	movw %ax, %gs
	movl $RM_PAGE, %esp
	lidtl AT(real_idt)
	movw AT(regs + 28), %es
	movl AT(regs), %eax
	movl AT(regs + 4), %ebx
	movl AT(regs + 8), %ecx
	movl AT(regs + 12), %edx
	movl AT(regs + 16), %esi
	movl AT(regs + 20), %edi
	int $0x15 /* or another, see realmode_int */
realmode_vector_end:
	movl %eax, %cs:AT(regs)
	movl %ebx, %cs:AT(regs + 4)
	movl %ecx, %cs:AT(regs + 8)
	movl %edx, %cs:AT(regs + 12)
	movl %esi, %cs:AT(regs + 16)
	movl %edi, %cs:AT(regs + 20)
	pushfl
	popl %cs:AT(regs + 24)
	cli
	cld
	movl %cr0, %eax
	orl $1, %eax
	movl %eax, %cr0
	ljmpl $TK_CODE32, $AT(enter32)

	.code32
enter32:
	movl $TK_DATA, %eax
	movl %eax, %ds
	movl %eax, %ss
	movl AT(saved_cr4), %eax
	movl %eax, %cr4
	movl $MSR_EFER, %ecx
	rdmsr
	movl AT(saved_efer), %eax
	wrmsr
	movl AT(saved_esp), %esp
	movl AT(saved_cr0), %eax
	movl %eax, %cr0
	ljmp $TK_CODE64, $realmode_back
realmode_end:

/* An interrupt's handler: A20 off, a word at RM_BUFFER and one 1 MiB above it, A20 on. CX, BX: the carry of the two calls;
 * DX, SI: the upper word without and with A20, after 1234h was written to the lower one. */
	.code16
	.globl realmode_a20, realmode_a20_end
realmode_a20:
	push %ds
	push %es
	xorw %ax, %ax
	movw %ax, %ds
	decw %ax
	movw %ax, %es
	movw $0, %es:RM_BUFFER + 0x10
	movw $0x2400, %ax
	int $0x15
	sbbw %cx, %cx
	movw $0x1234, RM_BUFFER
	movw %es:RM_BUFFER + 0x10, %dx
	movw $0x2401, %ax
	int $0x15
	sbbw %bx, %bx
	movw %es:RM_BUFFER + 0x10, %si
	pop %es
	pop %ds
	iret
realmode_a20_end:

	.section .note.GNU-stack, "", @progbits
