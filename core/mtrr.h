/* SPDX-License-Identifier: MIT */
/* The MTRRs of this CPU (Intel SDM vol. 3A, 12.11). */
#ifndef CORE_MTRR_H
#define CORE_MTRR_H

#include "hv/types.h"
#include "lib/mtrr.h"

/* All of them; a CPU without MTRRs reads as all write-back. */
void mtrr_read(struct mtrr_state *s);

/* Is this MSR one of them (IA32_MTRRCAP, which cannot be written, aside)? */
bool mtrr_is(u32 msr);

#endif
