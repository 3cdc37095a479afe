/* SPDX-License-Identifier: MIT */
#include "testkernel/quirks.h"
#include "testkernel/asm.h"
#include "testkernel/tap.h"
#include "x86/cr.h"
#include "x86/paging.h"
#include "x86/vector.h"

struct quirk {
	const char *name; /* as in doc/cr-platforms.md */
	bool (*here)(void);
	/* NULL: no step */
	bool (*excludes)(const struct crm_cpu *cpu, const struct crp_step *s, u8 due);
	u64 pdpte_bits; /* that the platform itself sets in a PDPTE */
};

/* QEMU's own emulation says so in the hypervisor leaf, which it shows unless told not to. */
static bool on_tcg(void)
{
	struct cpuid hv = cpuid(CPUID_HV_BASE, 0);

	return (cpuid(1, 0).ecx & CPUID_1_ECX_HYPERVISOR) && hv.ebx == 0x54474354; /* "TCGT" */
}

static bool writes(const struct crp_step *s, u8 cr)
{
	return s->kind == CRP_WRITE && s->cr == cr && s->ring == CRX_KERNEL;
}

static bool cr0_unchecked(const struct crm_cpu *cpu, const struct crp_step *s, u8 due)
{
	(void)cpu;
	return writes(s, 0) && due == VECTOR_GP;
}

static bool cr0_keeps_ignored(const struct crm_cpu *cpu, const struct crp_step *s, u8 due)
{
	(void)cpu;
	(void)due;
	return writes(s, 0) && (s->value & crm_class(CRM_CR0, CRM_IGNORED));
}

static bool cr3_unchecked(const struct crm_cpu *cpu, const struct crp_step *s, u8 due)
{
	(void)cpu;
	return writes(s, 3) && due == VECTOR_GP;
}

/* LA57 alone is checked, in 64-bit code. */
static bool cr4_unchecked(const struct crm_cpu *cpu, const struct crp_step *s, u8 due)
{
	bool la57 = (s->value ^ cpu->cr[CRM_CR4].hw) & CR4_LA57;

	return writes(s, 4) && due == VECTOR_GP &&
	       !(la57 && cpu->cs_l && !(s->value & ~cpu->cr4_allowed));
}

static bool efer_unchecked(const struct crm_cpu *cpu, const struct crp_step *s, u8 due)
{
	(void)cpu;
	return s->kind == CRP_WRITE_EFER && due == VECTOR_GP;
}

static bool cpl_before_ud(const struct crm_cpu *cpu, const struct crp_step *s, u8 due)
{
	(void)cpu;
	return s->ring != CRX_KERNEL && due == VECTOR_UD;
}

static const struct quirk quirks[] = {
	{"tcg-cr0-unchecked", on_tcg, .excludes = cr0_unchecked},
	{"tcg-cr0-keeps-ignored", on_tcg, .excludes = cr0_keeps_ignored},
	{"tcg-cr3-unchecked", on_tcg, .excludes = cr3_unchecked},
	{"tcg-cr4-unchecked", on_tcg, .excludes = cr4_unchecked},
	{"tcg-efer-unchecked", on_tcg, .excludes = efer_unchecked},
	{"tcg-cpl-before-ud", on_tcg, .excludes = cpl_before_ud},
	{"tcg-pdpte-accessed", on_tcg, .pdpte_bits = PTE_A},
};

static u32 found; /* bit n: quirks[n] is here */

void quirks_init(void)
{
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
		if ((found >> i & 1) && quirks[i].excludes && quirks[i].excludes(cpu, s, due))
			return true;
	return false;
}

u64 quirk_pdpte_bits(void)
{
	u64 bits = 0;

	for (u32 i = 0; i < ARRAY_SIZE(quirks); i++)
		if (found >> i & 1)
			bits |= quirks[i].pdpte_bits;
	return bits;
}
