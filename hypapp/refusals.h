/* SPDX-License-Identifier: MIT */
/* The first refusals of crwatch and of msrwatch, for the report. The trace and the counters have
 * them all. */
#ifndef HYPAPP_REFUSALS_H
#define HYPAPP_REFUSALS_H

#include <stdatomic.h>

#include "hv/backend.h"
#include "hv/types.h"
#include "hv/vcpu.h"

#define REFUSALS_MAX 16

struct refusals {
	_Atomic u32 count; /* all there were */
	struct refusal {
		u32 cpu, what; /* number of the MSR or CR */
		u64 old, new, rip, cr3;
	} first[REFUSALS_MAX];
};

/* On v's CPU, in the exit. */
void refusals_add(struct refusals *r, struct vcpu *v, u32 what, u64 old, u64 new);

/* Lines such as "crwatch: cpu0: CR4 3506f0 -> 2506f0 refused, RIP ffffffffc020101a, CR3 606c000".
 */
void refusals_report(struct refusals *r, const char *hypapp, const char *kind, emit_fn emit);

#endif
