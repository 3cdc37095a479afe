/* SPDX-License-Identifier: MIT */
/* The tasks of task.h. FS is TS_RUN once a task has written down what it found. */
#include "layout.h"
#include "task_layout.h"
#include "x86/vector.h"

#define MSR_EFER 0xc0000080
#define ICR_LOW	 (LAPIC_PAGE + 0x300)
#define ICR_HIGH (LAPIC_PAGE + 0x310)
#define ICR_NMI	 0x4400

/* Registers and the top of the stack into the next record; nothing but FS changes. */
	.macro record
	pushfl
	pushal
	pushl %ds
	pushl %es
	pushl %fs
	pushl %gs
	pushl %ss
	pushl %cs
	strl %eax
	pushl %eax
	sldtl %eax
	pushl %eax
	movl %cr0, %eax
	pushl %eax
	movl %cr3, %eax
	pushl %eax
	pushl %ss:TASK_MARK_AT
	movl $TS_RUN, %eax
	movl %eax, %fs
	movl %fs:RUN_NEXT, %edi
	addl $RUN_SEEN_SIZE, %fs:RUN_NEXT
	xorl %ecx, %ecx
1:	movl (%esp, %ecx, 4), %eax
	movl %eax, %fs:(%edi, %ecx, 4)
	incl %ecx
	cmpl $RUN_SEEN_SIZE / 4, %ecx
	jne 1b
	addl $RUN_SEEN_PUSHED * 4, %esp
	popal
	popfl
	.endm

/* Registers that only the operation's task has */
	.macro own_registers
	pushl $0x8d7 /* all flags of arithmetic */
	popfl
	movl $0xa0a0a0a0, %eax
	movl $0xa1a1a1a1, %ecx
	movl $0xa2a2a2a2, %edx
	movl $0xa3a3a3a3, %ebx
	movl $0xa5a5a5a5, %ebp
	movl $0xa6a6a6a6, %esi
	movl $0xa7a7a7a7, %edi
	.endm

	.text
	.code64
/* void task_enter(struct task_run *run) */
	.globl task_enter
task_enter:
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rdi, %rbx
	sgdt RUN_SAVED_GDTR(%rbx)
	sidt RUN_SAVED_IDTR(%rbx)
	movq %rsp, RUN_SAVED_RSP(%rbx)
	movl $TK_DATA, %eax /* a return to CPL 3 leaves null selectors */
	movl %eax, %ds
	movl %eax, %es
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
	andl $~0x100, %eax /* LME */
	wrmsr
	movl RUN_CR4(%ebx), %eax
	movl %eax, %cr4
	movl RUN_CR3(%ebx), %eax
	movl %eax, %cr3
	lgdt RUN_GDTR(%ebx)
	lidt RUN_IDTR(%ebx)
	movl RUN_CR0(%ebx), %eax
	movl %eax, %cr0
	ljmp $TK_CODE32, $1f
1:	movl $TK_DATA, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl RUN_STACK(%ebx), %esp
	xorl %eax, %eax
	movl %eax, %fs
	movl %eax, %gs
	lldt %ax
	movl $TS_MAIN, %eax
	ltr %ax
	leal -4(%esp), %eax /* where the operation's return address will lie */
	movl %eax, RUN_LEAVE_ESP(%ebx)
	call *RUN_OP(%ebx)

/* Back to long mode, whichever task this is. */
	movl $TS_RUN, %eax
	movl %eax, %fs
	movl %fs:RUN_SELF, %ebx
	movl %cr0, %eax
	andl $0x7fffffff, %eax
	movl %eax, %cr0
	movl RUN_SAVED_CR4(%ebx), %eax
	movl %eax, %cr4
	movl RUN_SAVED_CR3(%ebx), %eax
	movl %eax, %cr3
	movl $MSR_EFER, %ecx
	rdmsr
	movl RUN_SAVED_EFER(%ebx), %eax
	wrmsr
	movl RUN_SAVED_CR0(%ebx), %eax
	movl %eax, %cr0
	lgdt RUN_SAVED_GDTR(%ebx)
	ljmp $TK_CODE64, $leave64

	.code64
leave64:
	movl $TK_DATA, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	xorl %eax, %eax
	lldt %ax
	movl %ebx, %ebx
	movq RUN_SAVED_RSP(%rbx), %rsp
	lidt RUN_SAVED_IDTR(%rbx)
	pushq $2 /* NT is not to stay */
	popfq
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	ret

	.code32
/* Ends the operation from any task. */
task_leave:
	ljmp $TK_CODE32, $1f
1:	movl $TK_DATA, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl $TS_RUN, %eax
	movl %eax, %fs
	movl %fs:RUN_LEAVE_ESP, %esp
	ret

	.macro op name, insn:vararg
	.globl task_op_\name
task_op_\name:
	own_registers
	.globl task_at_\name
task_at_\name:
	\insn
	record
	ret
	.endm

	op jump, ljmp $TS_TASK, $0
	op jump16, ljmp $TS_TASK16, $0
	op call, lcall $TS_TASK, $0
	op gate, lcall $TS_GATE, $0
	op small, ljmp $TS_SMALL, $0
	op int, int $TASK_VECTOR
	op ud, ud2
	op gp, movl %eax, %es

/* Two NMIs to itself, the second behind the task that the first one reached */
	.globl task_op_nmi
task_op_nmi:
	movl $TS_RUN, %eax
	movl %eax, %fs
	movl $2, %ebp
1:	movl %fs:RUN_APIC_ID, %eax
	movl %eax, ICR_HIGH
	movl %fs:RUN_NEXT, %esi
	movl $ICR_NMI, %eax
	movl %eax, ICR_LOW
	call wait_for_record
	decl %ebp
	jnz 1b
	record
	ret

	.globl task_op_irq
task_op_irq:
	movl $TS_RUN, %eax
	movl %eax, %fs
	movl %fs:RUN_APIC_ID, %eax
	movl %eax, ICR_HIGH
	movl %fs:RUN_NEXT, %esi
	movl $0x4000 | TASK_VECTOR, ICR_LOW
	sti
	call wait_for_record
	cli
	record
	ret

/* Until a task has written one behind ESI, or a while */
wait_for_record:
	movl $1000000, %ecx
1:	pause
	cmpl %fs:RUN_NEXT, %esi
	jne 2f
	decl %ecx
	jnz 1b
2:	ret

/* The other task */
	.globl task_iret, task_jump, task_end
task_iret:
	record
	iretl
	jmp task_iret
task_jump:
	record
	ljmp $TS_MAIN, $0
	jmp task_jump
task_end:
	record
	jmp task_leave

/* Exceptions: vector and error code are on the stack. */
caught:
	record
	jmp task_leave

	.globl task_handlers
	.balign 16
task_handlers:
	.set vector, 0
	.rept VECTOR_COUNT
	.balign 16
	.if !(VECTOR_ERROR_CODES >> vector & 1)
	pushl $0
	.endif
	pushl $vector
	jmp caught
	.set vector, vector + 1
	.endr

	.section .note.GNU-stack, "", @progbits
