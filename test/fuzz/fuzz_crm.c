/* SPDX-License-Identifier: MIT */
/*
 * Any program of CR accesses from RESET on, as a guest with any masks, which may change on the way:
 * the guest cannot tell (the law above all, crm.h), and its registers are such as VM entry takes.
 */
#include "fuzz.h"
#include "crmodel/crm.h"
#include "x86/cr.h"
#include "x86/msr.h"

#define CR4_FIXED1 0xff7fffULL /* what this CPU has: VME .. SMXE, FSGSBASE .. CET */
#define STEPS	   64

static struct crm_cpu bare, guest;

/* The same view with other bits owned. */
static void own(struct input *in)
{
	for (u32 n = 0; n < CRM_CRS; n++) {
		u64 owned = take(in, 8) | crm_minimum(&guest, (enum crm_name)n);

		guest.cr[n] = crm_make(&guest.limits[n], crm_read(&guest.cr[n]), owned);
		if (guest.vendor == CRM_AMD)
			guest.intercepts[n] = crm_svm_intercepts((enum crm_name)n, &guest.cr[n]);
	}
}

static void reset(struct input *in)
{
	bare = (struct crm_cpu){
		.vendor = (enum crm_vendor)(take(in, 1) & 1),
		.cr[CRM_CR0] = {.hw = CR0_RESET, .shadow = CR0_RESET},
		.cr4_allowed = take(in, 8) & CR4_FIXED1 & ~crm_class(CRM_CR4, CRM_HIDDEN),
		.phys_bits = 36 + take(in, 1) % 17,
	};
	guest = bare;
	if (guest.vendor == CRM_INTEL) {
		guest.limits[CRM_CR0] = crm_vmx_limits(CRM_CR0, 0x80000021, 0xffffffff, true);
		guest.limits[CRM_CR4] = crm_vmx_limits(CRM_CR4, CR4_VMXE, CR4_FIXED1, true);
	}
	own(in);
}

/* What other instructions change: far jumps, rings, LTR, WRMSR of EFER.LME with paging off. */
static void elsewhere(u64 what)
{
	bare.cs_l = what & 1;
	bare.cpl = what & 2 ? 3 : 0;
	bare.tss16 = what & 4;
	if (!(bare.cr[CRM_CR0].hw & CR0_PG))
		bare.efer = what & 8 ? EFER_LME : 0;
	guest.cs_l = bare.cs_l;
	guest.cpl = bare.cpl;
	guest.tss16 = bare.tss16;
	guest.efer = bare.efer;
}

static bool writes(const struct crm_insn *i)
{
	return i->op != CRM_MOV_FROM && i->op != CRM_SMSW;
}

static struct crm_insn instruction(struct input *in)
{
	static const u8 crs[] = {0, 4, 0, 4, 3, 8, 2, 1};
	u64 what = take(in, 1);
	struct crm_insn i = {.op = (enum crm_op)(what % 5), .cr = crs[what >> 5]};

	i.value = what & 16 ? take(in, 8) : BIT(take(in, 1) % 64); /* any, or one bit changed */
	if (!(what & 16) && (i.cr == 0 || i.cr == 4))
		i.value ^= bare.cr[i.cr / 4].hw;
	return i;
}

static void step(const struct crm_insn *i)
{
	struct crm_cpu before = guest;
	struct crm_result n = crm_execute(&bare, i), g = crm_execute(&guest, i);
	struct crm_result said = crm_native(&bare, i);
	bool exited = g.verdict == CRM_EXIT;

	if (exited)
		g = crm_emulate(&guest, i);
	MUST(n.verdict == said.verdict && n.value == said.value && n.effects == said.effects);
	MUST(n.verdict == g.verdict && n.value == g.value && n.effects == g.effects);
	crm_apply(&bare, i, &n);
	crm_apply(&guest, i, &g);
	for (u32 k = 0; k < CRM_CRS; k++) {
		const struct crm_cr *c = &guest.cr[k];

		MUST(crm_read(c) == bare.cr[k].hw);
		MUST((c->hw & guest.limits[k].must1) == guest.limits[k].must1);
		MUST(!(c->hw & guest.limits[k].must0));
		MUST(n.verdict == CRM_OK || !memcmp(c, &before.cr[k], sizeof(*c)));
		MUST(writes(i) || !memcmp(c, &before.cr[k], sizeof(*c)));
	}
	MUST(bare.cr3 == guest.cr3 && bare.efer == guest.efer);
	MUST(!(bare.efer & EFER_LMA) ==
	     !((bare.efer & EFER_LME) && (bare.cr[CRM_CR0].hw & CR0_PG)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};

	reset(&in);
	for (u32 n = 0; n < STEPS && in.left; n++) {
		struct crm_insn i;
		u64 what = take(&in, 1);

		if (what < 32)
			elsewhere(what);
		else if (what < 40)
			own(&in);
		i = instruction(&in);
		step(&i);
	}
	return 0;
}
