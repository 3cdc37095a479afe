/* SPDX-License-Identifier: MIT */
/*
 * Random programs of CR0, CR3, CR4 and EFER accesses through all modes on all CPUs at once, each
 * step foreseen by the model, with various masks under Lamina. On the command line: seed=N       of
 * all random numbers; a run prints it rounds=N     programs per CPU and case program=...  this one
 * program instead, as a failing run prints it own0=N own4=N  with it: the bits that Lamina is to
 * own (hexadecimal after 0x)
 */
#include "testkernel/cases/model.h"
#include "testkernel/cases/storm.h"
#include "testkernel/console.h"
#include "testkernel/groups.h"
#include "testkernel/lamina.h"
#include "testkernel/mb2.h"
#include "testkernel/smp.h"
#include "testkernel/tap.h"
#include "lib/string.h"

#define SEED   0x1a317a
#define ROUNDS 150

enum masks { MASKS_MIN, MASKS_ALL, MASKS_RANDOM, MASKS_GIVEN };

static const char *const mask_names[] = {"the least", "all", "random"};

static struct {
	enum masks masks;
	bool same, given;   /* the same program on all CPUs; the one on the command line */
	u32 rounds, number; /* of programs; of the case */
	u64 seed;
	u64 own[2]; /* MASKS_GIVEN: of CR0, CR4 */
	bool lamina;
} job;

struct storm_cpu storm_cpus[MAX_CPUS];
static struct storm_program given_program;
static u64 owned[MAX_CPUS][2]; /* now, CR0 and CR4; what is forced is not in it */

static u64 option(const char *key, u64 otherwise)
{
	char text[24];
	u64 v;

	if (!mb2_option(key, text, sizeof(text)))
		return otherwise;
	if (!str_to_u64(text, NULL, &v))
		panic("%s=%s is no number", key, text);
	return v;
}

static u64 generator(u32 n)
{
	return (job.seed + job.number * 2 * MAX_CPUS + n) * 0x9e3779b97f4a7c15ULL | 1;
}

/* Bare, the same without the call. */
static void own(u64 cr0, u64 cr4)
{
	u64 *o = owned[this_cpu()->index];

	o[0] = cr0;
	o[1] = cr4;
	if (job.lamina && (!lamina_own(0, cr0) || !lamina_own(4, cr4)))
		storm_cpus[this_cpu()->index].failed = true;
}

/* Masks come from a generator of their own: programs do not depend on them. */
static void new_masks(u64 *random)
{
	u64 a = storm_random(random), b = storm_random(random);

	switch (job.masks) {
	case MASKS_MIN: own(0, 0); break;
	case MASKS_ALL: own(~0ULL, ~0ULL); break;
	case MASKS_RANDOM: own(a, b); break;
	case MASKS_GIVEN: own(job.own[0], job.own[1]); break;
	}
}

/* No CPU begins a round before all are there. */
static bool meet(u32 round)
{
	storm_cpus[this_cpu()->index].round = round;
	for (u32 i = 0; i < cpu_count; i++)
		if (!wait_for(storm_cpus[i].round >= round))
			return false;
	return true;
}

static void tally(struct storm_cpu *c)
{
	for (u32 i = 0; i < c->p.n; i++) {
		c->steps[c->p.steps[i].mode]++;
		c->faults += c->p.steps[i].vector != 0;
	}
}

static void rage(void *unused)
{
	u32 self = this_cpu()->index;
	struct storm_cpu *c = &storm_cpus[self];
	u64 random = generator(MAX_CPUS + self);
	bool alive = true;

	(void)unused;
	crp_init(&c->p);
	c->random = generator(job.same ? 0 : self);
	for (u32 r = 1; r <= job.rounds && alive; r++) {
		alive = meet(r);
		if (c->failed) /* its program is kept, and its masks */
			continue;
		new_masks(&random);
		if (!(job.given ? storm_build(c) : storm_make(c)))
			panic("a program cannot go on after step %u", c->p.n);
		c->failed |= !storm_run(c);
		c->programs++;
		tally(c);
	}
	c->failed |= !alive;
}

static void shrink(void *result)
{
	*(bool *)result = storm_shrink(&storm_cpus[this_cpu()->index]);
}

/* The failing program as one line that can be run again. */
static void show(u32 cpu)
{
	struct storm_cpu *c = &storm_cpus[cpu];
	const struct crp_foreseen *f;
	bool alone = false;
	char word[40];

	if (c->programs)
		run_on(cpu, shrink, &alone);
	f = &c->p.steps[c->wrong.at];
	crp_word(&f->step, word, sizeof(word));
	note("cpu %u%s: step %u, %s in %s, from %lx: due vector %u, %lx, got vector %u, %lx", cpu,
	     alone ? "" : " (not when alone)", c->wrong.at, word, crp_mode_names[f->mode], f->from,
	     f->vector, f->value, c->wrong.vector, c->wrong.value);
	print("# again: only=storm own0=0x%lx own4=0x%lx start=%u program=", owned[cpu][0],
	      owned[cpu][1], c->program.start);
	for (u32 i = 0; i < c->program.n; i++) {
		crp_word(&c->program.steps[i], word, sizeof(word));
		print("%s%s", i ? "," : "", word);
	}
	print("\n");
}

static void note_steps(void)
{
	u32 steps[CRP_MODES] = {0}, faults = 0;

	for (u32 i = 0; i < cpu_count; i++) {
		faults += storm_cpus[i].faults;
		for (u32 m = 0; m < CRP_MODES; m++)
			steps[m] += storm_cpus[i].steps[m];
	}
	for (u32 m = 0; m < CRP_MODES; m++)
		note("%u steps in %s", steps[m], crp_mode_names[m]);
	note("%u of them fault", faults);
}

static void run_case(void)
{
	job.number++;
	memset(storm_cpus, 0, sizeof(storm_cpus));
	if (job.given)
		for (u32 i = 0; i < cpu_count; i++)
			storm_cpus[i].program = given_program;
	for (u32 i = 1; i < cpu_count; i++)
		start_on(i, rage, NULL);
	rage(NULL);
	for (u32 i = 1; i < cpu_count; i++)
		finish_on(i);
	for (u32 i = 0; i < cpu_count; i++) {
		const struct storm_cpu *c = &storm_cpus[i];

		check(!c->failed && c->programs == job.rounds, "after %u programs on cpu %u",
		      c->programs, i);
		if (c->failed)
			show(i);
	}
	note_steps();
}

static void none(void *unused)
{
	(void)unused;
	own(0, 0);
}

static void given(const char *text)
{
	struct storm_cpu *c = &storm_cpus[0];

	job.given = true;
	job.masks = MASKS_GIVEN;
	job.own[0] = option("own0", 0);
	job.own[1] = option("own4", 0);
	given_program.start = (u8)option("start", MODEL_MODES - 1);
	if (given_program.start % STORM_FILLED >= MODEL_MODES ||
	    given_program.start >= 2 * STORM_FILLED)
		panic("start=%u is no mode", given_program.start);
	while (*text) {
		if (given_program.n == STORM_STEPS ||
		    !crp_parse(&text, &given_program.steps[given_program.n++]))
			panic("program=: what is %s", text);
	}
	crp_init(&c->p);
	c->program = given_program;
	if (!storm_build(c))
		panic("program=: step %u is not possible", c->p.n - c->first + 1);
	run_case();
	tap("the given program of %u steps, %u times on all CPUs at once", given_program.n,
	    job.rounds);
}

static void storms(void)
{
	for (job.masks = MASKS_MIN; job.masks <= MASKS_RANDOM; job.masks++) {
		for (u32 same = 0; same < 2; same++) {
			job.same = same;
			run_case();
			tap("%u programs, %s, on all CPUs at once, owned %s of CR0 and CR4",
			    job.rounds, same ? "the same" : "each CPU its own",
			    mask_names[job.masks]);
		}
	}
}

void group_storm(void)
{
	char text[1024];

	crx_init();
	job.lamina = lamina_here();
	job.seed = option("seed", SEED);
	job.rounds = (u32)option("rounds", ROUNDS);
	note("seed=%lu rounds=%u", job.seed, job.rounds);
	if (mb2_option("program", text, sizeof(text)))
		given(text);
	else
		storms();
	on_each_cpu(none, NULL);
}
