/* SPDX-License-Identifier: MIT */
/*
 * Stands in for the decompressor of a bzImage, so that an emulator need not spend a minute of every
 * test in it: the kernel follows unpacked, as the flat image of its vmlinux. guest/unpack.sh puts
 * the file together from the setup header of the original, this code and that image.
 *
 * Linux's boot protocol (Documentation/arch/x86/boot.rst) enters the 32-bit entry at offset 0 with
 * ESI = boot_params, paging off, or the 64-bit entry at offset 512 with RSI = boot_params, paging
 * on. Both move the kernel to the address it was linked for and enter it as its decompressor does:
 * 64-bit mode, RSI = boot_params, the low 4 GiB mapped one to one.
 *
 * The builder defines KERNEL_AT, KERNEL_SIZE (bytes of the image), KERNEL_MEM (bytes it needs in
 * memory, a multiple of 4096). The 64 KiB behind the kernel belong to this code until it enters it.
 */
#define SCRATCH	  (KERNEL_AT + KERNEL_MEM)
#define MOVER_AT  (SCRATCH + 0x8000)
#define STACK_TOP (SCRATCH + 0x10000)
#define STUB_SIZE 4096

#define SEL_CODE64 0x10
#define SEL_DATA   0x18

#define CR0_PE	  0x1
#define CR0_PG	  0x80000000
#define CR4_PAE	  0x20
#define EFER	  0xc0000080
#define EFER_LME  0x100
#define PTE_TABLE 0x3  /* present, writable */
#define PTE_2M	  0x83 /* the same, a leaf */

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
	call	build_tables
	lea	gdt - stub_start(%ebp), %eax
	mov	%eax, gdt_base - stub_start(%ebp)
	lgdt	gdt_limit - stub_start(%ebp)
	mov	%cr4, %eax
	or	$CR4_PAE, %eax
	mov	%eax, %cr4
	mov	$SCRATCH, %eax
	mov	%eax, %cr3
	mov	$EFER, %ecx
	rdmsr
	or	$EFER_LME, %eax
	wrmsr
	mov	%cr0, %eax
	or	$(CR0_PG | CR0_PE), %eax
	mov	%eax, %cr0
	lea	with_tables - stub_start(%ebp), %eax
	push	$SEL_CODE64
	push	%eax
	lret

/*
 * Four pages of 2 MiB leaves, a directory pointer table and a root at SCRATCH. Runs in 32-bit and in
 * 64-bit mode from the same bytes: no one-byte INC or DEC, no absolute operands.
 */
build_tables:
	mov	$SCRATCH, %edi
	xor	%eax, %eax
	mov	$(0x6000 / 4), %ecx
	rep stosl
	mov	$SCRATCH, %edi
	lea	0x1000 + PTE_TABLE(%edi), %eax
	mov	%eax, (%edi)
	lea	0x1000(%edi), %edi
	lea	0x1000 + PTE_TABLE(%edi), %eax
	mov	$4, %ecx
1:	mov	%eax, (%edi)
	add	$0x1000, %eax
	add	$8, %edi
	sub	$1, %ecx
	jnz	1b
	mov	$(SCRATCH + 0x2000), %edi
	mov	$PTE_2M, %eax
	mov	$2048, %ecx
2:	mov	%eax, (%edi)
	add	$0x200000, %eax
	add	$8, %edi
	sub	$1, %ecx
	jnz	2b
	ret

	.org 0x200
	.code64
	cld
	cli
	mov	$STACK_TOP, %esp
	lea	stub_start(%rip), %rbp
	call	build_tables
	mov	$SCRATCH, %eax
	mov	%rax, %cr3
	lea	gdt(%rip), %rax
	mov	%rax, gdt_base(%rip)
	lgdt	gdt_limit(%rip)
with_tables:
	mov	$SEL_DATA, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	%rsi, %rbx
	/* the mover goes where neither the loaded nor the moved kernel lies */
	lea	mover(%rip), %rsi
	mov	$MOVER_AT, %edi
	mov	$(mover_end - mover), %ecx
	rep movsb
	mov	$MOVER_AT, %eax
	jmp	*%rax

/* RBP = where the stub was loaded, RBX = boot_params */
mover:
	lea	STUB_SIZE(%rbp), %rsi
	mov	$KERNEL_AT, %edi
	mov	$(KERNEL_SIZE / 8), %ecx
	cmp	%rsi, %rdi
	jb	1f
	lea	-8(%rsi, %rcx, 8), %rsi
	lea	-8(%rdi, %rcx, 8), %rdi
	std
1:	rep movsq
	cld
	mov	$(KERNEL_AT + KERNEL_SIZE), %edi
	mov	$((KERNEL_MEM - KERNEL_SIZE) / 8), %ecx
	xor	%eax, %eax
	rep stosq
	mov	%rbx, %rsi
	mov	$KERNEL_AT, %eax
	jmp	*%rax
mover_end:

	.balign 8
gdt:
	.quad	0, 0
	.quad	0x00af9a000000ffff
	.quad	0x00cf92000000ffff
gdt_limit:
	.word	gdt_limit - gdt - 1
gdt_base:
	.quad	0
	.org STUB_SIZE
