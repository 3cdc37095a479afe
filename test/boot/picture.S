/* SPDX-License-Identifier: MIT */
/*
 * A boot sector that draws: by VBE a mode of 640 x 480 points and 256 colours, colours by the DAC's ports, points
 * by stores to the window at A0000h in five banks, a word by the BIOS. Then it says "guest: drawn" on COM1 and stays,
 * for the screen to be looked at.
 */
#define COM1	  0x3f8
#define LSR	  5
#define LSR_THRE  0x20
#define DAC_INDEX 0x3c8
#define DAC_DATA  0x3c9
#define MODE	  0x101
#define BANKS	  5
#define LOADED_AT 0x7c00

	.code16
	.text
	.globl _start
_start:
	ljmp	$0, $(begin - _start + LOADED_AT)
begin:
	cld
	xor	%ax, %ax
	mov	%ax, %ds
	mov	%ax, %ss
	mov	$LOADED_AT, %sp
	mov	$0x4f02, %ax
	mov	$MODE, %bx
	int	$0x10

	mov	$DAC_INDEX, %dx
	xor	%al, %al
	out	%al, %dx
	mov	$DAC_DATA, %dx
	xor	%cx, %cx
1:	mov	%cx, %ax
	shr	$2, %ax
	imul	$11, %cx, %bx
	xor	%bl, %al
	and	$63, %al
	out	%al, %dx
	inc	%cx
	cmp	$(256 * 3), %cx
	jb	1b

	mov	$0xa000, %ax
	mov	%ax, %es
	xor	%bp, %bp
2:	mov	$0x4f05, %ax
	xor	%bx, %bx
	mov	%bp, %dx
	int	$0x10
	xor	%di, %di
3:	mov	%di, %ax
	xor	%ah, %al
	add	%bp, %ax
	stosb
	test	%di, %di
	jnz	3b
	inc	%bp
	cmp	$BANKS, %bp
	jb	2b

	mov	$(word - _start + LOADED_AT), %si
	mov	$15, %bx
4:	lodsb
	mov	$0x0e, %ah
	test	%al, %al
	jz	5f
	int	$0x10
	jmp	4b
5:	mov	$(drawn - _start + LOADED_AT), %si
6:	mov	$(COM1 + LSR), %dx
	in	%dx, %al
	test	$LSR_THRE, %al
	jz	6b
	mov	$COM1, %dx
	lodsb
	out	%al, %dx
	cmp	$'\n', %al
	jne	6b
7:	hlt
	jmp	7b

word:	.asciz	"A picture"
drawn:	.ascii	"guest: drawn\n"

	.org	510
	.word	0xaa55
