/* SPDX-License-Identifier: MIT */
#include "testkernel/quirks.h"
#include "testkernel/asm.h"
#include "testkernel/features.h"
#include "testkernel/lamina.h"
#include "testkernel/tap.h"
#include "x86/cr.h"
#include "x86/paging.h"
#include "x86/vector.h"

struct quirk_entry {
	const char *name; /* as in doc/cr-platforms.md and doc/platforms.md */
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
	return s->kind <= CRP_WRITE && s->ring != CRX_KERNEL && due == VECTOR_UD;
}

static const struct quirk_entry quirks[QUIRKS] = {
	[TCG_CR0_UNCHECKED] = {"tcg-cr0-unchecked", on_tcg, .excludes = cr0_unchecked},
	[TCG_CR0_KEEPS_IGNORED] = {"tcg-cr0-keeps-ignored", on_tcg, .excludes = cr0_keeps_ignored},
	[TCG_CR3_UNCHECKED] = {"tcg-cr3-unchecked", on_tcg, .excludes = cr3_unchecked},
	[TCG_CR4_UNCHECKED] = {"tcg-cr4-unchecked", on_tcg, .excludes = cr4_unchecked},
	[TCG_CR8_UNCHECKED] = {"tcg-cr8-unchecked", on_tcg},
	[TCG_EFER_UNCHECKED] = {"tcg-efer-unchecked", on_tcg, .excludes = efer_unchecked},
	[TCG_CPL_BEFORE_UD] = {"tcg-cpl-before-ud", on_tcg, .excludes = cpl_before_ud},
	[TCG_PDPTE_ACCESSED] = {"tcg-pdpte-accessed", on_tcg, .pdpte_bits = PTE_A},
	[TCG_MSR_UNCHECKED] = {"tcg-msr-unchecked", on_tcg},
	[TCG_MTRR_UNCHECKED] = {"tcg-mtrr-unchecked", on_tcg},
	[TCG_NO_ALIGNMENT_CHECK] = {"tcg-no-alignment-check", on_tcg},
	[TCG_NO_INT1] = {"tcg-no-int1", on_tcg},
	[TCG_IDT_ERROR_CODE] = {"tcg-idt-error-code", on_tcg},
	[TCG_SS_KEEPS_NO_TRAP] = {"tcg-ss-keeps-no-trap", on_tcg},
	[TCG_NO_PDPTE_LOADS] = {"tcg-no-pdpte-loads", on_tcg},
	[TCG_NO_LIMIT_CHECK] = {"tcg-no-limit-check", on_tcg},
	[TCG_VMRUN_LOSES_SHADOW] = {"tcg-vmrun-loses-shadow", on_tcg},
};

static u32 found;	/* bit n: quirks[n] is here */
static u32 met[QUIRKS]; /* by the present case */

void quirks_init(void)
{
	for (u32 i = 0; i < QUIRKS; i++) {
		if (!quirks[i].here())
			continue;
		found |= 1u << i;
		note("quirk of this platform: %s", quirks[i].name);
	}
}

bool quirk_here(enum quirk q)
{
	return found >> q & 1;
}

bool quirk_took(enum quirk q, bool deviation)
{
	bool took = deviation && quirk_here(q);

	met[q] += took;
	return took;
}

/* What QEMU takes of CR4 whatever CPUID says; it knows no #GP for others, and ends the machine. */
#define TCG_CR4_TAKEN (CR4_VME | CR4_PVI | CR4_PCIDE)

bool quirk_fatal_cr(u32 cr, u64 value)
{
	enum quirk q = cr ? TCG_CR4_UNCHECKED : TCG_CR0_UNCHECKED;
	bool fatal = cr ? (value & ~(cr4_allowed() | TCG_CR4_TAKEN)) || !(value & CR4_PAE)
			: !(value & CR0_PE) || !(value & CR0_PG);

	return quirk_took(q, fatal && !lamina_here());
}

bool quirk_took_cr(u32 cr, u64 value, u32 vector)
{
	if (cr)
		return quirk_took(TCG_CR4_UNCHECKED, vector == VEC_DONE && read_cr4() == value &&
							     (value & TCG_CR4_TAKEN));
	return quirk_took(TCG_CR0_UNCHECKED,
			  vector == VEC_DONE && read_cr0() == ((u32)value | CR0_ET));
}

void quirks_note(void)
{
	for (u32 i = 0; i < QUIRKS; i++) {
		if (met[i])
			note("quirk %s: met %u times", quirks[i].name, met[i]);
		met[i] = 0;
	}
}

bool quirk_excludes(const struct crm_cpu *cpu, const struct crp_step *s, u8 due)
{
	for (u32 i = 0; i < QUIRKS; i++)
		if (quirk_here(i) && quirks[i].excludes && quirks[i].excludes(cpu, s, due))
			return true;
	return false;
}

u64 quirk_pdpte_bits(void)
{
	u64 bits = 0;

	for (u32 i = 0; i < QUIRKS; i++)
		if (quirk_here(i))
			bits |= quirks[i].pdpte_bits;
	return bits;
}
