/* SPDX-License-Identifier: MIT */
/*
 * What 32-bit Windows XP does on every CPU to set CR4.PSE (xp_page.S), thousands of times, with
 * each read of CR0 and CR4 compared with what is due. Under Lamina with several choices of the bits
 * of CR0 and CR4 it owns, set by hypercall; bare, the same cases run without the call. `xp=min` on
 * the command line leaves out all but the first choice.
 */
#include "testkernel/exec.h"
#include "testkernel/groups.h"
#include "testkernel/lamina.h"
#include "testkernel/mb2.h"
#include "testkernel/smp.h"
#include "testkernel/tap.h"
#include "testkernel/cases/xp.h"
#include "x86/cr.h"
#include "lib/string.h"

#define STATS_CR 1u /* HC_STATS: exits for accesses to CR0 and CR4 (exit_kinds.def) */

struct own { /* bits to own, besides those that must be */
	const char *name;
	u64 bits;
};

static const struct own own_cr0[] = {{"min", 0}, {"pg", CR0_PG}, {"all", ~0ULL}};
static const struct own own_cr4[] = {{"min", 0}, {"all", ~0ULL}};

struct choice {
	const struct own *cr0, *cr4;
	enum xp_paging paging;
	u32 rounds; /* of the latest run */
};

static u64 start_owned[MAX_CPUS][2]; /* CR0, CR4 */
static u64 start_exits[MAX_CPUS];    /* for accesses to control registers */

static u64 owned(enum hc_cr item)
{
	u64 v = 0;

	check(lamina_cr(item, &v), "HC_CR: no item %u", (u32)item);
	return v;
}

static void own(u32 cr, u64 bits)
{
	check(lamina_own(cr, bits), "HC_CR_OWN: CR%u, %lx is refused", cr, bits);
}

static void save(void *unused)
{
	u64 *start = start_owned[this_cpu()->index];

	(void)unused;
	start[0] = owned(HC_CR0_OWNED);
	start[1] = owned(HC_CR4_OWNED);
}

static void restore(void *unused)
{
	const u64 *start = start_owned[this_cpu()->index];

	(void)unused;
	own(0, start[0]);
	own(4, start[1]);
}

static u64 cr_exits(void)
{
	u64 v = 0;

	check(lamina_stats(lamina_probe().cpu, STATS_CR, &v), "HC_STATS: no such counter");
	return v;
}

static void choose(void *choice)
{
	const struct choice *c = choice;

	own(0, c->cr0->bits);
	own(4, c->cr4->bits);
	start_exits[this_cpu()->index] = cr_exits();
}

/*
 * The exits of a run, no more and no less. A MOV to CR0 or CR4 exits if it changes an owned bit:
 * in each round the two that change PG, and the two that change PSE but for the first, which finds
 * it clear; on the way there and back those that change PG, and those that change this kernel's
 * CR4.
 */
static void check_exits(void *choice)
{
	const struct choice *c = choice;
	u64 cr4_there = c->paging == XP_PAE ? CR4_PAE : 0;
	u64 *start = &start_exits[this_cpu()->index], n = cr_exits() - *start, due = 0;

	if (c->cr0->bits)
		due += 2 * c->rounds + 4;
	if (c->cr4->bits)
		due += 2 * c->rounds - 1 + (read_cr4() != cr4_there) + 1;
	/* AMD-V has no masks: with any bit owned every write exits, with none no write does */
	if (lamina_amd())
		due = !owned(HC_CR0_OWNED) && !owned(HC_CR4_OWNED) ? 0 : n < due ? due : n;
	check(n == due, "%u rounds: %lu exits for CR0 and CR4, due %lu", c->rounds, n, due);
	*start += n;
}

/* What was chosen is owned, also by a CPU that started anew since. */
static void check_choice(void *choice)
{
	const struct choice *c = choice;
	u64 cr0 = owned(HC_CR0_OWNED), cr4 = owned(HC_CR4_OWNED);

	check((cr0 & c->cr0->bits) == c->cr0->bits && (cr4 & c->cr4->bits) == c->cr4->bits,
	      "%lx of CR0 and %lx of CR4 are owned", cr0, cr4);
}

static void on_each_with_lamina(work_fn fn, void *arg)
{
	if (lamina_here())
		on_each_cpu(fn, arg);
}

static void cases(const struct own *cr0, const struct own *cr4, enum xp_paging paging)
{
	static const char *const names[XP_PAGINGS] = {"32-bit paging", "PAE paging"};
	static const char due[] = "CR4 reads back what was written";
	bool exits = cr0->bits || cr4->bits;
	struct choice c = {cr0, cr4, paging, exits ? 48 : 300};
	const char *name = names[paging];

	on_each_with_lamina(choose, &c);
	xp_one_by_one(paging, c.rounds);
	on_each_with_lamina(check_exits, &c);
	on_each_with_lamina(check_choice, &c);
	tap("cr0 owned %s, cr4 owned %s, %s, each CPU alone: %s", cr0->name, cr4->name, name, due);
	c.rounds = exits ? 400 : 2400;
	xp_all_at_once(paging, c.rounds);
	on_each_with_lamina(check_exits, &c);
	on_each_with_lamina(check_choice, &c);
	tap("cr0 owned %s, cr4 owned %s, %s, all CPUs: %s", cr0->name, cr4->name, name, due);
	for (u32 from = 0; from < cpu_count && cpu_count > 1; from += cpu_count - 1) {
		xp_under_fire(from, paging, exits ? 100 : 1000, (exits ? 60 : 200) / cpu_count);
		on_each_with_lamina(check_choice, &c);
	}
	tap("cr0 owned %s, cr4 owned %s, %s, under IPIs, NMIs, INIT and SIPI: %s", cr0->name,
	    cr4->name, name, due);
}

static u64 unexpected(void)
{
	u64 v = 0;

	if (lamina_here())
		check(lamina_info(HC_INFO_CR_UNEXPECTED, &v), "unexpected exits are not counted");
	return v;
}

void group_xp(void)
{
	char only[8] = "";
	bool min = mb2_option("xp", only, sizeof(only)) && !strcmp(only, "min");
	const char *missing = xp_build();
	u64 before = unexpected();

	check(!missing, "missing: %s", missing);
	on_each_with_lamina(save, NULL);
	tap("the code, tables and descriptors are in place");
	if (missing)
		return;
	for (size_t i = 0; i < (min ? 1 : ARRAY_SIZE(own_cr0)); i++)
		for (size_t k = 0; k < (min ? 1 : ARRAY_SIZE(own_cr4)); k++)
			for (u32 p = 0; p < XP_PAGINGS; p++)
				cases(&own_cr0[i], &own_cr4[k], (enum xp_paging)p);
	xp_sums();
	tap("single-stepped, every instruction traps once");
	on_each_with_lamina(restore, NULL);
	check(unexpected() == before, "%lu unexpected exits", unexpected() - before);
	probe_all();
	tap("after all this every CPU is where it was");
}
