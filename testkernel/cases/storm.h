/* SPDX-License-Identifier: MIT */
#ifndef TESTKERNEL_CASES_STORM_H
#define TESTKERNEL_CASES_STORM_H

#include "testkernel/cpu.h"
#include "testkernel/crprog.h"

#define STORM_STEPS 24

#define STORM_FILLED 8 /* in `start`: with the other bits of CR0 and CR4 set */

struct storm_program {
	u32 n;
	u8 start; /* index in model_modes */
	struct crp_step steps[STORM_STEPS];
};

struct storm_cpu {
	struct crp p;
	u32 first; /* step of p that is the program's first */
	struct storm_program program;
	u64 random;	      /* state of the generator */
	volatile u32 round;   /* in which this CPU is */
	u32 programs;	      /* done */
	u32 steps[CRP_MODES]; /* of these, foreseen, by the mode before each */
	u32 faults;	      /* of these */
	bool failed;	      /* `program` did what was not foreseen, `wrong`; or a CPU was lost */
	struct crp_wrong wrong;
};

extern struct storm_cpu storm_cpus[MAX_CPUS];

/* The next number of a generator (xorshift64*); the state is never 0. */
u64 storm_random(u64 *state);

/* Starts c->p, and makes c->program up on the way; false: the mode to start in cannot be entered.
 */
bool storm_make(struct storm_cpu *c);

/* Starts c->p with c->program; false: not all of its steps are possible. */
bool storm_build(struct storm_cpu *c);

/* Runs c->p; false: c->wrong. */
bool storm_run(struct storm_cpu *c);

/* Makes c->program, which fails on this CPU, as short and simple as it goes. False: it does not
 * fail when this CPU runs it alone. */
bool storm_shrink(struct storm_cpu *c);

#endif
