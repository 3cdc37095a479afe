/* SPDX-License-Identifier: MIT */
/* Where the test kernel puts things: selectors, vectors, addresses. For C and for assembly. */
#ifndef TESTKERNEL_LAYOUT_H
#define TESTKERNEL_LAYOUT_H

#define MAX_CPUS 8

/* GDT, the same on every CPU but for the TSS */
#define TK_CODE64 0x08
#define TK_DATA	  0x10
#define TK_CODE32 0x18
#define TK_UDATA  0x23
#define TK_UCODE  0x2b
#define TK_CODE16 0x30
#define TK_DATA16 0x38
#define TK_TSS	  0x40

#define VEC_DONE  0x80 /* INT 80h ends a snippet (exec.h) */
#define VEC_SOFT  0x81 /* a software interrupt that CPL 3 may use */
#define VEC_WAKE  0xf0 /* wakes a CPU that waits for work (smp.h) */
#define VEC_SPUR  0xff /* spurious interrupt of the local APIC */
#define VEC_TEST  0x60 /* first of the vectors that the cases use */
#define VEC_COUNT 256

/* Low memory that the BIOS leaves free and GRUB has no use for any more; main.c checks the map. */
#define RM_PAGE	     0x6000 /* real-mode thunk: stack below, code and data here */
#define RM_BUFFER    0x7000 /* answers of the BIOS */
#define SIPI_VECTOR  0x08   /* the AP trampoline, at 8000h */
#define LOW_USED_END 0x80000

#define LAPIC_PAGE  0xfee00000
#define USER_BASE   0x8000000000  /* the first GiB once more, for CPL 3 */
#define WINDOW_BASE 0x10000000000 /* 512 pages of 4 KiB, mapped one by one (page.h) */

#endif
