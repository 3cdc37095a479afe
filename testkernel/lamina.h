/* SPDX-License-Identifier: MIT */
/* Is Lamina below this CPU? Asked by its own hypercall, which is #UD on a bare machine. */
#ifndef TESTKERNEL_LAMINA_H
#define TESTKERNEL_LAMINA_H

#include "hv/hypercall.h"
#include "hv/types.h"
#include "testkernel/exec.h"

struct lamina_probe {
	bool present;
	u32 version, cpu, cpus; /* if present */
	u32 vector;		/* how VMCALL ended */
};

/* AMD's processor: Lamina then works by AMD-V, and its hypercall is VMMCALL. */
bool lamina_amd(void);

/* VMCALL or VMMCALL, as the vendor has it; the vector that ended it. */
u32 lamina_call(struct exec *e, u32 cpl);

/* On the calling CPU. */
struct lamina_probe lamina_probe(void);

/* True if Lamina answers on this CPU. */
bool lamina_here(void);

/* An HC_CR item of the calling CPU; false: no Lamina, or it does not know the item. */
bool lamina_cr(enum hc_cr item, u64 *v);

/* Have Lamina own these bits of CR0 or CR4 (cr 0 or 4) of the calling CPU besides those that must
 * be; false: no Lamina, or it refuses. */
bool lamina_own(u32 cr, u64 mask);

/* How many exits of that kind (exit_kinds.def) Lamina's CPU had; false: it does not tell. */
bool lamina_stats(u32 cpu, u32 kind, u64 *v);

/* What Lamina makes of it that the calling CPU has just read this in CR0 or CR4 (cr 0 or 4), as in
 * enum verdict; false: no Lamina. */
bool lamina_verdict(u32 cr, u64 read, u32 *verdict);

/* An HC_INFO item; only when Lamina is present. False: Lamina does not know the item. */
bool lamina_info(enum hc_info item, u64 *v);

#endif
