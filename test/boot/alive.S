/* SPDX-License-Identifier: MIT */
/*
 * The smallest system: a boot sector that says on COM1 when it runs (TSC, hexadecimal), from which drive,
 * and whether its CPU is Lamina's ("guest: alive at tick 000000000123abcd, drive 80, virtualized" or
 * "..., bare"), and ends the emulator.
 */
#define COM1	    0x3f8
#define LCR	    3
#define LCR_8N1	    3
#define LSR	    5
#define LSR_THRE    0x20
#define LSR_TEMT    0x40
#define END_PORT    0x8900 /* Bochs ends when "Shutdown" is written there */
#define QEMU_EXIT 0xf4
#define HC_PROBE    0x4c4d0000
#define HC_ANSWER   0x494d414c
#define VECTOR_UD   6
#define LOADED_AT   0x7c00

	.code16
	.text
	.globl _start
_start:
	ljmp	$0, $(begin - _start + LOADED_AT)
begin:
	cli
	xor	%ax, %ax
	mov	%ax, %ds
	mov	%ax, %es
	mov	%ax, %ss
	mov	$LOADED_AT, %sp
	mov	%dl, %bl
	rdtsc
	mov	%edx, %edi
	mov	%eax, %ebp
	mov	$(COM1 + LCR), %dx
	mov	$LCR_8N1, %al
	out	%al, %dx
	mov	$(alive - _start + LOADED_AT), %si
	call	print
	mov	%edi, %eax
	mov	$8, %cx
	call	print_hex
	mov	%ebp, %eax
	mov	$8, %cx
	call	print_hex
	mov	$(drive - _start + LOADED_AT), %si
	call	print
	mov	%ebx, %eax
	shl	$24, %eax
	mov	$2, %cx
	call	print_hex
	movw	$(no_vmcall - _start + LOADED_AT), 4 * VECTOR_UD
	movw	$0, 4 * VECTOR_UD + 2
	mov	$HC_PROBE, %eax
	vmcall
	jmp	answered
no_vmcall:
	mov	$LOADED_AT, %sp
	movw	$(no_hypercall - _start + LOADED_AT), 4 * VECTOR_UD
	mov	$HC_PROBE, %eax
	vmmcall
answered:
	cmp	$HC_ANSWER, %eax
	jne	bare
	mov	$(virtualized - _start + LOADED_AT), %si
	jmp	last
no_hypercall:
	mov	$LOADED_AT, %sp
bare:
	mov	$(bare_text - _start + LOADED_AT), %si
last:
	call	print
	mov	$(COM1 + LSR), %dx
1:	in	%dx, %al
	test	$LSR_TEMT, %al
	jz	1b
	out	%al, $QEMU_EXIT
	mov	$END_PORT, %dx
	mov	$(shutdown - _start + LOADED_AT), %si
	mov	$8, %cx
	cld
	rep outsb
2:	hlt
	jmp	2b

/* SI = text, ends with 0 */
print:
	cld
1:	lodsb
	test	%al, %al
	jz	2f
	call	print_char
	jmp	1b
2:	ret

/* the CX topmost digits of EAX */
print_hex:
	rol	$4, %eax
	push	%eax
	and	$15, %al
	add	$'0', %al
	cmp	$'9', %al
	jbe	1f
	add	$('a' - '0' - 10), %al
1:	call	print_char
	pop	%eax
	loop	print_hex
	ret

/* AL = character */
print_char:
	mov	%al, %ah
	mov	$(COM1 + LSR), %dx
1:	in	%dx, %al
	test	$LSR_THRE, %al
	jz	1b
	mov	$COM1, %dx
	mov	%ah, %al
	out	%al, %dx
	ret

alive:		.asciz "guest: alive at tick "
drive:		.asciz ", drive "
virtualized:	.asciz ", virtualized\r\n"
bare_text:	.asciz ", bare\r\n"
shutdown:	.ascii "Shutdown"
	.org 510
	.word 0xaa55
