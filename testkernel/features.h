/* SPDX-License-Identifier: MIT */
/* Which CR4 bits this CPU has, by CPUID (Intel SDM vol. 3A, 2.5; vol. 2A, CPUID). */
#ifndef TESTKERNEL_FEATURES_H
#define TESTKERNEL_FEATURES_H

#include "hv/types.h"
#include "x86/cr.h"

struct cr4_feature {
	u64 bit; /* in CR4 */
	const char *name;
	u32 leaf, reg, cpuid_bit; /* subleaf 0; reg 0..3 is EAX EBX ECX EDX */
};

extern const struct cr4_feature cr4_features[];
extern const u32 cr4_feature_count;

/* The bits of CR4 that may be set here; PAE and LA57 among them if they exist. */
u64 cr4_allowed(void);

#endif
