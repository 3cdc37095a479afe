/* SPDX-License-Identifier: MIT */
#include "core/mtrr.h"

#include "lib/string.h"
#include "x86/cpuid.h"
#include "x86/insn.h"
#include "x86/msr.h"

#define FIXED_SUPPORTED BIT(8)
#define ENABLE		BIT(11)

static u32 fixed_msr(u32 i)
{
	if (i == 0)
		return MSR_MTRR_FIX64K_00000;
	return i < 3 ? MSR_MTRR_FIX16K_80000 + i - 1 : MSR_MTRR_FIX4K_C0000 + i - 3;
}

void mtrr_read(struct mtrr_state *s)
{
	u32 n;

	memset(s, 0, sizeof(*s));
	s->def_type = ENABLE | MTRR_WB;
	if (!(cpuid(1, 0).edx & CPUID_1_EDX_MTRR))
		return;
	s->cap = rdmsr(MSR_MTRRCAP);
	s->def_type = rdmsr(MSR_MTRR_DEF_TYPE);
	for (u32 i = 0; (s->cap & FIXED_SUPPORTED) && i < MTRR_FIXED_COUNT; i++)
		s->fixed[i] = rdmsr(fixed_msr(i));
	n = s->cap & 0xff;
	for (u32 i = 0; i < n && i < MTRR_VARIABLE_COUNT; i++) {
		s->base[i] = rdmsr(MSR_MTRR_PHYSBASE0 + 2 * i);
		s->mask[i] = rdmsr(MSR_MTRR_PHYSBASE0 + 2 * i + 1);
	}
}

bool mtrr_is(u32 msr)
{
	for (u32 i = 0; i < MTRR_FIXED_COUNT; i++)
		if (msr == fixed_msr(i))
			return true;
	return msr == MSR_MTRR_DEF_TYPE ||
	       (msr >= MSR_MTRR_PHYSBASE0 && msr < MSR_MTRR_PHYSBASE0 + 2 * MTRR_VARIABLE_COUNT);
}
