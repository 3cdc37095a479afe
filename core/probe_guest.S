/* SPDX-License-Identifier: MIT */
/*
 * The probe's guest: 32-bit code that runs where probe.c copies it, linear addresses being physical ones. It has
 * no stack and no interrupts.
 *
 * EBP: what CR0 is to read at the start of a round. EBX: the same of CR4. ECX: rounds left until Lamina is to be
 * told. CPUID exits on VT-x and AMD-V alike, and tells it: ESI is the register of which EAX was read and EDX was
 * due (enum crm_name), or PROBE_ROUNDS_DONE.
 */
#include "core/probe.h"

#define CR0_DUE %ebp
#define CR4_DUE %ebx
#define CR0_REG %cr0
#define CR4_REG %cr4
#define CR0_NAME 0
#define CR4_NAME 1

	.macro	do_MOV_FROM reg, due, name, bits
	mov	\reg, %eax
	lea	\bits(\due), %edx
	mov	$\name, %esi
	cmp	%edx, %eax
	je	1f
	cpuid
1:
	.endm

	.macro	do_MOV_TO reg, due, name, bits
	lea	\bits(\due), %eax
	mov	%eax, \reg
	jmp	1f
1:
	.endm

	.macro	do_LMSW reg, due, name, bits
	lea	\bits(\due), %eax
	lmsw	%ax
	.endm

	.macro	do_CLTS reg, due, name, bits
	clts
	.endm

	.section .rodata
	.code32
	.globl	probe_guest, probe_guest_end
probe_guest:
#define STEP(operation, cr, bits) do_##operation cr##_REG, cr##_DUE, cr##_NAME, bits
#include "core/probe_steps.def"
	dec	%ecx
	jnz	probe_guest
	mov	$PROBE_ROUNDS_DONE, %esi
	cpuid
	jmp	probe_guest
probe_guest_end:

	.section .note.GNU-stack, "", @progbits
