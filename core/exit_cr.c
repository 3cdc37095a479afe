/* SPDX-License-Identifier: MIT */
/* Accesses to CR0 and CR4 that exit: ask the model, then make its answer real. */
#include "core/cr.h"

#include "core/core.h"
#include "core/exit_handlers.h"
#include "core/gmem.h"
#include "x86/cpuid.h"
#include "x86/cr.h"
#include "x86/insn.h"
#include "x86/msr.h"
#include "x86/seg.h"

/* CR4 bits the guest may set: those the CPU has, less those Lamina hides in CPUID. */
static u64 cr4_allowed(void)
{
	return ~backend->cr_limits(CR_4).must0 & ~(CR4_VMXE | CR4_SMXE | CR4_KL);
}

static struct crm_cr get(struct vcpu *v, enum cr_name cr)
{
	if (cr == CR_0)
		return (struct crm_cr){backend->state_get(v, REG_CR0),
				       backend->state_get(v, REG_CR0_SHADOW),
				       backend->state_get(v, REG_CR0_OWNED)};
	return (struct crm_cr){backend->state_get(v, REG_CR4),
			       backend->state_get(v, REG_CR4_SHADOW),
			       backend->state_get(v, REG_CR4_OWNED)};
}

/* As the guest wants it, not as it is: only 64-bit code has 64-bit operands (Intel SDM vol. 2B, MOV
 * CR). */
static u64 operand(struct vcpu *v, const struct exit *x)
{
	u64 value = x->cr.gpr == GPR_RSP ? backend->state_get(v, REG_RSP) : v->gpr[x->cr.gpr];

	return gmem_code_mode(v) == INSN_64 ? value : (u32)value;
}

static struct crm_env environment(struct vcpu *v)
{
	return (struct crm_env){
		.cr0 = guest_cr(v, CR_0),
		.cr3 = backend->state_get(v, REG_CR3),
		.cr4 = guest_cr(v, CR_4),
		.efer = backend->state_get(v, REG_EFER),
		.cr4_allowed = cr4_allowed(),
		.cs_l = gmem_code_mode(v) == INSN_64,
	};
}

/* The PDPTEs the CPU would load; false: it would raise #GP. */
static bool load_pdptes(struct vcpu *v)
{
	u64 cr3 = backend->state_get(v, REG_CR3);
	u64 pdpte[4];

	if (!gmem_read_phys(cr3 & 0xffffffe0, pdpte, sizeof(pdpte)) ||
	    !crm_pdptes_valid(pdpte, machine.phys_bits))
		return false;
	for (u32 i = 0; i < 4; i++)
		backend->state_set(v, REG_PDPTE0 + i, pdpte[i]);
	return true;
}

enum exit_answer exit_cr(struct vcpu *v, const struct exit *x)
{
	enum cr_name name = x->cr.cr == 4 ? CR_4 : CR_0;
	struct crm_cr c = get(v, name);
	struct crm_limits l = backend->cr_limits(name);
	struct crm_env e = environment(v);
	struct crm_outcome o;

	if (x->cr.access == CR_CLTS)
		o = crm_clts(&c, &l, &e);
	else if (x->cr.access == CR_LMSW)
		o = crm_lmsw(&c, &l, &e, x->cr.lmsw);
	else if (name == CR_4)
		o = crm_write_cr4(&c, &l, &e, operand(v, x));
	else
		o = crm_write_cr0(&c, &l, &e, operand(v, x));
	if (o.verdict == CRM_GP || ((o.effects & CRM_PDPTE) && !load_pdptes(v)))
		return inject_gp(v);
	backend->cr_commit(v, name, &o);
	return EXIT_ADVANCE;
}

/*
 * As few bits as possible are owned: those the hardware forces to 1 and the ones Lamina hides. The
 * first shadow is what the guest would have read natively.
 */
void cr_reset(struct vcpu *v, u64 cr0, u64 cr4)
{
	struct crm_limits l0 = backend->cr_limits(CR_0);
	struct crm_limits l4 = backend->cr_limits(CR_4);

	backend->state_set(v, REG_CR0, (cr0 | l0.must1) & ~l0.must0);
	backend->state_set(v, REG_CR0_SHADOW, cr0);
	backend->state_set(v, REG_CR0_OWNED, l0.must1);
	backend->state_set(v, REG_CR4, (cr4 | l4.must1) & ~l4.must0);
	backend->state_set(v, REG_CR4_SHADOW, cr4);
	backend->state_set(v, REG_CR4_OWNED, l4.must1 | ((CR4_SMXE | CR4_KL) & ~l4.must0));
}
