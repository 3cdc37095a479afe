/* SPDX-License-Identifier: MIT */
/*
 * AP trampoline, copied to the page that the SIPI's vector names (trampoline.h). Everything is relative
 * to CS, so any page below 1 MiB does. CPUs that start together take turns: the token is exchanged
 * with ECX, which neither changes the flags nor any register but ECX, and that one comes back as
 * the page's word.
 */
#include "layout.h"

#define PATH    2
#define PROBE   4
#define TOKEN   8
#define NEW_CR0 12
#define CAP     16
#define GPR(n)  (CAP + 4 * (n))
#define CR(n)   (CAP + 32 + 4 * (n)) /* CR0 CR2 CR3 CR4 */
#define EFLAGS  (CAP + 48)
#define DR6     (CAP + 52)
#define DR7     (CAP + 56)
#define EFER    (CAP + 60)
#define IP      (CAP + 64)
#define CS      (CAP + 68)
#define DS      (CAP + 70)
#define ES      (CAP + 72)
#define FS      (CAP + 74)
#define GS      (CAP + 76)
#define SS      (CAP + 78)
#define GDT     (CAP + 80)
#define IDT     (CAP + 86)
#define FAULTS  (CAP + 92)
#define OFF(x)  (x - trampoline_start)

	.section .rodata
	.balign 16
	.globl trampoline_start, trampoline_end, trampoline_gp
	.code16
trampoline_start:
	jmp 1f
	.skip CAP + 96 - (. - trampoline_start)

1:	pause
	xchgl %ecx, %cs:TOKEN
	jecxz 1b
	movl %eax, %cs:GPR(0)
	movl %edx, %cs:GPR(2)
	movl %ebx, %cs:GPR(3)
	movl %esp, %cs:GPR(4)
	movl %ebp, %cs:GPR(5)
	movl %esi, %cs:GPR(6)
	movl %edi, %cs:GPR(7)
	movw %cs, %cs:CS
	movw %ds, %cs:DS
	movw %es, %cs:ES
	movw %fs, %cs:FS
	movw %gs, %cs:GS
	movw %ss, %cs:SS
	movl %cs:TOKEN, %eax
	movl %eax, %cs:GPR(1)
	sgdtl %cs:GDT
	sidtl %cs:IDT
	movl %cr0, %eax
	movl %eax, %cs:CR(0)
	movl %cr2, %eax
	movl %eax, %cs:CR(1)
	movl %cr3, %eax
	movl %eax, %cs:CR(2)
	movl %cr4, %eax
	movl %eax, %cs:CR(3)
	movl %dr6, %eax
	movl %eax, %cs:DR6
	movl %dr7, %eax
	movl %eax, %cs:DR7

	movw %cs, %ax
	movw %ax, %ss
	movw $0x1000, %sp /* the end of this page */
	pushfl
	popl %cs:EFLAGS
	call 2f
2:	popw %ax
	subw $OFF(2b), %ax
	movzwl %ax, %eax
	movl %eax, %cs:IP
	movl $0xc0000080, %ecx
	rdmsr
	movl %eax, %cs:EFER

	cmpl $0, %cs:PROBE
	je 3f
	movl $0x10000, %ebx
	/* each of these four is six bytes long with its prefixes, which trampoline_gp relies on */
	.byte 0x3e, 0x67, 0x8a, 0x03, 0x90, 0x90 /* DS: mov (%ebx), %al */
	.byte 0x26, 0x67, 0x8a, 0x03, 0x90, 0x90 /* ES */
	.byte 0x64, 0x67, 0x8a, 0x03, 0x90, 0x90 /* FS */
	.byte 0x65, 0x67, 0x8a, 0x03, 0x90, 0x90 /* GS */
3:
	lgdtl %cs:OFF(tramp_gdt)
	lidtl %cs:OFF(tramp_no_idt)
	movl %cs:NEW_CR0, %esi
	xorl %edi, %edi
	movw %cs, %di
	shll $4, %edi /* the page, for ap_claim */
	cmpw $0, %cs:PATH
	jne two_steps

	movl $0x20, %eax /* PAE */
	movl %eax, %cr4
	movl $pml4, %eax
	movl %eax, %cr3
	movl $0xc0000080, %ecx
	rdmsr
	orl $0x100, %eax /* LME */
	wrmsr
	movl %esi, %cr0
	ljmpl $TK_CODE64, $ap_entry64

two_steps:
	movl %cr0, %eax
	orl $1, %eax
	movl %eax, %cr0
	ljmpl $TK_CODE32, $ap_entry32

/* Real mode's #GP (no error code): count it, go on after the six bytes. */
trampoline_gp:
	pushw %bp
	movw %sp, %bp
	addw $6, 2(%bp)
	popw %bp
	incb %cs:FAULTS
	iretw

	.balign 4
tramp_gdt:
	.word 8 * 8 - 1
	.long boot_gdt
tramp_no_idt:
	.word 0
	.long 0
trampoline_end:

	.text
	.code32
ap_entry32:
	movl $TK_DATA, %eax
	movl %eax, %ss
	movl %eax, %ds
	movl %cr4, %eax
	orl $0x20, %eax /* PAE */
	movl %eax, %cr4
	movl $pml4, %eax
	movl %eax, %cr3
	movl $0xc0000080, %ecx
	rdmsr
	orl $0x100, %eax /* LME */
	wrmsr
	movl %esi, %cr0
	ljmp $TK_CODE64, $ap_entry64

	.code64
ap_entry64:
	movl $TK_DATA, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	xorl %eax, %eax
	movl %eax, %fs
	movl %eax, %gs
	movl $ap_stack_top, %esp /* shared: the token is still ours */
	call ap_claim
	movq %rax, %rsp
	call ap_main
1:	hlt
	jmp 1b

	.bss
	.balign 16
	.skip 4096
ap_stack_top:

	.section .note.GNU-stack, "", @progbits
