/* SPDX-License-Identifier: MIT */
/*
 * A list of register operations carried out by 32-bit code that leaves long mode and comes back:
 * the only place from which paging can be switched off, and other paging modes used.
 *
 * Everything is identity mapped by long_mode's tables, legacy_pd and legacy_pdpt, so any of
 * them may be in use, or none. A #UD, #GP or #PF in an operation is noted, and the next one
 * follows.
 */
#ifndef TESTKERNEL_LEGACY_H
#define TESTKERNEL_LEGACY_H

#include "hv/types.h"

enum op_kind { /* numbers are used in legacy.S */
	       OP_END,
	       OP_READ_CR0,
	       OP_WRITE_CR0,
	       OP_READ_CR3,
	       OP_WRITE_CR3,
	       OP_READ_CR4,
	       OP_WRITE_CR4,
	       OP_WRITE_EFER, /* low half */
	       OP_READ_EFER,
	       OP_LOAD,	 /* read the 32-bit word at linear address `value` */
	       OP_STORE, /* write 0 to the word at linear address `value` */
	       OP_LMSW,
	       OP_CLTS,
	       OP_SMSW,
	       OP_STAY, /* for ever */
};

struct op {
	u32 kind, value;
	u32 result; /* of reads */
	u32 vector; /* 0, or the fault */
};

/*
 * Runs ops up to OP_END on the calling CPU, interrupts disabled. Starts in compatibility mode: long
 * mode active, 32-bit code. While EFER.LMA is set no operation may fault. Before it returns the
 * registers CR0, CR3, CR4 and EFER get the values back that they had.
 */
void legacy_run(struct op *ops);

/* Identity maps of 4 GiB: 32-bit paging with 4 MiB pages (needs CR4.PSE), and PAE with 2 MiB pages.
 * Each CPU has a PDPT of its own, so that a case may spoil it. */
u32 legacy_pd(void);
u64 *legacy_pdpt(void);

#endif
