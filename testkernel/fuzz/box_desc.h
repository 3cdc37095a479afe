/* SPDX-License-Identifier: MIT */
/* A box's descriptor tables, and the memory that box.S works with. */
#ifndef TESTKERNEL_FUZZ_BOX_DESC_H
#define TESTKERNEL_FUZZ_BOX_DESC_H

#include "testkernel/cpu.h"
#include "testkernel/fuzz/box.h"

#define REAL_CTL(cpu)                                                              \
	(0x70000 + (cpu)*PAGE_SIZE) /* page of real mode; low memory, see layout.h \
				     */

struct tss32 { /* Intel SDM vol. 3A, 8.2.1 */
	u32 link, esp0, ss0, stacks[4], cr3, eip, eflags, gpr[8], es, cs, ss, ds, fs, gs, ldt;
	u16 trap, iomap;
};

struct box { /* offsets are in box_layout.h */
	struct box_state in, out;
	u64 kind, cr3, efer, self;
	u64 saved_rsp, saved_cr0, saved_cr3, saved_cr4, saved_efer, saved_gs;
	u8 saved_gdtr[16], saved_idtr[16], gdtr[16], idtr64[16], idtr32[16];
	u32 frame[10], far[2], nmi[2];
	struct tss tss64;
	struct tss32 tss32, tss_df;
	u64 gdt[BOX_GDT];
	u8 unused[0x1000 - 0x2d8 - 2 * 104 - sizeof(struct tss) - BOX_GDT * 8];
	u8 stack[4096], ist_fault[4096], ist_nmi[2048], ist_db[2048];
} __attribute__((aligned(BOX_SIZE)));

_Static_assert(sizeof(struct box) == BOX_SIZE && offsetof(struct box, stack) == 0x1000, "box.S");
_Static_assert(offsetof(struct box, frame) == B_FRAME && offsetof(struct box, far) == B_FAR,
	       "box.S");
_Static_assert(offsetof(struct box, nmi) == B_NMI, "box.S");
_Static_assert(offsetof(struct box, saved_gdtr) == B_K_GDTR, "box.S");
_Static_assert(sizeof(struct box_state) == 0x100 && sizeof(struct tss32) == 104, "box.S");

/* The segments that have an arena as base are at that address. */
void box_desc_init(struct box *b, u64 arena);

/* Makes the interrupt tables part of that CPU's page tables. */
void box_desc_map(u32 cpu);

/* A descriptor; access: P, DPL, S, type; flags: G, D, L, AVL. */
u64 box_descriptor(u64 base, u32 limit, u32 access, u32 flags);

#endif
