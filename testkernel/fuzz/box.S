/* SPDX-License-Identifier: MIT */
/*
 * Into a box (box.h) and out of it by whatever interrupt or exception. EBX is the box. Until the last
 * registers are loaded, and from the gate on, the selectors are those from BOX_FIRST on: an NMI, or the #DB of
 * DR7.GD, that comes there returns. In the way to legacy modes and back none may come.
 */
#include "testkernel/fuzz/box_layout.h"
#include "testkernel/gprs.h"
#include "testkernel/layout.h"

#define MSR_EFER    0xc0000080
#define MSR_GS_BASE 0xc0000101
#define VEC_DB	    1
#define VEC_NMI	    2
#define VEC_DF	    8
#define CR0_NO_PG   0x7fffffff
#define EFLAGS_VM   2 /* in the third byte */
#define IN(x)	    (B_IN + ST_##x)
#define OUT(x)	    (B_OUT + ST_##x)
#define AT(x)	    (x - box_real)

	.text
	.code64
/* void box_enter(struct box *b) */
	.globl box_text, box_enter
box_text:
box_enter:
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rdi, %rbx
	movq %rsp, B_K_RSP(%rbx)
	sgdt B_K_GDTR(%rbx)
	sidt B_K_IDTR(%rbx)
	movq %cr0, %rax
	movq %rax, B_K_CR0(%rbx)
	movq %cr3, %rax
	movq %rax, B_K_CR3(%rbx)
	movq %cr4, %rax
	movq %rax, B_K_CR4(%rbx)
	movl $MSR_EFER, %ecx
	rdmsr
	movl %eax, B_K_EFER(%rbx)
	lgdt B_GDTR(%rbx)
	movl $BOX_DATA, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl $BOX_TSS64, %eax
	ltr %ax
	lidt B_IDTR64(%rbx)
	pushq $BOX_CODE64
	leaq 1f(%rip), %rax
	pushq %rax
	lretq
1:	cmpl $KIND_LONG, B_KIND(%rbx)
	jne box_to_legacy
	movq IN(CR4)(%rbx), %rax
	movq %rax, %cr4
	movq B_CR3(%rbx), %rax
	movq %rax, %cr3
	movq IN(CR0)(%rbx), %rax
	movq %rax, %cr0
	movl IN(DS)(%rbx), %eax
	movl %eax, %ds
	movl IN(ES)(%rbx), %eax
	movl %eax, %es
	movl IN(FS)(%rbx), %eax
	movl %eax, %fs
	movl IN(GS)(%rbx), %eax
	movl %eax, %gs
	movq IN(DR7)(%rbx), %rax
	movq %rax, %dr7
	leaq B_IN(%rbx), %rsp
	pop_gprs
	addq $16, %rsp
	iretq

	.globl box_gates64, box_gates32
	.balign 16
box_gates64:
	.set vector, 0
	.rept VEC_COUNT
	.balign 16
	.if (vector == 8) || (vector >= 10 && vector <= 14) || (vector == 17) || (vector == 21)
	.else
	pushq $0
	.endif
	pushq $vector
	.if (vector == VEC_DB) || (vector == VEC_NMI)
	jmp box_nested64
	.else
	jmp box_out64
	.endif
	.set vector, vector + 1
	.endr

/* On the way in or out? Then it is nothing of the box's. */
box_nested64:
	cmpw $BOX_FIRST, 24(%rsp)
	jae 1f
	cmpw $TK_CODE64, 24(%rsp)
	jne box_out64
1:	cmpq $VEC_NMI, (%rsp)
	jne 2f
	pushq %rax
	movq %rsp, %rax
	andq $-BOX_SIZE, %rax
	movl $1, B_NMI(%rax)
	popq %rax
2:	addq $16, %rsp
	iretq

/* The interrupt stacks are in the box. */
box_out64:
	push_gprs
	cld
	movq %rsp, %rsi
	movq %rsp, %rbx
	andq $-BOX_SIZE, %rbx
	leaq B_OUT(%rbx), %rdi
	movl $23, %ecx
	rep movsq
	movl %ds, %eax
	movl %eax, OUT(DS)(%rbx)
	movl %es, %eax
	movl %eax, OUT(ES)(%rbx)
	movl %fs, %eax
	movl %eax, OUT(FS)(%rbx)
	movl %gs, %eax
	movl %eax, OUT(GS)(%rbx)
	movq %cr0, %rax
	movq %rax, OUT(CR0)(%rbx)
	movq %cr2, %rax
	movq %rax, OUT(CR2)(%rbx)
	movq %cr4, %rax
	movq %rax, OUT(CR4)(%rbx)
	movq %dr6, %rax
	movq %rax, OUT(DR6)(%rbx)
	movq %dr7, %rax
	movq %rax, OUT(DR7)(%rbx)
	xorl %eax, %eax
	movq %rax, %dr7
	movq B_K_CR3(%rbx), %rax
	movq %rax, %cr3
	movq B_K_CR4(%rbx), %rax
	movq %rax, %cr4
	movq B_K_CR0(%rbx), %rax
	movq %rax, %cr0

/* The kernel's GS first, then its IDT, whose code segment both GDTs have */
box_back:
	xorl %eax, %eax
	movl %eax, %fs
	movl %eax, %gs
	movl $MSR_GS_BASE, %ecx
	movl B_K_GS(%rbx), %eax
	xorl %edx, %edx
	wrmsr
	movq B_K_RSP(%rbx), %rsp
	pushq $2 /* DF, NT, AC are off */
	popfq
	pushq $TK_CODE64
	leaq 1f(%rip), %rax
	pushq %rax
	lretq
1:	lidt B_K_IDTR(%rbx)
	lgdt B_K_GDTR(%rbx)
	movl $TK_DATA, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	ret

box_to_legacy:
	pushq $BOX_CODE32
	leaq 1f(%rip), %rax
	pushq %rax
	lretq

	.code32
1:	movl %cr0, %eax
	andl $CR0_NO_PG, %eax
	movl %eax, %cr0
	movl $MSR_EFER, %ecx
	rdmsr
	movl B_EFER(%ebx), %eax
	wrmsr
	movl IN(CR4)(%ebx), %eax
	movl %eax, %cr4
	movl B_CR3(%ebx), %eax
	movl %eax, %cr3
	lidt B_IDTR32(%ebx)
	movl IN(CR0)(%ebx), %eax
	movl %eax, %cr0
	movl $BOX_TSS32, %eax
	ltr %ax
	movl IN(DR7)(%ebx), %eax
	movl %eax, %dr7
	cmpl $KIND_REAL, B_KIND(%ebx)
	je box_to_real
	movl IN(ES)(%ebx), %eax
	movl %eax, %es
	movl IN(FS)(%ebx), %eax
	movl %eax, %fs
	movl IN(GS)(%ebx), %eax
	movl %eax, %gs
	leal B_FRAME(%ebx), %esp
	cmpl $KIND_USER, B_KIND(%ebx)
	je 2f
	movl IN(SS)(%ebx), %eax
	movl %eax, %ss
	movl IN(RSP)(%ebx), %esp
2:	movl 8(%ebx), %ecx
	movl 16(%ebx), %edx
	movl 40(%ebx), %ebp
	movl 48(%ebx), %esi
	movl 56(%ebx), %edi
	movl IN(DS)(%ebx), %eax
	movl %eax, %ds
	movl %cs:(%ebx), %eax
	movl %cs:24(%ebx), %ebx
	iretl

box_to_real:
	movl $BOX_REAL, %eax
	movl %eax, %es
	movl %eax, %fs
	movl %eax, %gs
	movl $BOX_RSTACK, %eax
	movl %eax, %ss
	ljmpl *B_FAR(%ebx)

	.balign 16
box_gates32:
	.set vector, 0
	.rept VEC_COUNT
	.balign 16
	.if (vector >= 10 && vector <= 14) || (vector == 17) || (vector == 21)
	.else
	pushl $0
	.endif
	pushl $vector
	jmp box_out32
	.set vector, vector + 1
	.endr

/* On the stack of the box, or at CPL 0 on whatever the code has left; DS is BOX_SELF from the third line on. */
box_out32:
	pushl %ds
	pushl $BOX_SELF
	popl %ds
	movl %eax, B_OUT
	movl %ecx, B_OUT + 8
	movl %edx, B_OUT + 16
	movl %ebx, B_OUT + 24
	movl %ebp, B_OUT + 40
	movl %esi, B_OUT + 48
	movl %edi, B_OUT + 56
	popl OUT(DS)
	popl OUT(VECTOR)
	popl OUT(ERROR)
	popl OUT(RIP)
	popl OUT(CS)
	popl OUT(RFLAGS)
	movl %es, %eax
	movl %eax, OUT(ES)
	movl %fs, %eax
	movl %eax, OUT(FS)
	movl %gs, %eax
	movl %eax, OUT(GS)
	movl %ss, %eax
	movl %eax, OUT(SS)
	testb $EFLAGS_VM, OUT(RFLAGS) + 2
	jnz 1f
	testb $3, OUT(CS)
	jnz 2f
	movl %esp, OUT(RSP)
	jmp 3f
1:	popl OUT(RSP)
	popl OUT(SS)
	popl OUT(ES)
	popl OUT(DS)
	popl OUT(FS)
	popl OUT(GS)
	jmp 3f
2:	popl OUT(RSP)
	popl OUT(SS)
3:	movl B_SELF, %ebx

	.globl box_double_fault
box_double_fault: /* a task of its own, EBX = the box */
	movl $BOX_DATA, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	leal B_STACK(%ebx), %esp
box_from16:
	movl %cr0, %eax
	movl %eax, OUT(CR0)(%ebx)
	andl $CR0_NO_PG, %eax
	movl %cr2, %ecx
	movl %ecx, OUT(CR2)(%ebx)
	movl %cr4, %ecx
	movl %ecx, OUT(CR4)(%ebx)
	movl %dr6, %ecx
	movl %ecx, OUT(DR6)(%ebx)
	movl %dr7, %ecx
	movl %ecx, OUT(DR7)(%ebx)
	xorl %ecx, %ecx
	movl %ecx, %dr7
	movl %eax, %cr0
	movl B_K_CR4(%ebx), %eax
	movl %eax, %cr4
	movl B_K_CR3(%ebx), %eax
	movl %eax, %cr3
	movl $MSR_EFER, %ecx
	rdmsr
	movl B_K_EFER(%ebx), %eax
	wrmsr
	movl B_K_CR0(%ebx), %eax
	movl %eax, %cr0
	ljmp $BOX_CODE64, $1f
	.code64
1:	movl %ebx, %ebx
	jmp box_back

	.code32
box_real32:
	movl $BOX_DATA, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	leal B_STACK(%ebx), %esp
	jmp box_from16
	.globl box_text_end
box_text_end:

/* Copied to CTL_CODE of the page of real mode */
	.section .rodata
	.code16
	.globl box_real, box_real_in, box_real_out, box_real_end
box_real:
	movl %cr0, %eax
	andb $0xfe, %al
	movl %eax, %cr0
	ljmpw *%cs:CTL_FAR
box_real_in:
	lidtl %cs:CTL_IDTR
	movw %cs:CTL_IN + 32, %ds
	movw %cs:CTL_IN + 34, %es
	movw %cs:CTL_IN + 36, %fs
	movw %cs:CTL_IN + 38, %gs
	movl %cs:CTL_IN + 4, %ecx
	movl %cs:CTL_IN + 8, %edx
	movl %cs:CTL_IN + 12, %ebx
	movl %cs:CTL_IN + 20, %ebp
	movl %cs:CTL_IN + 24, %esi
	movl %cs:CTL_IN + 28, %edi
	movw %cs:CTL_IN + 40, %ss
	movl %cs:CTL_IN + 16, %esp
	movl %cs:CTL_IN, %eax
	iretl

box_real_out:
	movl %eax, %cs:CTL_OUT
	movl %ecx, %cs:CTL_OUT + 4
	movl %edx, %cs:CTL_OUT + 8
	movl %ebx, %cs:CTL_OUT + 12
	movl %ebp, %cs:CTL_OUT + 20
	movl %esi, %cs:CTL_OUT + 24
	movl %edi, %cs:CTL_OUT + 28
	movw %ds, %cs:CTL_OUT + 32
	movw %es, %cs:CTL_OUT + 34
	movw %fs, %cs:CTL_OUT + 36
	movw %gs, %cs:CTL_OUT + 38
	movw %ss, %cs:CTL_OUT + 40
	popw %cs:CTL_OUT + 42
	popw %cs:CTL_OUT + 44
	popw %cs:CTL_OUT + 46
	popw %cs:CTL_OUT + 48
	movl %esp, %cs:CTL_OUT + 16
	movl %cs:CTL_BOX, %ebx
	movl %cr0, %eax
	orb $1, %al
	movl %eax, %cr0
	ljmpl $BOX_CODE32, $box_real32
box_real_end:

	.section .note.GNU-stack, "", @progbits
