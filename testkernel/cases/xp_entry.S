/* SPDX-License-Identifier: MIT */
/*
 * From long mode to the page of xp_page.S and back, and the 32-bit handlers meanwhile. They find their
 * struct xp_cpu by ESP, which is always within it; so an NMI may come at any instruction, with paging on
 * or off. While the CPU is still or again in long mode, an NMI goes to the 64-bit handler: xp_idt
 * holds the 64-bit gate, too (xp_build.c).
 */
#include "testkernel/layout.h"
#include "testkernel/cases/xp.h"

#define MSR_EFER       0xc0000080
#define MSR_X2APIC_EOI 0x80b
#define LAPIC_EOI      (LAPIC_PAGE + 0xb0)
#define EFER_LME       0x100

	.text
	.code64
/* void xp_enter(struct xp_cpu *x, u32 start): `start` is linear, with paging on */
	.globl xp_enter
xp_enter:
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rsp, XC_RSP(%rdi)
	movl %edi, %ebx
	movl %esi, %ebp
	movl $TK_DATA, %eax /* a return to CPL 3 leaves null selectors */
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	leaq XP_CPU_SIZE(%rbx), %rsp
	pushq $TK_CODE32
	leaq enter32(%rip), %rax
	pushq %rax
	lretq

	.code32
enter32:
	movl %cr0, %eax
	andl $0x7fffffff, %eax
	movl %eax, %cr0
	movl $MSR_EFER, %ecx
	rdmsr
	andl $~EFER_LME, %eax
	wrmsr
	movl XC_DUE_CR4(%ebx), %eax
	movl %eax, %cr4
	movl XC_CR3_SMALL(%ebx), %eax
	movl %eax, %cr3
	movl XC_DUE_CR0(%ebx), %eax
	movl %eax, %cr0
	jmp *%ebp

/* Back to long mode, with whatever paging the run ended. */
	.globl xp_leave
xp_leave:
	movl %cr0, %eax
	andl $0x7fffffff, %eax
	movl %eax, %cr0
	movl XC_OLD + 8(%ebx), %eax
	movl %eax, %cr4
	movl XC_OLD + 4(%ebx), %eax
	movl %eax, %cr3
	movl $MSR_EFER, %ecx
	rdmsr
	movl XC_OLD + 12(%ebx), %eax
	wrmsr
	movl XC_OLD(%ebx), %eax
	movl %eax, %cr0
	ljmp $TK_CODE64, $leave64

	.code64
leave64:
	movl %ebx, %ebx
	movq XC_RSP(%rbx), %rsp
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	ret

	.code32
/* (step, read, due): writes a bad read down, with the address it returns to. Keeps all registers. */
	.globl xp_on_bad
xp_on_bad:
	pushal
	movl XC_BAD_COUNT(%ebx), %eax
	incl XC_BAD_COUNT(%ebx)
	cmpl $XP_BADS, %eax
	jae 1f
	imull $XP_BAD_SIZE, %eax
	leal XC_BAD(%ebx, %eax), %edi
	movl XC_ROUND(%ebx), %eax
	movl %eax, (%edi)
	movl 36(%esp), %eax
	movl %eax, 4(%edi)
	movl 32(%esp), %eax
	movl %eax, 8(%edi)
	movl 40(%esp), %eax
	movl %eax, 12(%edi)
	movl 44(%esp), %eax
	movl %eax, 16(%edi)
1:	popal
	ret $12

	.macro find_cpu reg
	movl %esp, \reg
	andl $-XP_CPU_SIZE, \reg
	.endm

	.globl xp_nmi
xp_nmi:
	pushl %eax
	find_cpu %eax
	incl XC_NMIS(%eax)
	cmpl $0, 4(%esp) /* EIP, below XP_HIGH or above */
	jl 1f
	incl XC_NMIS_LOW(%eax)
1:	popl %eax
	iretl

	.globl xp_irq, xp_wake, xp_ignore
xp_irq:
	pushl %eax
	find_cpu %eax
	incl XC_IRQS(%eax)
	popl %eax
xp_wake:
	pushal
	find_cpu %ebx
	xorl %eax, %eax
	cmpl $0, XC_X2APIC(%ebx)
	jne 1f
	movl %eax, LAPIC_EOI
	jmp 2f
1:	xorl %edx, %edx
	movl $MSR_X2APIC_EOI, %ecx
	wrmsr
2:	popal
xp_ignore:
	iretl

/* Single steps: the instruction before has just read CR0, or CR4. */
	.globl xp_db
xp_db:
	pushl %eax
	pushl %ebx
	find_cpu %ebx
	incl XC_TRAPS(%ebx)
	movl 8(%esp), %eax /* EIP */
	andl $0xfff, %eax
	cmpl $XP_EXACT + 3, %eax
	je 1f
	cmpl $XP_CR4 + 3, %eax
	jne 3f
	cmpl XC_DUE_CR4(%ebx), %edx
	je 3f
	pushl XC_DUE_CR4(%ebx)
	pushl %edx
	pushl $XR_STEPPED_CR4
	jmp 2f
1:	cmpl XC_DUE_CR0(%ebx), %ecx
	je 3f
	pushl XC_DUE_CR0(%ebx)
	pushl %ecx
	pushl $XR_STEPPED_CR0
2:	call xp_on_bad
3:	popl %ebx
	popl %eax
	iretl

/* Exceptions nobody expects: written down, and the run is over. Stack: vector, error code, EIP. */
	.globl xp_faults
	.balign 16
xp_faults:
	.set vector, 0
	.rept 32
	.balign 16
	.if (vector == 8) || (vector >= 10 && vector <= 14) || (vector == 17) || (vector == 21)
	.else
	pushl $0
	.endif
	pushl $vector
	jmp fault
	.set vector, vector + 1
	.endr
fault:
	find_cpu %ebx
	incl XC_FAULTS(%ebx)
	popl XC_FAULT(%ebx)
	popl XC_FAULT + 4(%ebx)
	popl XC_FAULT + 8(%ebx)
	movl %cr2, %eax
	movl %eax, XC_FAULT + 12(%ebx)
	movl %ecx, XC_FAULT + 16(%ebx)
	movl %edx, XC_FAULT + 20(%ebx)
	movl %cr0, %eax
	movl %eax, XC_FAULT + 24(%ebx)
	movl %cr4, %eax
	movl %eax, XC_FAULT + 28(%ebx)
	jmp xp_leave

/* The linker puts a section that its script does not name behind all others: the kernel ends here. */
	.section kernel_end, "aw", @nobits
	.globl xp_kernel_end
xp_kernel_end:
	.skip 16

	.section .note.GNU-stack, "", @progbits
