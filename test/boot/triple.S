/* SPDX-License-Identifier: MIT */
/* A boot sector that makes its CPU shut down: an exception without any interrupt table. */
	.code16
	.text
	.globl _start
_start:
	cli
	xor	%ax, %ax
	mov	%ax, %ds
	push	%ax
	push	%ax
	push	%ax
	mov	%sp, %bx
	lidt	%ss:(%bx)
	int3
1:	jmp	1b
	.org 510
	.word 0xaa55
