/* SPDX-License-Identifier: MIT */
/* The interpreter of legacy.h. ESI: the operation; EBX: the CR0, CR3, CR4, EFER to come back with. */
#include "layout.h"

#define MSR_EFER 0xc0000080
#define EFER_LME 0x100

	.text
	.code64
/* void legacy_enter(struct op *ops, const u32 saved[4]) */
	.globl legacy_enter
legacy_enter:
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	subq $16, %rsp
	sidt (%rsp)
	lidt legacy_idt_ptr(%rip)
	movq %rsi, %rbx
	movq %rdi, %rsi
	movl $TK_DATA, %eax /* a return to CPL 3 leaves null selectors */
	movl %eax, %ds
	movl %eax, %es
	pushq $TK_CODE32
	leaq legacy32(%rip), %rax
	pushq %rax
	lretq

	.code32
legacy32:
	movl (%esi), %eax
	jmp *op_table(, %eax, 4)

	.macro op_read name, insn:vararg
\name:	\insn
	movl %eax, 8(%esi)
	jmp legacy_next
	.endm

	.macro op_write name, insn:vararg
\name:	movl 4(%esi), %eax
	\insn
	jmp legacy_next
	.endm

	op_read op_read_cr0, movl %cr0, %eax
	op_read op_read_cr3, movl %cr3, %eax
	op_read op_read_cr4, movl %cr4, %eax
	op_read op_smsw, smswl %eax
	op_write op_write_cr0, movl %eax, %cr0
	op_write op_write_cr3, movl %eax, %cr3
	op_write op_write_cr4, movl %eax, %cr4
	op_write op_lmsw, lmsw %ax
	op_write op_store, movl $0, (%eax)
op_stay:
	pause
	jmp op_stay
op_clts:
	clts
	jmp legacy_next
op_load:
	movl 4(%esi), %eax
	movl (%eax), %eax
	movl %eax, 8(%esi)
	jmp legacy_next
op_read_efer:
	movl $MSR_EFER, %ecx
	rdmsr
	movl %eax, 8(%esi)
	jmp legacy_next
op_write_efer:
	movl $MSR_EFER, %ecx
	rdmsr
	movl 4(%esi), %eax
	wrmsr
	jmp legacy_next

/* Faults of an operation come here by the 32-bit IDT; the stack is as it was before the operation. */
legacy_ud:
	pushl $6
	jmp legacy_fault
legacy_gp:
	addl $4, %esp /* error code */
	pushl $13
	jmp legacy_fault
legacy_pf:
	addl $4, %esp
	pushl $14
legacy_fault:
	popl 12(%esi)
	addl $12, %esp /* EIP CS EFLAGS */
legacy_next:
	addl $16, %esi
	jmp legacy32

/* Back to long mode from wherever the list left us. */
op_end:
	movl %cr0, %eax
	andl $0x7fffffff, %eax
	movl %eax, %cr0
	movl 8(%ebx), %eax
	movl %eax, %cr4
	movl 4(%ebx), %eax
	movl %eax, %cr3
	movl $MSR_EFER, %ecx
	rdmsr
	movl 12(%ebx), %eax
	wrmsr
	movl (%ebx), %eax
	movl %eax, %cr0
	ljmp $TK_CODE64, $legacy_back

	.code64
legacy_back:
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
op_table:
	.long op_end, op_read_cr0, op_write_cr0, op_read_cr3, op_write_cr3, op_read_cr4
	.long op_write_cr4, op_write_efer, op_read_efer, op_load, op_store, op_lmsw
	.long op_clts, op_smsw, op_stay
	.globl legacy_handlers
legacy_handlers:
	.long legacy_ud, legacy_gp, legacy_pf

	.section .note.GNU-stack, "", @progbits
