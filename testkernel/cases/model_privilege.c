/* SPDX-License-Identifier: MIT */
/*
 * The model at CPL 3 and in virtual-8086 mode: MOV CR, LMSW and CLTS fault, SMSW does with UMIP,
 * and registers that do not exist are #UD before anything else (Intel SDM vol. 2B, MOV to/from
 * control registers; vol. 2A, LMSW, CLTS; vol. 2B, SMSW). CPL 0 is there to compare.
 */
#include "testkernel/cases/model.h"
#include "testkernel/tap.h"
#include "lib/string.h"
#include "x86/cr.h"

/* CR2 and CR8 are not the model's. */
static const u8 numbers[] = {0, 1, 3, 4, 5, 6, 7};

struct model_job model_job;

static struct crp programs[MAX_CPUS];

static void count(struct crp *p, struct model_tally *t, struct crp_step s)
{
	if (crp_add(p, &s))
		t->done++;
}

static void accesses(void *unused)
{
	struct crp *p = &programs[this_cpu()->index];
	struct model_tally *t = &model_tally[this_cpu()->index];
	struct crm_cpu base;
	struct crp_wrong w;

	(void)unused;
	crp_init(p);
	base = model_base(p, model_job.mode, model_job.filled);
	t->stuck |= !crp_route(p, &base);
	for (u32 i = 0; i < ARRAY_SIZE(numbers); i++) {
		u8 cr = numbers[i];
		u64 value = cr == 3 ? base.cr3 : base.cr[cr == 4].hw;

		count(p, t, (struct crp_step){CRP_READ, cr, model_job.ring, 0, 0});
		count(p, t, (struct crp_step){CRP_WRITE, cr, model_job.ring, 0, value});
	}
	for (u32 i = 0; i < 16; i++)
		count(p, t,
		      (struct crp_step){CRP_LMSW, 0, model_job.ring, 0, base.cr[0].hw ^ i << 1});
	count(p, t, (struct crp_step){CRP_CLTS, 0, model_job.ring, 0, 0});
	count(p, t, (struct crp_step){CRP_SMSW, 0, model_job.ring, 0, 0});
	count(p, t, (struct crp_step){CRP_READ, 0, CRX_KERNEL, 0, 0});
	t->left_out += p->left_out;
	if (!crp_run(p, &w))
		model_wrong(t, p, &w);
}

/* Every access with this register as its operand; the values are good ones. */
static void with_register(struct crp *p, struct model_tally *t, const struct crm_cpu *base, u8 reg)
{
	u64 cr0 = base->cr[CRM_CR0].hw, cr4 = base->cr[CRM_CR4].hw;

	count(p, t, (struct crp_step){CRP_WRITE, 0, CRX_KERNEL, reg, cr0 ^ CR0_NE});
	count(p, t, (struct crp_step){CRP_READ, 0, CRX_KERNEL, reg, 0});
	count(p, t, (struct crp_step){CRP_SMSW, 0, CRX_KERNEL, reg, 0});
	count(p, t, (struct crp_step){CRP_LMSW, 0, CRX_KERNEL, reg, cr0 ^ CR0_TS});
	count(p, t, (struct crp_step){CRP_READ, 0, CRX_KERNEL, 0, 0});
	count(p, t, (struct crp_step){CRP_WRITE, 4, CRX_KERNEL, reg, cr4 ^ CR4_DE});
	count(p, t, (struct crp_step){CRP_READ, 4, CRX_KERNEL, reg, 0});
	count(p, t, (struct crp_step){CRP_WRITE, 3, CRX_KERNEL, reg, base->cr3});
	count(p, t, (struct crp_step){CRP_READ, 3, CRX_KERNEL, reg, 0});
}

static void operands(void *unused)
{
	struct crp *p = &programs[this_cpu()->index];
	struct model_tally *t = &model_tally[this_cpu()->index];
	struct crm_cpu base;
	struct crp_wrong w;

	(void)unused;
	crp_init(p);
	base = model_base(p, model_job.mode, model_job.filled);
	for (u8 reg = 0; reg < (base.cs_l ? 16 : 8); reg++) {
		crp_start(p);
		t->stuck |= !crp_route(p, &base);
		with_register(p, t, &base, reg);
		t->left_out += p->left_out;
		if (!crp_run(p, &w))
			model_wrong(t, p, &w);
	}
}

u32 model_in_modes(u8 ring, work_fn fn, const char *name)
{
	memset(model_tally, 0, sizeof(model_tally));
	for (u32 i = 0; i < MODEL_MODES; i++) {
		const struct model_mode *m = &model_modes[i];

		if (ring != CRX_KERNEL && !(m->cr0 & CR0_PE))
			continue;
		if (ring == CRX_V86 && (m->cr0 & CR0_PG) && m->efer)
			continue;
		for (u32 filled = 0; filled < 2; filled++) {
			model_job = (struct model_job){m, ring, filled};
			model_on_all(fn);
		}
	}
	return model_report(name);
}

static void in_ring(u8 ring, const char *name)
{
	u32 n = model_in_modes(ring, accesses, name);

	tap("%s: %u accesses in all modes agree with the model", name, n);
}

void model_privileges(void)
{
	u32 n = model_in_modes(CRX_KERNEL, operands, "operands");

	tap("%u accesses with all registers as operand, in all modes, agree with the model", n);
	in_ring(CRX_KERNEL, "CPL 0");
	in_ring(CRX_CPL3, "CPL 3");
	in_ring(CRX_V86, "virtual-8086 mode");
}
