/* SPDX-License-Identifier: MIT */
/*
 * The setup header ("The Linux/x86 Boot Protocol" 2.15), the 32-bit entry, the start of another CPU, and the
 * sequence, every instruction of it that L1 can see at its own address:
 *
 *   6a29aa  mov %cr0, %ecx          8001003bh is due
 *   6a29ad  and $0x7fffffff, %ecx   (behind a jump, which keeps the value that was read)
 *   6a29b3  mov %ecx, %cr0          PG := 0
 *   6a29b6  jmp next                (by way of what disturbs)
 *   6a29b8  mov %cr4, %edx          20h is due
 *   6a29bb  or $0x10, %edx          (behind a jump)
 *   6a29be  mov %edx, %cr4          30h: PSE := 1
 *   6a29c1  mov $0x806a29d1, %edx
 *   6a29c6  or $0x80000000, %ecx
 *   6a29cc  mov %ecx, %cr0          PG := 1
 *   6a29cf  jmp *%edx
 *   806a29d1  mov %eax, %cr3; popf; ret $8
 */
#include "guest/xp/xp.h"

	.section .setup, "a"
	.org	0x1f1
	.byte	1			/* setup_sects */
	.word	0
	.long	xp_paragraphs		/* syssize */
	.org	0x1fe
	.word	0xaa55
	.byte	0xeb, setup_end - header /* a short jump, whose length is the header's */
header:
	.ascii	"HdrS"
	.word	0x20f
	.org	0x211
	.byte	1			/* loaded high */
	.org	0x214
	.long	XP_BASE			/* code32_start */
	.org	0x22c
	.long	0x7fffffff		/* initrd_addr_max */
	.long	0x1000			/* kernel_alignment */
	.byte	0			/* not relocatable */
	.org	0x238
	.long	255			/* cmdline_size */
	.org	0x258
	.quad	XP_BASE			/* pref_address */
	.long	xp_bytes		/* init_size */
	.org	0x26c
setup_end:
	.org	0x400

	.section .entry, "ax"
	.code32
	.globl	xp_start
xp_start:
	cli
	cld
	mov	$xp_stacks + XP_STACK, %esp
	lgdt	gdt_ptr
	ljmp	$XP_CODE, $1f
1:	mov	$XP_DATA, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	push	%esi
	call	xp_main
2:	hlt
	jmp	2b

	.code16
	.globl	xp_ap_start, xp_ap_end
xp_ap_start:
	cli
	mov	$(XP_AP_PAGE >> 4), %ax
	mov	%ax, %ds
	lgdtl	ap_gdt_ptr - xp_ap_start
	mov	%cr0, %eax
	or	$1, %eax
	mov	%eax, %cr0
	ljmpl	$XP_CODE, $ap_flat
ap_gdt_ptr:
	.word	XP_PCR + 8 * XP_CPUS - 1
	.long	gdt
xp_ap_end:
	.code32
ap_flat:
	mov	$XP_DATA, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	$xp_stacks + 2 * XP_STACK, %esp
	call	xp_ap_main
1:	hlt
	jmp	1b

	.globl	xp_write_tpr
xp_write_tpr:
	mov	4(%esp), %eax
	mov	%eax, XP_TPR
	mov	XP_TPR, %eax
	ret

/* A #GP at a MOV to CR4: it is done as it should have been done, and counted. The index of the CPU is in EBX. */
	.globl	xp_gp
xp_gp:
	add	$4, %esp		/* the error code */
	incl	xp_faults(, %ebx, 4)
	addl	$3, (%esp)
	push	%eax
	mov	$0x30, %eax
	mov	%eax, %cr4
	pop	%eax
	iret

	.section .sequence, "ax"
	.code32
	.globl	xp_sequence
xp_sequence:
	push	%ebx
	push	%esi
	push	%edi
	mov	16(%esp), %eax
	mov	20(%esp), %edi
	mov	24(%esp), %esi
	mov	xp_index_of_stack, %ebx
	sub	%esp, %ebx		/* the first CPU has the lower stack */
	shr	$31, %ebx
	push	%eax			/* two arguments that the end of the sequence drops */
	push	%eax
	push	$back
	pushf
	cli
	jmp	sequence
back:
	pop	%edi
	pop	%esi
	pop	%ebx
	ret
xp_index_of_stack:
	.long	xp_stacks + XP_STACK

	/* where short jumps reach it */
	.org	0x70
after_read_cr0:
	mov	%ecx, SEEN_CR0(%edi)
	mov	SEEN_DUE(%edi), %ecx
	and	$0x7fffffff, %ecx
	jmp	clear_pg
inside:
	test	%esi, %esi
	jz	read_cr4
	pusha
	call	*%esi
	popa
	jmp	read_cr4
after_write_cr4:			/* what was read: from here, so that the code before the write is XP's own */
	and	$~0x10, %edx
	mov	%edx, SEEN_CR4(%edi)
	mov	$(high + XP_HIGH), %edx
	jmp	set_pg

	.org	XP_SEQUENCE - 0x6a2900
sequence:
	mov	%cr0, %ecx
	jmp	after_read_cr0
	.skip	4, 0x90
clear_pg:
	mov	%ecx, %cr0
	jmp	inside
read_cr4:
	mov	%cr4, %edx
	or	$0x10, %edx
	mov	%edx, %cr4
	jmp	after_write_cr4
	.skip	3, 0x90
set_pg:
	or	$0x80000000, %ecx
	mov	%ecx, %cr0
	jmp	*%edx
high:
	mov	%eax, %cr3
	popf
	ret	$8

	.data
	.balign	8
gdt:
	.quad	0
	.quad	0x00cf9b000000ffff
	.quad	0x00cf93000000ffff
	.globl	xp_pcr_desc
xp_pcr_desc:
	.rept	XP_CPUS
	.quad	0x00cf93000000ffff
	.endr
gdt_ptr:
	.word	XP_PCR + 8 * XP_CPUS - 1
	.long	gdt

	.bss
	.balign	16
	.globl	xp_stacks
xp_stacks:
	.skip	XP_CPUS * XP_STACK
	.section .note.GNU-stack, "", @progbits
