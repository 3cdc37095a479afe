/* SPDX-License-Identifier: MIT */
/*
 * What must live below 1 MiB: this blob is copied to the start of the page that Lamina takes there
 * (boot_low.c fills its variables), and runs there: the start of an AP, the guest's INT 15h memory map,
 * the boot of a drive, and the way from long mode back to a system without Lamina.
 *
 * 16-bit code runs with CS = page >> 4, so that labels minus low_start are its offsets; 32-bit and
 * 64-bit code has the page's address in EBX.
 */
#include "core/layout.h"
#include "x86/seg.h"

#define OFF(label) (label - low_start)

#define MSR_EFER    0xc0000080
#define EFER_LME_NX 0x900
#define CR0_PG_WP_NE_MP_PE 0x80010023

	.section .rodata
	.balign	16
	.globl	low_start, low_end
low_start:

/* --- an AP comes out of its SIPI --- */
	.code16
	cli
	cld
	mov	%cs, %ax
	mov	%ax, %ds
	xor	%ebx, %ebx
	mov	%ax, %bx
	shl	$4, %ebx
	lgdtl	OFF(low_gdtr)
	mov	$0x23, %eax		/* PE, MP, NE; caches on */
	mov	%eax, %cr0
	ljmpl	*OFF(low_ap32_ptr)
	.code32
low_ap32:
	mov	$SEL_DATA, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	$0x20, %eax		/* PAE */
	mov	%eax, %cr4
	mov	OFF(low_ap_cr3)(%ebx), %eax
	mov	%eax, %cr3
	mov	$MSR_EFER, %ecx
	rdmsr
	or	$EFER_LME_NX, %eax
	wrmsr
	mov	$CR0_PG_WP_NE_MP_PE, %eax
	mov	%eax, %cr0
	ljmpl	*OFF(low_ap64_ptr)(%ebx)
	.code64
low_ap64:
	mov	OFF(low_ap_stack)(%rbx), %rsp
	mov	OFF(low_ap_pcpu)(%rbx), %rdi
	xor	%ebp, %ebp
	jmp	*OFF(low_ap_main)(%rbx)

/* --- INT 15h: the memory map without ours; all else goes to the firmware --- */
	.code16
	.globl	low_int15
low_int15:
	cmp	$0xe820, %ax
	je	e820
	cmp	$0xe801, %ax
	je	e801
	cmp	$0xe881, %ax		/* older or 32-bit forms of the same: not offered */
	je	unsupported
	cmp	$0xda88, %ax
	je	unsupported
	cmp	$0x88, %ah
	je	e88
	cmp	$0x8a, %ah
	je	unsupported
	cmp	$0xc7, %ah
	je	unsupported
	ljmpw	*%cs:OFF(low_old_int15)

e820:
	cmp	$0x534d4150, %edx	/* "SMAP" */
	jne	unsupported
	cmp	$20, %ecx
	jb	unsupported
	cmp	%cs:OFF(low_e820_count), %ebx
	jae	unsupported
	push	%ds
	push	%si
	push	%di
	mov	%cs, %ax
	mov	%ax, %ds
	imul	$20, %bx, %si
	add	$OFF(low_e820), %si
	cld
	mov	$10, %cx
	rep	movsw
	pop	%di
	pop	%si
	pop	%ds
	inc	%ebx
	cmp	%cs:OFF(low_e820_count), %ebx
	jb	1f
	xor	%ebx, %ebx		/* that was the last */
1:	mov	$20, %ecx
	mov	$0x534d4150, %eax
	jmp	supported
e801:
	mov	%cs:OFF(low_e801_low), %ax
	mov	%cs:OFF(low_e801_high), %bx
	mov	%ax, %cx
	mov	%bx, %dx
	jmp	supported
e88:
	mov	%cs:OFF(low_e88), %ax
supported:
	push	%bp
	mov	%sp, %bp
	andb	$0xfe, 6(%bp)		/* CF in the flags that IRET restores */
	pop	%bp
	iret
unsupported:
	mov	$0x86, %ah
	push	%bp
	mov	%sp, %bp
	orb	$1, 6(%bp)
	pop	%bp
	iret

/* --- boot a drive, as the firmware would --- */
	.globl	low_boot_drive
low_boot_drive:
	xor	%ax, %ax
	mov	%ax, %ds
	mov	%ax, %es
	mov	%ax, %ss
	mov	$0x7c00, %sp
	sti
	mov	%cs:OFF(low_drive), %dl
	cmpb	$0, %cs:OFF(low_sector_loaded)
	jne	2f
	mov	$0x0201, %ax		/* read one sector: cylinder 0, head 0, sector 1 */
	mov	$1, %cx
	xor	%dh, %dh
	mov	$0x7c00, %bx
	int	$0x13
	jc	3f
	cmpw	$0xaa55, 0x7dfe
	jne	3f
2:	mov	%cs:OFF(low_drive), %dl
	xor	%dh, %dh
	ljmp	$0, $0x7c00
3:	int	$0x19

/* --- leave long mode for good: RDI = the page, variables say where to --- */
	.code64
	.globl	low_leave
low_leave:
	cli
	mov	%edi, %ebx
	lgdt	OFF(low_gdtr)(%rbx)
	ljmpl	*OFF(low_leave32_ptr)(%rbx)
	.code32
low_leave32:
	mov	$SEL_DATA, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	%eax, %fs
	mov	%eax, %gs
	mov	$0x11, %eax		/* PE, ET */
	mov	%eax, %cr0
	xor	%eax, %eax
	mov	%eax, %cr3
	mov	%eax, %cr4
	mov	$MSR_EFER, %ecx
	xor	%edx, %edx
	wrmsr
	cmpl	$0, OFF(low_leave_linux)(%ebx)
	je	1f
	lgdt	OFF(low_linux_gdtr)(%ebx)
	mov	$0x18, %eax		/* __BOOT_DS */
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	OFF(low_linux_params)(%ebx), %esi
	lea	0x1000(%ebx), %esp
	xor	%ebp, %ebp
	xor	%edi, %edi
	pushl	$0x10			/* __BOOT_CS */
	pushl	OFF(low_linux_entry)(%ebx)
	xor	%ebx, %ebx
	lretl
1:	ljmpl	*OFF(low_leave16_ptr)(%ebx)

/* --- the same without boot_low.c, from 32-bit code: EBX is where the blob has been copied --- */
low_bare:
	mov	%ebx, %eax
	shl	$16, %eax
	or	%eax, OFF(low_code16_desc)(%ebx)
	mov	%ebx, %eax
	shr	$16, %eax
	or	%al, OFF(low_code16_desc) + 4(%ebx)
	mov	%ebx, %eax
	shr	$4, %eax
	mov	%ax, OFF(low_real_ptr) + 2(%ebx)
	add	%ebx, OFF(low_gdt_ptr)(%ebx)
	movb	$0x80, OFF(low_drive)(%ebx)
	lgdt	OFF(low_gdtr)(%ebx)
	jmp	1b
	.code16
low_leave16:
	mov	$SEL_DATA16, %ax
	mov	%ax, %ds
	mov	%ax, %es
	mov	%ax, %ss
	mov	%ax, %fs
	mov	%ax, %gs
	lidtl	%cs:OFF(low_ivt)
	mov	$0x10, %eax
	mov	%eax, %cr0
	.globl	low_jump
low_jump:
	ljmpw	*%cs:OFF(low_real_ptr)

/* --- variables, filled by boot_low.c --- */
	.balign	8
	.globl	low_gdtr, low_gdt_ptr
low_gdt:
	.quad	0
	.quad	0x00af9b000000ffff	/* SEL_CODE64 */
	.quad	0x00cf93000000ffff	/* SEL_DATA */
	.quad	0x00cf9b000000ffff	/* SEL_CODE32 */
	.globl	low_code16_desc
low_code16_desc:
	.quad	0x00009b000000ffff	/* SEL_CODE16: base is the page's */
	.quad	0x000093000000ffff	/* SEL_DATA16 */
	.globl	low_linux_gdt
low_linux_gdt:
	.quad	0, 0
	.quad	0x00cf9b000000ffff	/* __BOOT_CS, 10h */
	.quad	0x00cf93000000ffff	/* __BOOT_DS, 18h */
	.globl	low_linux_gdtr, low_linux_gdt_base
low_linux_gdtr:
	.word	31
low_linux_gdt_base:
	.quad	0
	.balign	8
low_gdtr:
	.word	SEL_DATA16 + 7
low_gdt_ptr:
	.quad	low_gdt - low_start
low_ivt:
	.word	0x3ff
	.quad	0
	.balign	4
	.globl	low_ap32_ptr, low_ap64_ptr, low_leave32_ptr, low_leave16_ptr, low_real_ptr
low_ap32_ptr:
	.long	low_ap32 - low_start, SEL_CODE32
low_ap64_ptr:
	.long	low_ap64 - low_start, SEL_CODE64
low_leave32_ptr:
	.long	low_leave32 - low_start, SEL_CODE32
low_leave16_ptr:
	.long	low_leave16 - low_start, SEL_CODE16
low_real_ptr:
	.word	low_boot_drive - low_start, 0
	.balign	8
	.globl	low_ap_cr3, low_ap_stack, low_ap_pcpu, low_ap_main
low_ap_cr3:
	.long	0, 0
low_ap_stack:
	.quad	0
low_ap_pcpu:
	.quad	0
low_ap_main:
	.quad	0
	.globl	low_leave_linux, low_linux_params, low_linux_entry
low_leave_linux:
	.long	0
low_linux_params:
	.long	0
low_linux_entry:
	.long	0
	.globl	low_old_int15, low_e801_low, low_e801_high, low_e88, low_drive, low_sector_loaded
low_old_int15:
	.word	0, 0
low_e801_low:
	.word	0
low_e801_high:
	.word	0
low_e88:
	.word	0
low_drive:
	.byte	0
low_sector_loaded:
	.byte	0
	.balign	4
	.globl	low_e820_count, low_e820
low_e820_count:
	.long	0
low_e820:
low_end:

	.globl	low_size, low_bare_offset
	.set	low_size, low_end - low_start
	.set	low_bare_offset, low_bare - low_start

	.section .note.GNU-stack, "", @progbits
