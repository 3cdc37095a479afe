/* SPDX-License-Identifier: MIT */
/* A boot sector that takes the machine down in the way that the byte at 508 says. */
#define KEYBOARD_DATA	0x60
#define KEYBOARD	0x64
#define KEYBOARD_RESET	0xfe
#define KEYBOARD_OUTPUT 0xd1
#define PORT_92		0x92
#define RESET_CONTROL	0xcf9
#define PM1A_CONTROL	0x604 /* QEMU's i440FX */
#define SLP_EN		0x2000
#define SLP_TYP_S3	0x400 /* there too */
#define FACS_ABOVE	0x3c00000 /* of 64 MiB */
#define FACS_VECTOR	12
#define APIC_ICR	0xfee00300
#define INIT		0x4500
#define COM1		0x3f8
#define LOADED_AT	0x7c00
#define AT(label)	(label - _start + LOADED_AT)

	.code16
	.text
	.globl _start
_start:
	cli
	xor	%ax, %ax
	mov	%ax, %ds
	cld
	mov	$AT(text), %si
	mov	$COM1, %dx
say:	lodsb
	test	%al, %al
	jz	said
	mov	%al, %ah
1:	add	$5, %dx
	in	%dx, %al
	sub	$5, %dx
	test	$0x20, %al
	jz	1b
	mov	%ah, %al
	out	%al, %dx
	jmp	say
said:	mov	AT(way), %al
	cmp	$'c', %al
	je	control
	cmp	$'k', %al
	je	keyboard
	cmp	$'o', %al
	je	output
	cmp	$'9', %al
	je	port_92
	cmp	$'t', %al
	je	triple
	cmp	$'s', %al
	je	string
	cmp	$'p', %al
	je	power
	lgdtl	AT(gdtr)		/* 4 GiB of data in real mode */
	mov	%cr0, %eax
	or	$1, %eax
	mov	%eax, %cr0
	mov	$8, %bx
	mov	%bx, %ds
	xor	$1, %al
	mov	%eax, %cr0
	xor	%ax, %ax
	mov	%ax, %ds
	cmpb	$'z', AT(way)
	je	sleep
	mov	$APIC_ICR, %ebx		/* INIT to the CPU that boots */
	movl	$0, 0x10(%ebx)
	movl	$INIT, (%ebx)
	jmp	stop
control:
	mov	$RESET_CONTROL, %dx
	mov	$2, %al
	out	%al, %dx
	mov	$6, %al
	out	%al, %dx
	jmp	stop
keyboard:
	mov	$KEYBOARD_RESET, %al
	out	%al, $KEYBOARD
	jmp	stop
output:
	mov	$KEYBOARD_OUTPUT, %al
	out	%al, $KEYBOARD
	mov	$0xfe, %al		/* the reset line is bit 0, active low */
	out	%al, $KEYBOARD_DATA
	jmp	stop
port_92:
	in	$PORT_92, %al
	or	$1, %al
	out	%al, $PORT_92
	jmp	stop
triple:
	lidtl	AT(no_idt)
	int3
string:	movw	$AT(power), 13 * 4	/* #GP is due: string I/O there would not be seen */
	movw	$0, 13 * 4 + 2
	mov	$AT(six), %si
	mov	$RESET_CONTROL, %dx
	outsb
	jmp	stop
sleep:	mov	$FACS_ABOVE, %ebx
1:	add	$64, %ebx
	cmpl	$0x53434146, (%ebx)	/* FACS */
	jne	1b
	movl	$LOADED_AT, FACS_VECTOR(%ebx)
	mov	$PM1A_CONTROL, %dx
	mov	$(SLP_EN | SLP_TYP_S3), %ax
	out	%ax, %dx
	jmp	stop
power:
	mov	$PM1A_CONTROL, %dx
	mov	$SLP_EN, %ax
	out	%ax, %dx
stop:	hlt
	jmp	stop
text:	.asciz	"guest: going down\r\n"
six:	.byte	6
no_idt: .word	0
	.long	0
	.balign	8
gdt:	.quad	0, 0x00cf92000000ffff
gdtr:	.word	15
	.long	AT(gdt)
	.org 508
way:	.byte	0, 0
	.word	0xaa55
