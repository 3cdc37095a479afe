/* SPDX-License-Identifier: MIT */
/*
 * The interpreter of crexec.h, once per size of code. Between two operations ESI holds the operation, ESP the
 * top of the context's stack, where the same address lies; in real mode DS and SS are the context, else flat.
 * An operation is a piece of code of its own (crx_encode) that jumps to crx_leave16, crx_next32 or crx_next64 at its end. Any
 * trap starts at the top of the stack as well, so what the general registers held does not matter.
 */
#include "layout.h"
#include "crexec_layout.h"

#define MSR_EFER  0xc0000080
#define EFER_LMA  0x400
#define CR0_PE_ET 0x11
#define CR4_LATE  0x820000 /* CET PCIDE: to be cleared before WP and PG */
#define VECTORS	  32
#define VEC_BP	  3
#define EFLAGS_V86 0x20002
#define CTX_MASK  (-CRX_SIZE)
#define AT(x)	  (CRX_LOW + x - crx_low_start)

	.text
	.code64
/* void crx_enter(struct crx_context *c) */
	.globl crx_enter
crx_enter:
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rsp, CTX_RSP(%rdi)
	sgdt CTX_GDT(%rdi)
	sidt CTX_IDT(%rdi)
	movq %cr0, %rax
	movq %rax, CTX_CR0(%rdi)
	movq %cr3, %rax
	movq %rax, CTX_CR3(%rdi)
	movq %cr4, %rax
	movq %rax, CTX_CR4(%rdi)
	movl $MSR_EFER, %ecx
	rdmsr
	movl %eax, CTX_EFER(%rdi)
	lgdt crx_gdt_ptr
	movl $TK_DATA, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	leaq CTX_TOP(%rdi), %rsp
	movq %rdi, (%rsp)
	movl %edi, %esi
	jmp crx_go64

	.globl crx_next64
crx_next64:
	movl (%rsp), %esi
crx_check64:
	movb OP_VECTOR(%rsi), %al
	cmpb %al, OP_DUE(%rsi)
	jne crx_end64
	addl $OP_SIZE, %esi
	movl %esi, (%rsp)
crx_go64:
	lidt crx_idt64_ptr
	cmpb $CRX_CODE64, OP_CODE(%rsi)
	je crx_run64
	pushq $TK_CODE32
	pushq $crx_go32
	lretq

crx_run64:
	cmpb $CRX_KERNEL, OP_RING(%rsi)
	jne 1f
	leaq OP_STUB(%rsi), %rax
	jmp *%rax
1:	pushq $TK_UDATA
	pushq %rsi
	pushq $2 /* RFLAGS */
	pushq $TK_UCODE
	movl OP_USER(%rsi), %eax
	pushq %rax
	movq OP_VALUE(%rsi), %rax
	iretq

crx_end64:
	pushq $TK_CODE32
	pushq $crx_end32
	lretq

crx_fault64:
	popq %rcx
	movl $TK_DATA, %edx
	movl %edx, %ds
	movl %edx, %es
	movl %edx, %ss
	orq $(CTX_FRAME - 1), %rsp
	incq %rsp
	movl (%rsp), %esi
	cmpl $VEC_BP, %ecx
	jne 1f
	movq %rax, OP_VALUE(%rsi)
	xorl %ecx, %ecx
1:	movb %cl, OP_VECTOR(%rsi)
	jmp crx_check64

	.globl crx_gates64, crx_gates32
	.balign 16
crx_gates64:
	.set vector, 0
	.rept VECTORS
	.balign 16
	pushq $vector
	jmp crx_fault64
	.set vector, vector + 1
	.endr

	.code32
	.balign 16
crx_gates32:
	.set vector, 0
	.rept VECTORS
	.balign 16
	pushl $vector
	jmp crx_fault32
	.set vector, vector + 1
	.endr

crx_fault32:
	popl %ecx
	movl $TK_DATA, %edx
	movl %edx, %ds
	movl %edx, %es
	orl $(CTX_FRAME - 1), %esp
	incl %esp
	movl (%esp), %esi
	cmpl $VEC_BP, %ecx
	jne 1f
	movl %eax, OP_VALUE(%esi)
	xorl %ecx, %ecx
1:	movb %cl, OP_VECTOR(%esi)
	jmp crx_check32

	.globl crx_next32
crx_next32:
	movl (%esp), %esi
crx_check32:
	movb OP_VECTOR(%esi), %al
	cmpb %al, OP_DUE(%esi)
	jne crx_end32
	addl $OP_SIZE, %esi
	movl %esi, (%esp)
crx_go32:
	movl $MSR_EFER, %ecx
	rdmsr
	movb OP_CODE(%esi), %cl
	testl $EFER_LMA, %eax
	jz 1f
	lidt crx_idt64_ptr
	cmpb $CRX_CODE64, %cl
	jne 2f
	ljmp $TK_CODE64, $crx_run64
1:	lidt crx_idt32_ptr
2:	cmpb $CRX_CODE16P, %cl
	je crx_run16p
	cmpb $CRX_CODE32, %cl
	jne crx_end32
	cmpb $CRX_CPL3, OP_RING(%esi)
	je crx_cpl3
	ja crx_v86
	leal OP_STUB(%esi), %eax
	jmp *%eax

crx_run16p:
	pushl $CRX_CODE16_FLAT
	leal OP_STUB(%esi), %eax
	pushl %eax
	lretl

crx_cpl3:
	pushl $TK_UDATA
	pushl %esi
	pushl $2 /* EFLAGS */
	pushl $CRX_UCODE32
	pushl OP_USER(%esi)
	movl OP_VALUE(%esi), %eax
	iretl

crx_v86:
	pushl $0 /* GS FS DS ES SS */
	pushl $0
	pushl $0
	pushl $0
	pushl $0
	pushl $0x1000
	pushl $EFLAGS_V86
	movl OP_USER(%esi), %eax
	movzwl %ax, %ecx
	andl $0xfff, %ecx
	subl %ecx, %eax
	shrl $4, %eax
	pushl %eax
	pushl %ecx
	movl OP_VALUE(%esi), %eax
	iretl

/* From real mode, with the operation that has set PE in ESI. */
crx_from16:
	movl $TK_DATA, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl %esi, %esp
	andl $CTX_MASK, %esp
	addl $CTX_TOP, %esp
	jmp crx_check32

crx_end16to32:
	movl $TK_DATA, %eax
	movl %eax, %ds
/* Back to the state in the context from any 32-bit code, even with PE clear. */
crx_end32:
	movl %esi, %ebx
	andl $CTX_MASK, %ebx
	movl %cr4, %eax
	andl $~CR4_LATE, %eax
	movl %eax, %cr4
	movl $CR0_PE_ET, %eax
	movl %eax, %cr0
	movl CTX_CR4(%ebx), %eax
	movl %eax, %cr4
	movl CTX_CR3(%ebx), %eax
	movl %eax, %cr3
	movl $MSR_EFER, %ecx
	rdmsr
	movl CTX_EFER(%ebx), %eax
	wrmsr
	movl CTX_CR0(%ebx), %eax
	movl %eax, %cr0
	ljmp $TK_CODE64, $crx_back

	.code64
crx_back:
	movl %ebx, %ebx
	lgdt CTX_GDT(%rbx)
	lidt CTX_IDT(%rbx)
	movl $TK_DATA, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	xorl %eax, %eax
	movl %eax, %fs
	movl %eax, %gs
	movq CTX_RSP(%rbx), %rsp
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	ret

	.section .rodata
	.balign 8
	.globl crx_low_start, crx_low_end, crx_land16
crx_low_start:
	.set vector, 0
	.rept VECTORS /* the interrupt table of real mode */
	.long AT(gates16) + vector * 4
	.set vector, vector + 1
	.endr
ivt_ptr:
	.word VECTORS * 4 - 1
	.long CRX_LOW

	.code16
	.balign 4
gates16:
	.set vector, 0
	.rept VECTORS
	pushw $vector
	jmp fault16
	.balign 4
	.set vector, vector + 1
	.endr

fault16:
	popw %cx
	orl $(CTX_FRAME - 1), %esp
	incl %esp
	movl (%esp), %esi
	movl %esi, %edi
	andl $(CRX_SIZE - 1), %edi
	movb %cl, OP_VECTOR(%edi)
	jmp check16

/* PE has just been cleared; DS and SS are still flat. */
crx_land16:
	movl (%esp), %esi
	movl %esi, %eax
	andl $CTX_MASK, %eax
	shrl $4, %eax
	movw %ax, %ds
	movw %ax, %ss
	movl $CTX_TOP, %esp
	lidtl %cs:AT(ivt_ptr)
	jmp check16

crx_next16:
	movl (%esp), %esi
check16:
	movl %esi, %edi
	andl $(CRX_SIZE - 1), %edi
	movb OP_VECTOR(%edi), %al
	cmpb %al, OP_DUE(%edi)
	jne end16
	addl $OP_SIZE, %esi
	addl $OP_SIZE, %edi
	movl %esi, (%esp)
	cmpb $CRX_CODE16, OP_CODE(%edi)
	jne end16
	leal OP_STUB(%edi), %edi
	pushw %ds
	pushw %di
	lretw

end16:
	movl %cr0, %eax
	orl $1, %eax
	movl %eax, %cr0
	ljmpl $TK_CODE32, $crx_end16to32
crx_low_end:

/* A copy is in each context: the end of operations in real mode, which may have set PE. */
	.globl crx_leave16, crx_leave16_end
crx_leave16:
	movl %cr0, %eax
	testb $1, %al
	jnz 1f
	ljmp $0, $AT(crx_next16)
1:	movl (%esp), %esi
	ljmpl $TK_CODE32, $crx_from16
crx_leave16_end:

	.balign 8
crx_gdt:
	.quad 0
	.quad 0x00af9b000000ffff /* TK_CODE64 */
	.quad 0x00cf93000000ffff /* TK_DATA */
	.quad 0x00cf9b000000ffff /* TK_CODE32 */
	.quad 0x00cff3000000ffff /* TK_UDATA */
	.quad 0x00affb000000ffff /* TK_UCODE */
	.quad 0x008f9b000000ffff /* CRX_CODE16_FLAT */
	.quad 0x00cffb000000ffff /* CRX_UCODE32 */
crx_gdt_end:
crx_gdt_ptr:
	.word crx_gdt_end - crx_gdt - 1
	.quad crx_gdt

	.section .note.GNU-stack, "", @progbits
