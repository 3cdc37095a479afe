/* SPDX-License-Identifier: MIT */
/*
 * A sandbox for any instructions: an arena of memory, page tables, descriptor tables and interrupt
 * stacks of its own for each of up to BOX_CPUS CPUs, in any processor mode. What is run in it comes
 * back by its first exception, software interrupt or interrupt; then the CPU is as it was before,
 * and the arena is made anew for the next run.
 */
#ifndef TESTKERNEL_FUZZ_BOX_H
#define TESTKERNEL_FUZZ_BOX_H

#include "hv/types.h"
#include "testkernel/fuzz/box_layout.h"

#define BOX_CPUS 4

/* The arena: offsets of its pages, 64 KiB in all. With paging only those named are there. */
#define ARENA_DATA   0x0000 /* two pages, writable */
#define ARENA_RO     0x3000
#define ARENA_CODE   0x4000 /* two pages, filled with INT3 */
#define ARENA_STACK  0xb000
#define ARENA_SIZE   0x10000
#define ARENA_HIDDEN 0x80000000u /* linear address of the pages that box_window names */
#define WINDOW_PAGES 16

enum box_mode {
	BOX_LONG_K, /* 64-bit code at CPL 0 */
	BOX_LONG_U, /* and CPL 3 */
	BOX_COMPAT32_K,
	BOX_COMPAT32_U,
	BOX_COMPAT16_K,
	BOX_COMPAT16_U,
	BOX_PAE32_K,
	BOX_PAE32_U,
	BOX_PAE16_K,
	BOX_PAGED32_K,
	BOX_PAGED32_U,
	BOX_PAGED16_K,
	BOX_FLAT32_K, /* protected mode without paging: needs a platform that checks limits */
	BOX_FLAT16_U,
	BOX_V86,
	BOX_REAL_MODE,
	BOX_MODES
};

struct box_mode_info {
	const char *name;
	u8 kind;   /* KIND_LONG .. */
	u8 bits;   /* of the code: 16, 32 or 64 */
	u8 cpl;	   /* 0 or 3 */
	u8 paging; /* enum box_paging */
	u16 cs, ss, data;
};

enum box_paging { PAGING_NONE, PAGING_LONG, PAGING_PAE, PAGING_32 };

extern const struct box_mode_info box_modes[BOX_MODES];

struct box_state { /* offsets are in box_layout.h */
	u64 gpr[16];
	u64 vector, error, rip, cs, rflags, rsp, ss;
	u64 ds, es, fs, gs;
	u64 cr0, cr2, cr4, dr6, dr7;
};

struct box_result {
	struct box_state s;
	u64 cr8, efer, xcr0, dr[4];
	u64 memory; /* digest of the arena */
};

struct box_run {
	enum box_mode mode;
	const u8 *code;
	u32 size, at;	    /* of the code, bytes; its place behind ARENA_CODE */
	struct box_state s; /* in: gpr, rflags, ds, es, fs, gs, cr0, cr4, dr7; gpr[RSP] an offset
			       into the arena */
	u64 dr[4];
};

/* Of the calling CPU, whose index is below BOX_CPUS; once before its first run. */
void box_init(void);

/* Runs it with interrupts as RFLAGS says; they are off before and after. */
void box_run(const struct box_run *r, struct box_result *out);

/* The address by which that mode finds this byte of the arena. */
u64 box_address(enum box_mode mode, u32 offset);

/* The arena and real mode's code segment as they were at first; a run does that for the arena. */
void box_reset(void);

/* False: real mode has no room for this CPU. */
bool box_has(enum box_mode mode);

/* An NMI has come on the way into the box or out of it, since this was asked last. */
bool box_had_nmi(void);

/* Page n of ARENA_HIDDEN is this frame from now on (0: none). */
void box_window(u32 n, u64 frame);

#endif
