/* SPDX-License-Identifier: MIT */
/* A boot sector that resets the machine by the keyboard controller, once: a byte of CMOS memory, which keeps
 * its value, says that it has been done. The second time it ends the emulator. */
#define CMOS_INDEX	0x70
#define CMOS_DATA	0x71
#define CMOS_BYTE	0x7e /* of no use to the firmware */
#define MARK		0x4c
#define KEYBOARD	0x64
#define KEYBOARD_RESET	0xfe
#define END_PORT	0x8900 /* Bochs ends when "Shutdown" is written there */
#define QEMU_EXIT	0xf4
#define LOADED_AT	0x7c00

	.code16
	.text
	.globl _start
_start:
	cli
	mov	$CMOS_BYTE, %al
	out	%al, $CMOS_INDEX
	in	$CMOS_DATA, %al
	cmp	$MARK, %al
	je	again
	mov	$MARK, %al
	out	%al, $CMOS_DATA
	mov	$KEYBOARD_RESET, %al
	out	%al, $KEYBOARD
1:	hlt
	jmp	1b
again:
	out	%al, $QEMU_EXIT
	xor	%ax, %ax
	mov	%ax, %ds
	mov	$(shutdown - _start + LOADED_AT), %si
	mov	$END_PORT, %dx
	mov	$8, %cx
	cld
	rep outsb
1:	hlt
	jmp	1b
shutdown:
	.ascii	"Shutdown"
	.org 510
	.word 0xaa55
