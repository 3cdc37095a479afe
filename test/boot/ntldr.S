/* SPDX-License-Identifier: MIT */
/*
 * Stands in for Windows NT's loader: GRUB's command ntldr puts the file at 2000:0 and the boot sector of the disk
 * at 0:7c00. Behind this code follows a boot sector, which takes that one's place and runs.
 */
#define SECTOR	  512
#define LOADED_AT 0x7c00

	.code16
	.text
	.globl _start
_start:
	cld
	push	%cs
	pop	%ds
	xor	%ax, %ax
	mov	%ax, %es
	mov	$SECTOR, %si
	mov	$LOADED_AT, %di
	mov	$(SECTOR / 2), %cx
	rep movsw
	ljmp	$0, $LOADED_AT
	.org SECTOR
