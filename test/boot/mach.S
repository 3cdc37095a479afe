/* SPDX-License-Identifier: MIT */
/*
 * A program for GNU Mach, started as its only multiboot module: user mode, traps through a call gate, and the time
 * slices of the kernel meanwhile. Numbers of traps: GNU Mach's kern/syscall_sw.c counts them from 0 down.
 */
#define MACH_PRINT -30
#define SWTCH_PRI  -59
#define TURNS	   20000

	.text
	.globl _start
_start:
	mov	$MACH_PRINT, %eax
	push	$begins
	call	trap
	mov	$TURNS, %ebx
1:	mov	$SWTCH_PRI, %eax
	movl	$0, (%esp)
	call	trap
	dec	%ebx
	jnz	1b
	mov	$MACH_PRINT, %eax
	movl	$ends, (%esp)
	call	trap
2:	jmp	2b

/* EAX = number; the kernel finds arguments behind a return address */
trap:
	lcall	$7, $0
	ret

	.data
begins:	.asciz "guest: a Mach program begins\n"
ends:	.asciz "guest: a Mach program ends\n"
	.section .note.GNU-stack, "", @progbits
