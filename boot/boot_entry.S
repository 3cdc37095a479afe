/* SPDX-License-Identifier: MIT */
/*
 * GRUB comes here in 32-bit protected mode without paging ("Multiboot2 Specification" 2.0, 3.3;
 * "Multiboot Specification" 0.6.96, 3.2): EAX magic, EBX information. Build first page tables, enter long
 * mode, call hv_main.
 */
#include "core/layout.h"
#include "x86/seg.h"

#define PA(sym)	    ((sym) - HV_VMA + LOAD_PA)
#define MB2_MAGIC   0xe85250d6
#define MB1_MAGIC   0x1badb002
#define MB1_FLAGS   0x00000003		/* modules on page borders, memory information */
#define PTE_PW	    3
#define PTE_PS_PW   0x83
#define COM1	    0x3f8
#define UART_TURNS  1000000
#define BARE_PA     0x90000		/* free conventional memory */

	.section .multiboot, "a"
	.balign	8
mb2_header:
	.long	MB2_MAGIC, 0, mb2_header_end - mb2_header
	.long	-(MB2_MAGIC + (mb2_header_end - mb2_header))
	.balign	8
	.short	6, 1			/* modules on page borders, optional */
	.long	8
	.balign	8
	.short	0, 0
	.long	8
mb2_header_end:
	.balign	4
	.long	MB1_MAGIC, MB1_FLAGS, -(MB1_MAGIC + MB1_FLAGS)

	.text
	.code32
	.globl	boot_entry
boot_entry:
	cli
	cld
	mov	$PA(boot_stack_top), %esp
	mov	%eax, %ebp
	mov	%ebx, %esi

	/* long mode? */
	mov	$0x80000000, %eax
	cpuid
	cmp	$0x80000001, %eax
	jb	no_long_mode
	mov	$0x80000001, %eax
	cpuid
	bt	$29, %edx
	jnc	no_long_mode

	/* level 4: one to one, direct map, image */
	movl	$PA(boot_pdpt) + PTE_PW, PA(boot_pml4)
	movl	$PA(boot_pdpt) + PTE_PW, PA(boot_pml4) + 256 * 8
	movl	$PA(boot_pdpt_hv) + PTE_PW, PA(boot_pml4) + 511 * 8
	movl	$PA(boot_pd_hv) + PTE_PW, PA(boot_pdpt_hv) + 510 * 8
	movl	$LOAD_PA + PTE_PS_PW, PA(boot_pd_hv)
	movl	$PA(boot_pd) + 0x0000 + PTE_PW, PA(boot_pdpt)
	movl	$PA(boot_pd) + 0x1000 + PTE_PW, PA(boot_pdpt) + 8
	movl	$PA(boot_pd) + 0x2000 + PTE_PW, PA(boot_pdpt) + 16
	movl	$PA(boot_pd) + 0x3000 + PTE_PW, PA(boot_pdpt) + 24
	mov	$PA(boot_pd), %edi
	mov	$PTE_PS_PW, %eax
	mov	$2048, %ecx
1:	mov	%eax, (%edi)
	add	$8, %edi
	add	$0x200000, %eax
	loop	1b

	mov	%cr4, %eax
	or	$0x20, %eax		/* PAE */
	mov	%eax, %cr4
	mov	$PA(boot_pml4), %eax
	mov	%eax, %cr3
	mov	$0xc0000080, %ecx	/* EFER: LME, NXE */
	rdmsr
	or	$0x900, %eax
	wrmsr
	mov	%cr0, %eax
	or	$0x80010023, %eax	/* PG, WP, NE, MP, PE */
	and	$0xfffffff3, %eax	/* not EM, TS */
	mov	%eax, %cr0
	lgdt	PA(boot_gdtr)
	ljmp	$SEL_CODE64, $PA(boot_long)

/* A CPU that C code cannot run on: say so, and boot the first disk as low_boot_drive does. */
no_long_mode:
	mov	$PA(no_long_mode_text), %esi
2:	lodsb
	test	%al, %al
	jz	4f
	mov	%al, %ah
	mov	$COM1 + 5, %dx
	mov	$UART_TURNS, %ecx
3:	inb	%dx, %al
	test	$0x20, %al		/* transmitter empty; a UART that is not there reads FFh */
	loopz	3b
	mov	%ah, %al
	mov	$COM1, %dx
	outb	%al, %dx
	jmp	2b
4:	mov	$PA(low_start), %esi
	mov	$BARE_PA, %edi
	mov	%edi, %ebx
	mov	$low_size, %ecx
	rep	movsb
	lea	low_bare_offset(%ebx), %eax
	jmp	*%eax

	.code64
boot_long:
	mov	$SEL_DATA, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	xor	%eax, %eax
	mov	%eax, %fs
	mov	%eax, %gs
	mov	$boot_high, %rax
	jmp	*%rax
boot_high:
	mov	$boot_stack_top, %rsp
	mov	%ebp, %edi
	mov	%esi, %esi
	xor	%ebp, %ebp
	call	hv_main
	ud2

/*
 * void boot_move(void *to, const void *from, u64 bytes, u64 cr3): copy the running image and go on in
 * the copy. Nothing may be written between the copy and the switch, hence assembly.
 */
	.globl	boot_move
boot_move:
	mov	%rcx, %rax
	mov	%rdx, %rcx
	shr	$3, %rcx
	rep	movsq
	mov	%rax, %cr3
	ret

	.section .rodata
	.balign	8
boot_gdt:
	.quad	0
	.quad	0x00af9b000000ffff
	.quad	0x00cf93000000ffff
	.quad	0x00cf9b000000ffff
boot_gdtr:
	.word	31
	.quad	PA(boot_gdt)
no_long_mode_text:
	.asciz	"lamina: cannot virtualize: no long mode (64-bit); the system starts bare\r\n"

	.bss
	.balign	4096
boot_pml4:	.skip	4096
boot_pdpt:	.skip	4096
boot_pdpt_hv:	.skip	4096
boot_pd_hv:	.skip	4096
boot_pd:	.skip	4 * 4096
	.balign	16
boot_stack:	.skip	16384
boot_stack_top:

	.section .note.GNU-stack, "", @progbits
