/* SPDX-License-Identifier: MIT */
/*
 * What guest/unpacked.S is for a 64-bit kernel, for a 32-bit one: it has only the 32-bit entry, where ESI
 * = boot_params, segments are flat and paging is off, and is itself entered in that state. The builder defines
 * KERNEL_AT, KERNEL_SIZE and KERNEL_MEM as there.
 */
#define SCRATCH	  (KERNEL_AT + KERNEL_MEM)
#define MOVER_AT  (SCRATCH + 0x8000)
#define STACK_TOP (SCRATCH + 0x10000)
#define STUB_SIZE 4096

	.text
	.code32
	.globl stub_start
stub_start:
	cld
	cli
	mov	$STACK_TOP, %esp
	call	1f
1:	pop	%ebp
	sub	$(1b - stub_start), %ebp	/* EBP = where we were loaded */
	mov	%esi, %ebx
	/* the mover goes where neither the loaded nor the moved kernel lies */
	lea	mover - stub_start(%ebp), %esi
	mov	$MOVER_AT, %edi
	mov	$(mover_end - mover), %ecx
	rep movsb
	mov	$MOVER_AT, %eax
	jmp	*%eax

/* EBP = where the stub was loaded, EBX = boot_params */
mover:
	lea	STUB_SIZE(%ebp), %esi
	mov	$KERNEL_AT, %edi
	mov	$(KERNEL_SIZE / 4), %ecx
	cmp	%esi, %edi
	jb	1f
	lea	-4(%esi, %ecx, 4), %esi
	lea	-4(%edi, %ecx, 4), %edi
	std
1:	rep movsl
	cld
	mov	$(KERNEL_AT + KERNEL_SIZE), %edi
	mov	$((KERNEL_MEM - KERNEL_SIZE) / 4), %ecx
	xor	%eax, %eax
	rep stosl
	mov	%ebx, %esi
	mov	$KERNEL_AT, %eax
	jmp	*%eax
mover_end:
	.org STUB_SIZE
