/* SPDX-License-Identifier: MIT */
#ifndef TESTKERNEL_CASES_MODEL_H
#define TESTKERNEL_CASES_MODEL_H

#include "testkernel/crprog.h"
#include "testkernel/smp.h"

#define MODEL_MODES 7
#define MODEL_NOTES 3

struct model_mode {
	const char *name;
	u64 cr0, cr4, efer; /* bits that make it this mode */
	bool cs_l;
	u32 bits; /* of an operand */
};

struct model_tally {
	u32 done, left_out, wrong;
	bool stuck; /* the mode could not be entered */
	char text[MODEL_NOTES][160];
};

extern const struct model_mode model_modes[MODEL_MODES];
extern struct model_tally model_tally[MAX_CPUS]; /* of the present case, per CPU */

/* A CPU in that mode, with the other bits clear, or set as far as they exist. */
struct crm_cpu model_base(const struct crp *p, const struct model_mode *m, bool filled);

/* Writes down that w was not foreseen. */
void model_wrong(struct model_tally *t, const struct crp *p, const struct crp_wrong *w);

/* Runs fn on all CPUs at once, and waits. */
void model_on_all(work_fn fn);

/* Checks and notes what the tallies say; returns how many checks each CPU did. */
u32 model_report(const char *what);

/* What a CPU is to do in model_in_modes(). */
struct model_job {
	const struct model_mode *mode;
	u8 ring; /* CRX_KERNEL .. */
	bool filled;
};

extern struct model_job model_job;

/* Runs fn on all CPUs for each mode that has the ring, the other bits clear and then set; checks as
 * model_report(), and returns what that does. */
u32 model_in_modes(u8 ring, work_fn fn, const char *name);

/* CPL 3 and virtual-8086 mode. */
void model_privileges(void);

#endif
