/* SPDX-License-Identifier: MIT */
/* What crexec.c and crexec.S share: addresses and offsets. For C and for assembly. */
#ifndef TESTKERNEL_CREXEC_LAYOUT_H
#define TESTKERNEL_CREXEC_LAYOUT_H

/* Low memory, see layout.h */
#define CRX_LOW 0x2000 /* a page: 16-bit code and the interrupt table of real mode */
#define CRX_BASE \
	0x40000 /* per CPU: a context, then the page that CPL 3 and virtual-8086 mode run */
#define CRX_STEP  0x4000
#define CRX_SIZE  0x2000 /* of a context, which is aligned to it */
#define CRX_USER  0x2000 /* from the context to the user page */
#define CRX_STUBS 8	 /* bytes of a piece of code in the user page */

/* In the context: operations, then the state to return to, then the stack. All traps start at its
 * top, where the address of the present operation lies. */
#define CRX_OPS	    80
#define CTX_RSP	    0x1800
#define CTX_CR0	    0x1808
#define CTX_CR3	    0x1810
#define CTX_CR4	    0x1818
#define CTX_EFER    0x1820
#define CTX_GDT	    0x1830
#define CTX_IDT	    0x1840
#define CTX_LEAVE16 0x1e00 /* a copy of crx_leave16 */
#define CTX_TOP	    0x1f80
#define CTX_FRAME   128 /* bytes below the top that a trap may take; a power of two */

/* In an operation */
#define OP_CODE	  0
#define OP_RING	  1
#define OP_VECTOR 2
#define OP_DUE	  3
#define OP_USER	  4
#define OP_VALUE  8
#define OP_STUB	  16
#define OP_SIZE	  64

/* The code segment in which an operation is carried out */
#define CRX_CODE16  0 /* real mode */
#define CRX_CODE32  1 /* protected or compatibility mode */
#define CRX_CODE64  2
#define CRX_CODE16P 3 /* 16-bit protected mode, from which one goes to real mode */
#define CRX_END	    4

/* Its privilege level */
#define CRX_KERNEL 0 /* CPL 0 */
#define CRX_CPL3   1
#define CRX_V86	   2

/* The selectors of layout.h, but these two */
#define CRX_CODE16_FLAT 0x30 /* 16-bit, base 0, limit 4 GiB */
#define CRX_UCODE32	0x3b

#endif
