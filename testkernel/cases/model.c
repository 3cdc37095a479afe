/* SPDX-License-Identifier: MIT */
/*
 * The CPU against the model (crmodel/crm.h), on all CPUs at once: every change of one bit and of
 * two bits of CR0 and CR4, from every mode, with the other bits clear and with all of them set.
 */
#include "testkernel/cases/model.h"
#include "testkernel/groups.h"
#include "testkernel/smp.h"
#include "testkernel/tap.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "x86/cr.h"
#include "x86/msr.h"

#define CR0_OTHERS (CR0_MP | CR0_EM | CR0_TS | CR0_NE | CR0_WP | CR0_AM | CR0_CD)
#define ROOM	   24 /* steps that one change may take, with the way back */

const struct model_mode model_modes[MODEL_MODES] = {
	{"real mode", 0, 0, 0, false, 32},
	{"protected mode", CR0_PE, 0, 0, false, 32},
	{"protected mode with LME", CR0_PE, CR4_PAE, EFER_LME, false, 32},
	{"32-bit paging", CR0_PG | CR0_PE, 0, 0, false, 32},
	{"PAE paging", CR0_PG | CR0_PE, CR4_PAE, 0, false, 32},
	{"compatibility mode", CR0_PG | CR0_PE, CR4_PAE, EFER_LME, false, 32},
	{"64-bit mode", CR0_PG | CR0_PE, CR4_PAE, EFER_LME, true, 64},
};

/* What a CPU is to do, and what came of it. */
static struct job {
	const struct model_mode *mode;
	u8 cr;
	bool filled; /* the other bits are set */
} job;

static struct crp programs[MAX_CPUS];
struct model_tally model_tally[MAX_CPUS];

/* The state to start from. Without long mode CR3 serves PAE and 32-bit paging alike. */
struct crm_cpu model_base(const struct crp *p, const struct model_mode *m, bool filled)
{
	struct crm_cpu c = p->cpu;
	u64 others = c.cr4_allowed & ~(CR4_PAE | CR4_LASS | CR4_FRED);

	if (!(m->efer & EFER_LME) || !(m->cr0 & CR0_PG))
		others &= ~CR4_PCIDE;
	c.cr[CRM_CR0].hw = m->cr0 | CR0_ET | (filled ? CR0_OTHERS : 0);
	c.cr[CRM_CR4].hw = m->cr4 | (filled ? others : 0);
	c.cr3 = crx_tables() + (m->efer & EFER_LME ? 0 : CRX_PDPT);
	c.efer = m->efer;
	c.cs_l = m->cs_l;
	return c;
}

/* Notes down the first results that were not foreseen. */
void model_wrong(struct model_tally *t, const struct crp *p, const struct crp_wrong *w)
{
	const struct crp_foreseen *f = &p->steps[w->at];
	char before[40] = "start", at[40];

	if (t->wrong++ >= MODEL_NOTES)
		return;
	if (w->at)
		crp_word(&p->steps[w->at - 1].step, before, sizeof(before));
	crp_word(&f->step, at, sizeof(at));
	fmt(t->text[t->wrong - 1], sizeof(t->text[0]),
	    "from %lx, %s, %s: due vector %u, %lx, got vector %u, %lx", f->from, before, at,
	    f->vector, f->value, w->vector, w->value);
}

/* Runs what there is, and starts anew. False: the start itself failed. */
static bool run(struct crp *p, struct model_tally *t, const struct crm_cpu *base)
{
	struct crp_wrong w;

	if (p->n && !crp_run(p, &w))
		model_wrong(t, p, &w);
	t->left_out += p->left_out;
	crp_start(p);
	return crp_route(p, base);
}

static void add_read(struct crp *p, u8 kind, u8 cr)
{
	crp_add(p, &(struct crp_step){.kind = kind, .cr = cr});
}

/* One change, reads of what it may concern, and the way back. */
static bool change(struct crp *p, struct model_tally *t, const struct crm_cpu *base, u8 cr,
		   u64 bits)
{
	u64 old = base->cr[cr == 4].hw;
	struct crp_step there = {.kind = CRP_WRITE, .cr = cr, .value = old ^ bits};
	struct crp_step back = {.kind = CRP_WRITE, .cr = cr, .value = old};

	if (!crp_add(p, &there))
		return true;
	t->done++;
	add_read(p, CRP_READ, cr);
	if (p->steps[p->n - 2].vector)
		return true;
	if (cr == 0) {
		add_read(p, CRP_SMSW, 0);
		add_read(p, CRP_READ_EFER, 0);
	}
	if (!p->cpu.cs_l == !base->cs_l)
		crp_add(p, &back);
	return crp_route(p, base);
}

static void changes(void *unused)
{
	struct crp *p = &programs[this_cpu()->index];
	struct model_tally *t = &model_tally[this_cpu()->index];
	struct crm_cpu base;
	bool alive;

	(void)unused;
	crp_init(p);
	base = model_base(p, job.mode, job.filled);
	alive = run(p, t, &base);
	for (u32 i = 0; i < job.mode->bits && alive; i++) {
		for (u32 k = 0; k <= i && alive; k++) {
			if (p->n + ROOM > ARRAY_SIZE(p->steps))
				alive = run(p, t, &base);
			alive = alive && change(p, t, &base, job.cr, BIT(i) | (k < i ? BIT(k) : 0));
		}
	}
	alive = alive && run(p, t, &base);
	t->stuck |= !alive;
}

u32 model_report(const char *what)
{
	u32 done = model_tally[0].done;

	for (u32 i = 0; i < cpu_count; i++) {
		struct model_tally *t = &model_tally[i];

		for (u32 k = 0; k < t->wrong && k < MODEL_NOTES; k++)
			note("%s, cpu %u: %s", what, i, t->text[k]);
		check(!t->wrong && !t->stuck && t->done == done && done,
		      "%s, cpu %u: %u disagreements in %u, stuck %u", what, i, t->wrong, t->done,
		      t->stuck);
	}
	if (model_tally[0].left_out)
		note("%s: %u left out", what, model_tally[0].left_out);
	return done;
}

void model_on_all(work_fn fn)
{
	for (u32 i = 1; i < cpu_count; i++)
		start_on(i, fn, NULL);
	fn(NULL);
	for (u32 i = 1; i < cpu_count; i++)
		finish_on(i);
}

static void register_changes(const struct model_mode *m, u8 cr)
{
	char what[64];
	u32 n;

	fmt(what, sizeof(what), "cr%u: %s", cr, m->name);
	memset(model_tally, 0, sizeof(model_tally));
	for (u32 filled = 0; filled < 2; filled++) {
		job = (struct job){m, cr, filled};
		model_on_all(changes);
	}
	n = model_report(what);
	tap("%s: %u single and double bit changes agree with the model", what, n);
}

void group_model(void)
{
	crx_init();
	for (u32 i = 0; i < MODEL_MODES; i++) {
		register_changes(&model_modes[i], 0);
		register_changes(&model_modes[i], 4);
	}
	model_privileges();
}
