/* SPDX-License-Identifier: MIT */
#include "testkernel/quirks.h"
#include "testkernel/asm.h"
#include "testkernel/features.h"
#include "testkernel/tap.h"
#include "x86/msr.h"

enum platform { PLATFORM_OTHER, PLATFORM_TCG };

struct quirk {
	const char *name;
	bool (*here)(void);
	bool (*excludes)(const struct crm_cpu *cpu, const struct crp_step *s, u8 due);
};

static bool tcg;

static bool on_tcg(void)
{
	return tcg;
}

/* QEMU ends the machine, or takes the value */
static bool cr4_reserved(const struct crm_cpu *cpu, const struct crp_step *s, u8 due)
{
	return s->kind == CRP_WRITE && s->cr == 4 && (s->value & ~cpu->cr4_allowed) && due;
}

static const struct quirk quirks[] = {
	{"tcg-cr4-reserved", on_tcg, cr4_reserved},
};

static u32 found; /* bit n: quirks[n] is here */

void quirks_init(void)
{
	struct cpuid hv = cpuid(CPUID_HV_BASE, 0);

	tcg = (cpuid(1, 0).ecx & CPUID_1_ECX_HYPERVISOR) && hv.ebx == 0x54474354; /* "TCGT" */
	for (u32 i = 0; i < ARRAY_SIZE(quirks); i++) {
		if (!quirks[i].here())
			continue;
		found |= 1u << i;
		note("quirk of this platform: %s", quirks[i].name);
	}
}

bool quirk_excludes(const struct crm_cpu *cpu, const struct crp_step *s, u8 due)
{
	for (u32 i = 0; i < ARRAY_SIZE(quirks); i++)
		if ((found >> i & 1) && quirks[i].excludes(cpu, s, due))
			return true;
	return false;
}
