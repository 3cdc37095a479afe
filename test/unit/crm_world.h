/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the CR0/CR4 model share: CPUs in every paging mode, bare and as guests of VT-x
 * and of SVM, and the guest's side of an instruction, natively and under a hypervisor.
 */
#ifndef CRM_WORLD_H
#define CRM_WORLD_H

#include "unit.h"
#include "crmodel/crm.h"
#include "x86/cr.h"
#include "x86/msr.h"

/* The bits, counted anew here and not taken from the model (Intel SDM vol. 3A, 2.5). */
#define CR0_DEFINED 0xe005003fULL
#define CR4_GUEST \
	0x1bf71fffULL /* VME .. LA57, FSGSBASE PCIDE OSXSAVE, SMEP .. UINTR, LASS LAM_SUP */
#define CR4_HIDDEN 0x100086000ULL /* VMXE SMXE KL FRED */

#define PROTECTED (CR0_PE | CR0_ET)
#define PAGED	  (CR0_PG | CR0_PE | CR0_ET | CR0_WP)
#define LONG	  (EFER_LME | EFER_LMA)

/* What all effects of an instruction are for the guest; the others tell a hypervisor something. */
#define GUEST_EFFECTS (CRM_TLB_ALL | CRM_TLB_PCID | CRM_LMA_SET | CRM_LMA_CLEAR | CRM_PDPTE)

struct mode {
	const char *name;
	u64 cr0, cr4, efer;
	bool cs_l;
};

static const struct mode modes[] = {
	{"real", CR0_ET, 0, 0, false},
	{"after INIT", CR0_ET | CR0_CD | CR0_NW, 0, 0, false},
	{"real, CD", CR0_ET | CR0_CD, 0, 0, false},
	{"protected", PROTECTED, 0, 0, false},
	{"protected, all bits", CR0_DEFINED & ~CR0_PG, CR4_GUEST & ~CR4_PCIDE, 0, false},
	{"protected, PAE", PROTECTED, CR4_PAE, 0, false},
	{"protected, LME", PROTECTED, 0, EFER_LME, false},
	{"protected, LME, PAE", PROTECTED, CR4_PAE, EFER_LME, false},
	{"protected, LME, PAE, LA57", PROTECTED, CR4_PAE | CR4_LA57, EFER_LME, false},
	{"protected, LME, PAE, CS.L", PROTECTED, CR4_PAE, EFER_LME, true},
	{"real, LME, PAE", CR0_ET, CR4_PAE, EFER_LME, false},
	{"32-bit", PAGED, CR4_PSE, 0, false},
	{"32-bit, WP off", PAGED & ~CR0_WP, CR4_PGE, 0, false},
	{"32-bit, CET", PAGED, CR4_CET, 0, false},
	{"32-bit, CS.L", PAGED, 0, 0, true},
	{"PAE", PAGED, CR4_PAE, 0, false},
	{"PAE, PSE, PGE", PAGED, CR4_PAE | CR4_PSE | CR4_PGE, 0, false},
	{"PAE, CET, SMEP", PAGED, CR4_PAE | CR4_CET | CR4_SMEP, 0, false},
	{"PAE, uncached", PAGED | CR0_CD | CR0_NW, CR4_PAE, 0, false},
	{"compatibility", PAGED, CR4_PAE, LONG, false},
	{"compatibility, LA57", PAGED, CR4_PAE | CR4_LA57, LONG, false},
	{"compatibility, PCIDE", PAGED, CR4_PAE | CR4_PCIDE, LONG, false},
	{"64-bit", PAGED, CR4_PAE, LONG, true},
	{"64-bit, WP off", PAGED & ~CR0_WP, CR4_PAE | CR4_PGE, LONG, true},
	{"64-bit, LA57", PAGED, CR4_PAE | CR4_LA57, LONG, true},
	{"64-bit, PCIDE", PAGED, CR4_PAE | CR4_PCIDE, LONG, true},
	{"64-bit, CET", PAGED, CR4_PAE | CR4_CET, LONG, true},
	{"64-bit, all bits", CR0_DEFINED, CR4_GUEST, LONG, true},
};

/* A bare CPU. */
static inline struct crm_cpu bare_in(const struct mode *m, enum crm_vendor vendor)
{
	return (struct crm_cpu){
		.vendor = vendor,
		.cr[CRM_CR0] = {.hw = m->cr0, .shadow = m->cr0},
		.cr[CRM_CR4] = {.hw = m->cr4, .shadow = m->cr4},
		.cr3 = 0x1000,
		.efer = m->efer,
		.cr4_allowed = CR4_GUEST,
		.phys_bits = 40,
		.cs_l = m->cs_l,
	};
}

/* The bare machine whose registers are the guest's view. */
static inline struct crm_cpu bare_of(const struct crm_cpu *guest)
{
	struct crm_cpu c = *guest;

	for (u32 n = 0; n < CRM_CRS; n++) {
		u64 view = crm_read(&guest->cr[n]);

		c.cr[n] = (struct crm_cr){.hw = view, .shadow = view};
		c.limits[n] = (struct crm_limits){0};
		c.intercepts[n] = (struct crm_intercepts){0};
	}
	return c;
}

/* The same view as a guest, with at least these bits owned. Intel: CR4_FIXED1 has `fixed1`, a
 * superset of what the guest may have, and VMXE. */
static inline struct crm_cpu guest_of(const struct crm_cpu *bare, u64 owned0, u64 owned4,
				      u64 fixed1)
{
	const u64 owned[CRM_CRS] = {owned0, owned4};
	struct crm_cpu c = *bare;

	if (c.vendor == CRM_INTEL) {
		c.limits[CRM_CR0] = crm_vmx_limits(CRM_CR0, 0x80000021, 0xffffffff, true);
		c.limits[CRM_CR4] = crm_vmx_limits(CRM_CR4, CR4_VMXE, fixed1 | CR4_VMXE, true);
	}
	for (u32 n = 0; n < CRM_CRS; n++)
		c.cr[n] = crm_make(&c.limits[n], bare->cr[n].hw,
				   owned[n] | crm_minimum(&c, (enum crm_name)n));
	if (c.vendor == CRM_AMD)
		for (u32 n = 0; n < CRM_CRS; n++)
			c.intercepts[n] = crm_svm_intercepts((enum crm_name)n, &c.cr[n]);
	return c;
}

/* The instruction on a bare machine; only the registers' new values count. */
static inline struct crm_result run_native(struct crm_cpu *cpu, const struct crm_insn *i)
{
	struct crm_result r = crm_native(cpu, i);
	bool mov = i->op == CRM_MOV_TO || i->op == CRM_MOV_FROM;

	if (r.verdict != CRM_OK || i->op == CRM_MOV_FROM || i->op == CRM_SMSW)
		return r;
	if (!mov || i->cr == 0)
		cpu->cr[CRM_CR0].hw = r.value;
	else if (i->cr == 4)
		cpu->cr[CRM_CR4].hw = r.value;
	else if (i->cr == 3)
		cpu->cr3 = r.value;
	if (r.effects & CRM_LMA_SET)
		cpu->efer |= EFER_LMA;
	if (r.effects & CRM_LMA_CLEAR)
		cpu->efer &= ~EFER_LMA;
	return r;
}

/* The instruction in a guest, with a hypervisor that does what the model says. */
static inline struct crm_result run_guest(struct crm_cpu *cpu, const struct crm_insn *i,
					  bool *exited)
{
	struct crm_result r = crm_execute(cpu, i);

	*exited = r.verdict == CRM_EXIT;
	if (*exited)
		r = crm_emulate(cpu, i);
	crm_apply(cpu, i, &r);
	if (*exited && cpu->vendor == CRM_AMD)
		for (u32 n = 0; n < CRM_CRS; n++)
			cpu->intercepts[n] = crm_svm_intercepts((enum crm_name)n, &cpu->cr[n]);
	return r;
}

static inline struct crm_insn mov_to(u8 cr, u64 value)
{
	return (struct crm_insn){.op = CRM_MOV_TO, .cr = cr, .value = value};
}

/* A value with each of the 64 bits with chance 1 in 2 to the power of `rare`. */
static inline u64 rnd_bits(u32 rare)
{
	u64 v = ~0ULL;

	while (rare--)
		v &= rnd();
	return v;
}

#define SAY(c)                                                                                \
	(unsigned long long)(c)->cr[CRM_CR0].hw, (unsigned long long)(c)->cr[CRM_CR0].shadow, \
		(unsigned long long)(c)->cr[CRM_CR0].owned,                                   \
		(unsigned long long)(c)->cr[CRM_CR4].hw,                                      \
		(unsigned long long)(c)->cr[CRM_CR4].shadow,                                  \
		(unsigned long long)(c)->cr[CRM_CR4].owned, (unsigned long long)(c)->cr3,     \
		(unsigned long long)(c)->efer, (c)->cs_l, (c)->cpl, (c)->vendor
#define SAYS                                                                                       \
	"CR0 hw %#llx shadow %#llx owned %#llx, CR4 hw %#llx shadow %#llx owned %#llx, CR3 %#llx " \
	"EFER %#llx CS.L %u CPL %u vendor %u"

#endif
