/* SPDX-License-Identifier: MIT */
#include "testkernel/features.h"
#include "testkernel/asm.h"

enum { EAX, EBX, ECX, EDX };

const struct cr4_feature cr4_features[] = {
	{CR4_VME, "VME", 1, EDX, 1},	       {CR4_PVI, "PVI", 1, EDX, 1},
	{CR4_TSD, "TSD", 1, EDX, 4},	       {CR4_DE, "DE", 1, EDX, 2},
	{CR4_PSE, "PSE", 1, EDX, 3},	       {CR4_PAE, "PAE", 1, EDX, 6},
	{CR4_MCE, "MCE", 1, EDX, 7},	       {CR4_PGE, "PGE", 1, EDX, 13},
	{CR4_PCE, "PCE", 1, EDX, 6}, /* no bit of its own: as old as PAE */
	{CR4_OSFXSR, "OSFXSR", 1, EDX, 24},    {CR4_OSXMMEXCPT, "OSXMMEXCPT", 1, EDX, 25},
	{CR4_UMIP, "UMIP", 7, ECX, 2},	       {CR4_LA57, "LA57", 7, ECX, 16},
	{CR4_VMXE, "VMXE", 1, ECX, 5},	       {CR4_SMXE, "SMXE", 1, ECX, 6},
	{CR4_FSGSBASE, "FSGSBASE", 7, EBX, 0}, {CR4_PCIDE, "PCIDE", 1, ECX, 17},
	{CR4_OSXSAVE, "OSXSAVE", 1, ECX, 26},  {CR4_KL, "KL", 7, ECX, 23},
	{CR4_SMEP, "SMEP", 7, EBX, 7},	       {CR4_SMAP, "SMAP", 7, EBX, 20},
	{CR4_PKE, "PKE", 7, ECX, 3},	       {CR4_CET, "CET", 7, ECX, 7},
	{CR4_PKS, "PKS", 7, ECX, 31},
};

const u32 cr4_feature_count = ARRAY_SIZE(cr4_features);

u64 cr4_allowed(void)
{
	u32 max = cpuid(0, 0).eax;
	u64 allowed = 0;

	for (u32 i = 0; i < cr4_feature_count; i++) {
		const struct cr4_feature *f = &cr4_features[i];
		struct cpuid c = cpuid(f->leaf, 0);
		const u32 regs[4] = {c.eax, c.ebx, c.ecx, c.edx};

		if (f->leaf <= max && regs[f->reg] >> f->cpuid_bit & 1)
			allowed |= f->bit;
	}
	return allowed;
}
