/* SPDX-License-Identifier: MIT */
/* Programs of the storm: made up at random, or given, and cut down to what makes them fail. */
#include "testkernel/cases/model.h"
#include "testkernel/cases/storm.h"
#include "x86/cr.h"
#include "x86/msr.h"

#define TRIES	    8 /* for a step, before the program is let be shorter */
#define SHRINK_RUNS 400
#define CR0_FREE    (CR0_MP | CR0_EM | CR0_TS | CR0_NE | CR0_WP | CR0_AM | CR0_CD | CR0_NW)

static u32 below(struct storm_cpu *c, u32 n)
{
	return (u32)(storm_random(&c->random) >> 33) % n;
}

u64 storm_random(u64 *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dULL;
}

static u64 any_cr0(struct storm_cpu *c)
{
	u64 now = c->p.cpu.cr[CRM_CR0].hw;

	switch (below(c, 8)) {
	case 0:
	case 1: return now ^ CR0_PG;
	case 2: return now & CR0_PG ? now & ~CR0_PG : now ^ CR0_PE;
	case 3: return now ^ BIT(below(c, 32)) ^ BIT(below(c, 32));
	case 4: return (now & ~CR0_FREE) | (storm_random(&c->random) & CR0_FREE);
	case 5: return now ^ BIT(below(c, 64));
	case 6: return storm_random(&c->random) & (CR0_FREE | CR0_PG | CR0_PE);
	default: return now ^ (storm_random(&c->random) & CR0_FREE);
	}
}

static u64 any_cr4(struct storm_cpu *c)
{
	u64 now = c->p.cpu.cr[CRM_CR4].hw, allowed = c->p.cpu.cr4_allowed;

	switch (below(c, 6)) {
	case 0: return now ^ CR4_PAE;
	case 1: return now ^ BIT(below(c, 64));
	case 2: return now ^ BIT(below(c, 32)) ^ BIT(below(c, 32));
	case 3: return storm_random(&c->random) & allowed;
	case 4: return CR4_PAE | (storm_random(&c->random) & allowed);
	default: return now ^ (storm_random(&c->random) & storm_random(&c->random) & allowed);
	}
}

static u64 any_cr3(struct storm_cpu *c)
{
	u64 tables = crx_tables() + (below(c, 2) ? CRX_PDPT : 0);

	switch (below(c, 8)) {
	case 0: return tables | 0x18; /* PCD PWT */
	case 1: return tables | below(c, 32);
	case 2: return tables | BIT(63);
	case 3: return tables | BIT(c->p.cpu.phys_bits + below(c, 2));
	case 4: return (u32)storm_random(&c->random);
	default: return tables;
	}
}

static u64 any_efer(struct storm_cpu *c)
{
	static const u64 bits[] = {EFER_LME, EFER_LME, EFER_NXE, EFER_SCE, BIT(1)};

	return c->p.cpu.efer ^ bits[below(c, ARRAY_SIZE(bits))];
}

/* MOV from or to a register; now and then to one that does not exist. */
static void any_mov(struct storm_cpu *c, struct crp_step *s)
{
	static const u8 numbers[] = {0, 0, 0, 0, 0, 4, 4, 4, 4, 4, 3, 3, 3, 1, 5, 15};

	s->cr = numbers[below(c, ARRAY_SIZE(numbers))];
	if (s->kind == CRP_WRITE)
		s->value = s->cr == 3 ? any_cr3(c) : s->cr == 4 ? any_cr4(c) : any_cr0(c);
}

static void any_step(struct storm_cpu *c, struct crp_step *s)
{
	static const u8 kinds[] = {CRP_READ,	  CRP_READ,	  CRP_WRITE, CRP_WRITE, CRP_WRITE,
				   CRP_WRITE,	  CRP_WRITE,	  CRP_SMSW,  CRP_LMSW,	CRP_CLTS,
				   CRP_READ_EFER, CRP_WRITE_EFER, CRP_CODE};

	*s = (struct crp_step){.kind = kinds[below(c, ARRAY_SIZE(kinds))]};
	switch (s->kind) {
	case CRP_READ:
	case CRP_WRITE: any_mov(c, s); break;
	case CRP_LMSW: s->value = below(c, 0x10000); break;
	case CRP_WRITE_EFER: s->value = any_efer(c); break;
	case CRP_CODE: s->value = below(c, 2) ? CRP_TO32 : CRP_TO64; break;
	default: break;
	}
	if (s->kind <= CRP_CLTS && !below(c, 8))
		s->ring = below(c, 2) ? CRX_CPL3 : CRX_V86;
	else if (s->kind <= CRP_LMSW)
		s->reg = (u8)below(c, crp_code(&c->p.cpu) == CRX_CODE64 ? 16 : 8);
}

static bool start(struct storm_cpu *c)
{
	u8 n = c->program.start;
	struct crm_cpu base;

	crp_start(&c->p);
	base = model_base(&c->p, &model_modes[n % STORM_FILLED], n & STORM_FILLED);
	return crp_route(&c->p, &base);
}

/* And end with a look at everything. */
static void look(struct crp *p)
{
	crp_add(p, &(struct crp_step){.kind = CRP_READ, .cr = 0});
	crp_add(p, &(struct crp_step){.kind = CRP_READ, .cr = 3});
	crp_add(p, &(struct crp_step){.kind = CRP_READ, .cr = 4});
	crp_add(p, &(struct crp_step){.kind = CRP_SMSW});
	crp_add(p, &(struct crp_step){.kind = CRP_READ_EFER});
}

bool storm_make(struct storm_cpu *c)
{
	struct storm_program *g = &c->program;
	u32 n = 1 + below(c, STORM_STEPS);

	g->start = (u8)(below(c, MODEL_MODES) | (below(c, 2) ? STORM_FILLED : 0));
	g->n = 0;
	if (!start(c))
		return false;
	for (; g->n < n; g->n++) {
		u32 tries = TRIES;

		do
			any_step(c, &g->steps[g->n]);
		while (!crp_add(&c->p, &g->steps[g->n]) && --tries);
		if (!tries)
			break;
	}
	look(&c->p);
	return true;
}

bool storm_build(struct storm_cpu *c)
{
	if (!start(c))
		return false;
	c->first = c->p.n;
	for (u32 i = 0; i < c->program.n; i++)
		if (!crp_add(&c->p, &c->program.steps[i]))
			return false;
	look(&c->p);
	return true;
}

bool storm_run(struct storm_cpu *c)
{
	return crp_run(&c->p, &c->wrong);
}

/* Keeps the change of c->program if it still fails; else takes it back. */
static bool still_fails(struct storm_cpu *c, const struct storm_program *before)
{
	struct crp_wrong was = c->wrong;

	if (storm_build(c) && !storm_run(c))
		return true;
	c->program = *before;
	c->wrong = was;
	return false;
}

static bool drop(struct storm_cpu *c, u32 step)
{
	struct storm_program before = c->program;

	c->program.n--;
	for (u32 i = step; i < c->program.n; i++)
		c->program.steps[i] = c->program.steps[i + 1];
	return still_fails(c, &before);
}

/* CPL 0, EAX, and of a value each bit by itself as it was before. */
static bool simplify(struct storm_cpu *c, u32 step, u32 way)
{
	struct storm_program before = c->program;
	struct crp_step *s = &c->program.steps[step];
	u64 from = s->kind == CRP_LMSW ? 0 : c->p.steps[c->first + step].from;

	if (way == 64)
		s->reg = 0;
	else if (way == 65)
		s->ring = CRX_KERNEL;
	else if (s->kind == CRP_WRITE || s->kind == CRP_LMSW || s->kind == CRP_WRITE_EFER)
		s->value ^= (s->value ^ from) & BIT(way);
	if (s->reg == before.steps[step].reg && s->ring == before.steps[step].ring &&
	    s->value == before.steps[step].value)
		return false;
	return still_fails(c, &before);
}

/* Another start, the first one that does. */
static void begin_at(struct storm_cpu *c, u8 n)
{
	struct storm_program before = c->program;

	if (n >= c->program.start)
		return;
	c->program.start = n;
	still_fails(c, &before);
}

bool storm_shrink(struct storm_cpu *c)
{
	bool again = true;
	u32 runs = 0;

	if (!storm_build(c) || storm_run(c))
		return false;
	for (u8 i = 0; i < 2 * STORM_FILLED; i++)
		if (i % STORM_FILLED < MODEL_MODES)
			begin_at(c, i);
	while (again && runs < SHRINK_RUNS) {
		again = false;
		for (u32 i = c->program.n; i-- > 0; runs++)
			again |= drop(c, i);
		for (u32 i = 0; i < c->program.n; i++)
			for (u32 way = 0; way < 66 && storm_build(c); way++, runs++)
				again |= simplify(c, i, way);
	}
	return storm_build(c) && !storm_run(c);
}
