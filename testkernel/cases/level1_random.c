/* SPDX-License-Identifier: MIT */
/*
 * Random cases on one CPU after the other, and on all at once: any mode, access, register, owned
 * bits, shadow, real value. Shows L1 (views), L2 (exits), L4, L5, L6, S31, T2 to T6, G1 to G3, G6,
 * G7, G12 to G14, P1, P4, E1, E1b, F5 in guest mode, on every CPU (S20).
 */
#include "testkernel/cases/level1.h"
#include "testkernel/mb2.h"
#include "testkernel/smp.h"
#include "testkernel/tap.h"
#include "lib/string.h"

#define SEED	 20070504
#define ROUNDS	 4000
#define CHUNK	 100 /* rounds between two looks of CPU 0, so that none seems to hang */
#define KEPT	 4
#define VERDICTS 4

struct tally {
	u64 seed;
	u32 runs, wrong, left_out, spare_reloads, real_errors, early_lmas, exits_first;
	u32 by_verdict[VERDICTS], by_mode[L2_MODES];
	struct l1_case kept[KEPT]; /* the first that were wrong */
	struct l1_result how[KEPT];
};

static struct tally tallies[MAX_CPUS];

static void one_round(struct tally *t)
{
	struct l1_case c;
	struct l1_result r;

	l1_random(&c, &t->seed);
	if (l1_enterable(&c))
		l1_try(&c, &r);
	else
		r = (struct l1_result){.wrong = "a case that cannot be entered"};
	t->runs++;
	t->left_out += r.left_out;
	if (r.left_out)
		return;
	t->by_verdict[r.due.verdict]++;
	t->by_mode[c.mode]++;
	t->spare_reloads += (r.odd & L1_SPARE_RELOAD) != 0;
	t->real_errors += (r.odd & L1_REAL_ERROR) != 0;
	t->early_lmas += (r.odd & L1_EARLY_LMA) != 0;
	t->exits_first += (r.odd & L1_EXIT_FIRST) != 0;
	if (r.wrong && t->wrong++ < KEPT) {
		t->kept[t->wrong - 1] = c;
		t->how[t->wrong - 1] = r;
	}
}

static void chunk(void *unused)
{
	struct tally *t = &tallies[this_cpu()->index];

	(void)unused;
	for (u32 i = 0; i < CHUNK; i++)
		one_round(t);
}

static void report(u32 cpu)
{
	struct tally *t = &tallies[cpu];

	check(t->runs == ROUNDS, "cpu %u: %u rounds", cpu, t->runs);
	check(!t->wrong, "cpu %u: %u of %u rounds are wrong", cpu, t->wrong, t->runs);
	for (u32 i = 0; i < VERDICTS; i++)
		check(t->by_verdict[i] > ROUNDS / 200, "cpu %u: verdict %u came %u times", cpu, i,
		      t->by_verdict[i]);
	for (u32 i = 0; i < L2_MODES; i++)
		check(t->by_mode[i] > ROUNDS / 20, "cpu %u: %s came %u times", cpu, l1_mode_name(i),
		      t->by_mode[i]);
	note("cpu %u: done %u, exits %u, #GP %u, #UD %u", cpu, t->by_verdict[CRM_OK],
	     t->by_verdict[CRM_EXIT], t->by_verdict[CRM_GP], t->by_verdict[CRM_UD]);
	note("cpu %u: left out %u; oddities: PDPTEs loaded without need %u, error code in real mode "
	     "%u, EFER.LMA changed by a write that exits %u, exits before #GP %u",
	     cpu, t->left_out, t->spare_reloads, t->real_errors, t->early_lmas, t->exits_first);
	for (u32 i = 0; i < t->wrong && i < KEPT; i++) {
		note("cpu %u: %s is %lx, due %lx", cpu, t->how[i].wrong, t->how[i].got,
		     t->how[i].want);
		l1_print(&t->kept[i]);
	}
}

static void start(u64 seed)
{
	memset(tallies, 0, sizeof(tallies));
	for (u32 i = 0; i < cpu_count; i++)
		tallies[i].seed = seed + i * 0x10000000ULL;
}

static void report_all(const char *how)
{
	for (u32 i = 0; i < cpu_count; i++)
		report(i);
	tap("%u random accesses per CPU, %s: exits, faults, values, state as the model says",
	    ROUNDS, how);
}

void level1_random(void)
{
	char value[24];
	u64 seed = SEED;

	if (mb2_option("seed", value, sizeof(value)) && !str_to_u64(value, NULL, &seed))
		panic("seed=%s is no number", value);
	note("seed=%lu", seed);
	start(seed);
	for (u32 i = 0; i < cpu_count; i++)
		for (u32 n = 0; n < ROUNDS / CHUNK; n++)
			run_on(i, chunk, NULL);
	report_all("one CPU after the other");
	start(seed ^ 0x5555);
	for (u32 n = 0; n < ROUNDS / CHUNK; n++) {
		for (u32 i = 1; i < cpu_count; i++)
			start_on(i, chunk, NULL);
		chunk(NULL);
		for (u32 i = 1; i < cpu_count; i++)
			finish_on(i);
	}
	report_all("all CPUs at once");
}
