/* SPDX-License-Identifier: MIT */
#include "crmodel/crm.h"

#include "x86/cr.h"
#include "x86/msr.h"
#include "x86/paging.h"

/* CR0 bits that exist; writes to the others below bit 32 are ignored (Intel SDM vol. 3A, 2.5). */
#define CR0_DEFINED                                                                                \
	(CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | \
	 CR0_PG)

/* The bits LMSW can load (Intel SDM vol. 2A, LMSW). */
#define LMSW_BITS (CR0_PE | CR0_MP | CR0_EM | CR0_TS)

u64 crm_read(const struct crm_cr *c)
{
	return (c->hw & ~c->owned) | (c->shadow & c->owned);
}

bool crm_write_exits(const struct crm_cr *c, u64 value)
{
	return ((value ^ c->shadow) & c->owned) != 0;
}

bool crm_pdptes_valid(const u64 pdpte[4], u32 phys_bits)
{
	u64 reserved = PDPTE_RESERVED | ~(BIT(phys_bits) - 1);

	for (int i = 0; i < 4; i++)
		if ((pdpte[i] & PTE_P) && (pdpte[i] & reserved))
			return false;
	return true;
}

static struct crm_outcome refused(const struct crm_cr *c)
{
	return (struct crm_outcome){.verdict = CRM_GP, .next = *c};
}

/* The guest reads back `value`; the real register also meets the hardware's demands. */
static struct crm_outcome accepted(const struct crm_cr *c, const struct crm_limits *l, u64 value,
				   u64 effects)
{
	return (struct crm_outcome){
		.effects = effects,
		.next = {.hw = (value | l->must1) & ~l->must0, .shadow = value, .owned = c->owned},
	};
}

static bool cr0_valid(const struct crm_env *e, u64 old, u64 new)
{
	u64 set = new & ~old;
	u64 cleared = old & ~new;

	if (new >> 32)
		return false;
	if ((new &CR0_PG) && !(new &CR0_PE))
		return false;
	if ((new &CR0_NW) && !(new &CR0_CD))
		return false;
	/* entering IA-32e mode needs PAE, and a CS that is not yet 64-bit */
	if ((set & CR0_PG) && (e->efer & EFER_LME) && (!(e->cr4 & CR4_PAE) || e->cs_l))
		return false;
	if ((cleared & CR0_PG) && (e->cs_l || (e->cr4 & CR4_PCIDE)))
		return false;
	if ((cleared & CR0_WP) && (e->cr4 & CR4_CET))
		return false;
	return true;
}

/* PAE paging, the kind with four PDPTEs, is on with these values. */
static bool pae_paging(u64 cr0, u64 cr4, u64 efer)
{
	return (cr0 & CR0_PG) && (cr4 & CR4_PAE) && !(efer & EFER_LME);
}

static u64 cr0_effects(const struct crm_env *e, u64 old, u64 new)
{
	u64 changed = old ^ new;
	u64 effects = 0;

	if (changed & CR0_PG) {
		effects |= CRM_TLB_ALL;
		if (e->efer & EFER_LME)
			effects |= new &CR0_PG ? CRM_LMA_SET : CRM_LMA_CLEAR;
	}
	if ((changed & (CR0_PG | CR0_CD | CR0_NW)) && pae_paging(new, e->cr4, e->efer))
		effects |= CRM_PDPTE;
	return effects;
}

struct crm_outcome crm_write_cr0(const struct crm_cr *c, const struct crm_limits *l,
				 const struct crm_env *e, u64 value)
{
	u64 old = crm_read(c);
	u64 new;

	if (!cr0_valid(e, old, value))
		return refused(c);
	new = (value & CR0_DEFINED) | CR0_ET;
	return accepted(c, l, new, cr0_effects(e, old, new));
}

struct crm_outcome crm_lmsw(const struct crm_cr *c, const struct crm_limits *l,
			    const struct crm_env *e, u16 source)
{
	u64 old = crm_read(c);
	u64 new = (old & ~LMSW_BITS) | (source & LMSW_BITS) | (old & CR0_PE);

	return crm_write_cr0(c, l, e, new);
}

struct crm_outcome crm_clts(const struct crm_cr *c, const struct crm_limits *l,
			    const struct crm_env *e)
{
	return crm_write_cr0(c, l, e, crm_read(c) & ~CR0_TS);
}

static bool cr4_valid(const struct crm_env *e, u64 old, u64 new)
{
	u64 set = new & ~old;
	bool lma = e->efer & EFER_LMA;

	if (new & ~e->cr4_allowed)
		return false;
	if (lma && ((old ^ new) & CR4_LA57))
		return false;
	if (lma && !(new &CR4_PAE))
		return false;
	if ((set & CR4_PCIDE) && (!lma || (e->cr3 & 0xfff)))
		return false;
	if ((set & CR4_CET) && !(e->cr0 & CR0_WP))
		return false;
	return true;
}

static u64 cr4_effects(const struct crm_env *e, u64 old, u64 new)
{
	u64 changed = old ^ new;
	u64 effects = 0;

	if ((changed & CR4_PGE) || (old & ~new &CR4_PCIDE))
		effects |= CRM_TLB_ALL;
	if ((changed & (CR4_PAE | CR4_PSE)) || (new & ~old &CR4_SMEP))
		effects |= CRM_TLB_PCID;
	if ((changed & (CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP)) &&
	    pae_paging(e->cr0, new, e->efer))
		effects |= CRM_PDPTE;
	return effects;
}

struct crm_outcome crm_write_cr4(const struct crm_cr *c, const struct crm_limits *l,
				 const struct crm_env *e, u64 value)
{
	u64 old = crm_read(c);

	if (!cr4_valid(e, old, value))
		return refused(c);
	return accepted(c, l, value, cr4_effects(e, old, value));
}
