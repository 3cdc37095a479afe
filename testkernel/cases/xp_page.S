/* SPDX-License-Identifier: MIT */
/*
 * The page that is copied to XP_PAGE, with the sequence by which 32-bit Windows XP sets CR4.PSE on every
 * CPU: paging off, PSE on, paging on. A hypervisor that owns CR4.VMXE alone was seen to exit in it, at a
 * write of 2030h: the MOV from CR4 had given 2020h, VMXE among it, where 20h was due.
 *
 *   address   instruction            what it does
 *   6a29aa    mov %cr0, %ecx         8001003bh: paging is on
 *   6a29ad    and $0x7fffffff, %ecx
 *   6a29b3    mov %ecx, %cr0         PG := 0; this code is identity mapped
 *   6a29b6    jmp next
 *   6a29b8    mov %cr4, %edx         20h is due (PAE; 0 with 32-bit paging)
 *   6a29bb    or $0x10, %edx
 *   6a29be    mov %edx, %cr4         30h: PSE := 1
 *   6a29c1    mov $0x806a29d1, %edx
 *   6a29c6    or $0x80000000, %ecx
 *   6a29cc    mov %ecx, %cr0         PG := 1
 *   6a29cf    jmp *%edx              to the high mapping
 *   806a29d1  mov %eax, %cr3         tables with large pages, which need PSE in 32-bit paging
 *   806a29d4  popf; ret $8           interrupts that waited come here
 *
 * The same text is there twice: as it is, and `watched`, where each read is compared with what is due
 * before anything else happens. EBX points to the struct xp_cpu, always at its identity-mapped address.
 */
#include "testkernel/cases/xp.h"

#define ADDRESS(x) (XP_PAGE + (x) - xp_page)

/* The read of `step` gave `reg`; it should be the same as the word `due` of EBX. Nothing changes. */
	.macro watch reg, due, step
	cmpl \due(%ebx), \reg
	je .Lgood\@
	pushl \due(%ebx)
	pushl \reg
	pushl $\step
	call *XC_ON_BAD(%ebx)
.Lgood\@:
	.endm

	.macro watch_if condition, cr, due, step
	.if \condition
	movl \cr, %edx
	watch %edx, \due, \step
	.endif
	.endm

/* (CR3, unused): as a function of the system calls it, in the high mapping. */
	.macro sequence name, watched
\name:
	movl 4(%esp), %eax
	pushfl
	cli
	movl $ADDRESS(\name\()_low), %ecx
\name\()_fixup1:
	jmp *%ecx
\name\()_low:
	movl %cr0, %ecx
	.if \watched
	watch %ecx, XC_DUE_CR0, XR_CR0
	.endif
	andl $0x7fffffff, %ecx
	movl %ecx, %cr0
	jmp \name\()_next
\name\()_next:
	watch_if \watched, %cr0, XC_UNPAGED_CR0, XR_UNPAGED_CR0
\name\()_cr4:
	movl %cr4, %edx
	.if \watched
	watch %edx, XC_DUE_CR4, XR_CR4
	.endif
	orl $0x10, %edx
	movl %edx, %cr4
	watch_if \watched, %cr4, XC_AFTER_CR4, XR_WRITTEN_CR4
	movl $(XP_HIGH + ADDRESS(\name\()_high)), %edx
\name\()_fixup2:
	orl $0x80000000, %ecx
	movl %ecx, %cr0
	jmp *%edx
\name\()_high:
	watch_if \watched, %cr0, XC_DUE_CR0, XR_PAGED_CR0
	watch_if \watched, %cr4, XC_AFTER_CR4, XR_PAGED_CR4
	movl %eax, %cr3
	popfl
	ret $8
	.endm

	.section .rodata
	.code32
	.balign 16
	.globl xp_page, xp_page_end, xp_exact_cr4
/* The rounds. Starts here, in the high mapping. */
xp_page:
	sti
next_round:
	imull $1103515245, XC_SEED(%ebx), %eax
	addl $12345, %eax
	movl %eax, XC_SEED(%ebx)
	shrl $27, %eax
1:	pause
	subl $1, %eax
	jns 1b

	movl XC_CR3_SMALL(%ebx), %eax
	movl %eax, %cr3
	movl XC_DUE_CR4(%ebx), %eax
	movl %eax, %cr4
	watch_if 1, %cr4, XC_DUE_CR4, XR_START_CR4
	watch_if 1, %cr0, XC_DUE_CR0, XR_START_CR0

	pushl $0
	pushl XC_CR3_LARGE(%ebx)
	movl XC_ROUND(%ebx), %eax
	testl $1, %eax
	jnz do_watched
	testl $(XP_STEP_PERIOD - 1), %eax
	jz do_stepped
	call exact
	jmp came_back
do_watched:
	call watched
	jmp came_back
do_stepped:
	pushfl
	orl $0x100, (%esp) /* TF: from the instruction after POPF on each one traps, XP_STEPS in all */
	popfl
	call exact
	pushfl
	andl $~0x100, (%esp)
	popfl

came_back:
	watch_if 1, %cr0, XC_DUE_CR0, XR_AFTER_CR0
	watch_if 1, %cr3, XC_CR3_LARGE, XR_AFTER_CR3
	watch_if 1, %cr4, XC_AFTER_CR4, XR_AFTER_CR4
	incl XC_ROUND(%ebx)
	movl XC_ROUND(%ebx), %eax
	cmpl XC_ROUNDS(%ebx), %eax
	jb next_round
	cmpl $0, XC_GO_ON(%ebx)
	jne next_round
	cli
	jmp *XC_LEAVE(%ebx)

	.skip XP_EXACT - 13 - (. - xp_page)
	sequence exact, 0
	.set xp_exact_cr4, exact_cr4
	sequence watched, 1
xp_page_end:

/* The ends of the 32-bit immediates that hold addresses in the page. */
	.balign 4
	.globl xp_fixups, xp_fixups_end
xp_fixups:
	.long exact_fixup1 - xp_page, exact_fixup2 - xp_page
	.long watched_fixup1 - xp_page, watched_fixup2 - xp_page
xp_fixups_end:

	.section .note.GNU-stack, "", @progbits
