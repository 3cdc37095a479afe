/* SPDX-License-Identifier: MIT */
/* What box.c and box.S share: selectors and offsets. For C and for assembly. */
#ifndef TESTKERNEL_FUZZ_BOX_LAYOUT_H
#define TESTKERNEL_FUZZ_BOX_LAYOUT_H

/* The GDT of a box. For the code that is run in it; all have the arena as base but BS_FLAT64 .. */
#define BS_DATA	    0x10
#define BS_DATA16   0x18 /* as a stack segment: SP */
#define BS_UDATA    0x23
#define BS_UDATA16  0x2b
#define BS_CODE32   0x30
#define BS_CODE16   0x38
#define BS_UCODE32  0x43 /* behind it BS_UDATA64 and BS_UCODE64, as SYSRET wants it */
#define BS_UDATA64  0x4b
#define BS_UCODE64  0x53
#define BS_CODE64   0x58
#define BS_FLAT64   0x60 /* what SYSCALL makes SS */
#define BS_ABSENT   0x68
#define BS_READONLY 0x70
#define BS_DOWN	    0x78 /* expands down */
#define BS_CONFORM  0x80 /* conforming code */
#define BS_WINDOW   0x8b /* data: what Lamina hides */
#define BS_GATE	    0x90 /* call gate to an int3, two entries */
#define BS_LDT	    0xa0 /* two entries */
#define BS_UCODE16  0xb3

/* and for the box's own: flat */
#define BOX_FIRST  0x180
#define BOX_CODE64 0x180
#define BOX_DATA   0x188
#define BOX_CODE32 0x190
#define BOX_SELF   0x198 /* data, base at the box */
#define BOX_TSS64  0x1a0
#define BOX_TSS32  0x1b0
#define BOX_TSSDF  0x1b8
#define BOX_CTL	   0x1c0 /* 16-bit code, base at the page of real mode */
#define BOX_REAL   0x1c8 /* data, base 0, 64 KiB: as real mode has it */
#define BOX_RSTACK \
	0x1d0 /* the same without its end: an exception with 1, 3 or 5 in SP shuts nothing down */
#define BOX_GDT 64

/* struct box_state */
#define ST_VECTOR 128
#define ST_ERROR  136
#define ST_RIP	  144
#define ST_CS	  152
#define ST_RFLAGS 160
#define ST_RSP	  168
#define ST_SS	  176
#define ST_DS	  184
#define ST_ES	  192
#define ST_FS	  200
#define ST_GS	  208
#define ST_CR0	  216
#define ST_CR2	  224
#define ST_CR4	  232
#define ST_DR6	  240
#define ST_DR7	  248

/* struct box */
#define BOX_SIZE 0x4000
#define B_IN	 0
#define B_OUT	 0x100
#define B_KIND	 0x200
#define B_CR3	 0x208
#define B_EFER	 0x210
#define B_SELF	 0x218
#define B_K_RSP	 0x220
#define B_K_CR0	 0x228
#define B_K_CR3	 0x230
#define B_K_CR4	 0x238
#define B_K_EFER 0x240
#define B_K_GS	 0x248
#define B_K_GDTR 0x250
#define B_K_IDTR 0x260
#define B_GDTR	 0x270
#define B_IDTR64 0x280
#define B_IDTR32 0x290
#define B_FRAME	 0x2a0 /* EIP CS EFLAGS ESP SS ES DS FS GS, 32 bits each */
#define B_FAR	 0x2c8
#define B_NMI	 0x2d0	/* 32 bits: set by an NMI on the way in or out */
#define B_STACK	 0x2000 /* top of the stack of 32-bit code */

/* How a box is entered */
#define KIND_LONG   0
#define KIND_KERNEL 1 /* protected mode, CPL 0 */
#define KIND_USER   2 /* protected mode, CPL 3, or virtual-8086 mode */
#define KIND_REAL   3

/* Page of real mode: interrupt table, 256 stubs of 8 bytes, code, then */
#define CTL_STUBS 0x400
#define CTL_CODE  0xc00
#define CTL_IN	  0xf00 /* EAX .. EDI, then DS ES FS GS SS */
#define CTL_OUT	  0xf40 /* EAX .. EDI, then DS ES FS GS SS, vector, IP, CS, FLAGS */
#define CTL_IDTR  0xf80
#define CTL_FAR	  0xf88
#define CTL_BOX	  0xf8c

#endif
