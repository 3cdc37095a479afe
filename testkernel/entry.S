/* SPDX-License-Identifier: MIT */
/*
 * GRUB's entry (Multiboot2 specification 3.1 to 3.3) and the way to long mode: identity map of 4 GiB for
 * CPL 0, the first GiB again at USER_BASE for CPL 3, and an empty window of 4 KiB pages.
 */
#include "layout.h"

#define MB2_MAGIC 0xe85250d6

	.section .multiboot, "a"
	.balign 8
mb2_header:
	.long MB2_MAGIC
	.long 0 /* 32-bit protected mode */
	.long mb2_end - mb2_header
	.long -(MB2_MAGIC + (mb2_end - mb2_header))
	.word 0, 0
	.long 8
mb2_end:

	.section .text
	.code32
	.globl _start
_start:
	cli
	cld
	movl $boot_stack_top, %esp
	movl %eax, %esi /* the magic number, for kmain */
	movl %ebx, %edi /* the information, for kmain */
	call build_tables
	movl %cr4, %eax
	orl $0x20, %eax /* PAE */
	movl %eax, %cr4
	movl $pml4, %eax
	movl %eax, %cr3
	movl $0xc0000080, %ecx
	rdmsr
	orl $0x100, %eax /* LME */
	wrmsr
	movl %cr0, %eax
	orl $0x80010021, %eax /* PG WP NE PE */
	movl %eax, %cr0
	lgdt boot_gdt_ptr
	ljmp $TK_CODE64, $start64

/* Fills the tables below. Preserves ESI and EDI. */
build_tables:
	movl $pdpt_low + 3, pml4
	movl $pdpt_user + 7, pml4 + 8
	movl $pdpt_window + 3, pml4 + 16
	movl $pd_user + 7, pdpt_user
	movl $pd_window + 3, pdpt_window
	movl $window_pt + 3, pd_window
	xorl %ecx, %ecx
1:	movl %ecx, %eax
	shll $21, %eax
	orl $0x83, %eax /* 2 MiB page, writable, present */
	movl %eax, pd_low(, %ecx, 8)
	cmpl $512, %ecx
	jae 2f
	orl $4, %eax /* user */
	movl %eax, pd_user(, %ecx, 8)
2:	incl %ecx
	cmpl $2048, %ecx
	jb 1b
	orl $0x18, pd_low + (LAPIC_PAGE >> 21) * 8 /* PCD PWT */
	xorl %ecx, %ecx
3:	movl %ecx, %eax
	shll $12, %eax
	addl $pd_low + 3, %eax
	movl %eax, pdpt_low(, %ecx, 8)
	incl %ecx
	cmpl $4, %ecx
	jb 3b
	ret

	.code64
start64:
	movl $TK_DATA, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	xorl %eax, %eax
	movl %eax, %fs
	movl %eax, %gs
	movl $boot_stack_top, %esp
	movl %edi, %eax
	movl %esi, %edi
	movl %eax, %esi
	call kmain
1:	hlt
	jmp 1b

	.section .rodata
	.balign 8
	.globl boot_gdt
boot_gdt:
	.quad 0
	.quad 0x00af9b000000ffff /* TK_CODE64 */
	.quad 0x00cf93000000ffff /* TK_DATA */
	.quad 0x00cf9b000000ffff /* TK_CODE32 */
	.quad 0x00cff3000000ffff /* TK_UDATA */
	.quad 0x00affb000000ffff /* TK_UCODE */
	.quad 0x00009b000000ffff /* TK_CODE16 */
	.quad 0x000093000000ffff /* TK_DATA16 */
boot_gdt_end:
	.globl boot_gdt_ptr
boot_gdt_ptr:
	.word boot_gdt_end - boot_gdt - 1
	.quad boot_gdt

	.bss
	.balign 4096
	.globl pml4, pd_low, pd_window, window_pt
pml4:        .skip 4096
pdpt_low:    .skip 4096
pdpt_user:   .skip 4096
pdpt_window: .skip 4096
pd_low:      .skip 4 * 4096
pd_user:     .skip 4096
pd_window:   .skip 4096
window_pt:   .skip 4096
	.skip 16384
boot_stack_top:

	.section .note.GNU-stack, "", @progbits
