/* SPDX-License-Identifier: MIT */
/* Which CR4 bits this CPU has, by CPUID (Intel SDM vol. 3A, 2.5; vol. 2A, CPUID), and what else of
 * the CPU the model of control registers wants to know. */
#ifndef TESTKERNEL_FEATURES_H
#define TESTKERNEL_FEATURES_H

#include "hv/types.h"
#include "crmodel/crm.h"
#include "x86/cr.h"

struct cr4_feature {
	u64 bit; /* in CR4 */
	const char *name;
};

extern const struct cr4_feature cr4_features[];
extern const u32 cr4_feature_count;

/* The bits of CR4 that may be set here; PAE and LA57 among them if they exist. */
u64 cr4_allowed(void);

/* The bits of EFER that may be set here, SVME aside. */
u64 efer_allowed(void);

enum crm_vendor cpu_vendor(void);

/* MAXPHYADDR */
u32 cpu_phys_bits(void);

#endif
