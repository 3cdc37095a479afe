/* SPDX-License-Identifier: MIT */
/*
 * One instruction of the guest, then an exit: by TF, with #DB and all other exceptions intercepted,
 * and with all rights to the instruction's page, on this CPU only. The guest sees none of it.
 *
 * Interrupts that arrive meanwhile end the step before its instruction, and are delivered when the
 * guest runs on without a step.
 */
#ifndef GDB_STEP_H
#define GDB_STEP_H

#include "hv/exit.h"
#include "hv/vcpu.h"

enum step_start {
	STEP_ON,	/* the next exit ends it: call step_end then, before all else */
	STEP_EVENT,	/* an event goes first, perhaps the instruction's own (INT n) */
	STEP_IMPOSSIBLE /* the CPU is not executing, or there is no memory */
};

/* Before an entry. `hold`: interrupts are held back for this instruction rather than end the step.
 * `deaf`: they do not exit either. */
enum step_start step_begin(struct vcpu *v, bool hold, bool deaf);
bool step_active(struct vcpu *v);

/* At an exit for a refused fetch, before anything else. */
void step_fetch_refused(struct vcpu *v);

enum step_end {
	STEP_CUT,   /* another exit, to be handled as ever; RIP is where it was, but behind a HLT */
	STEP_DONE,  /* the instruction is done, and the exit dealt with */
	STEP_TRAP,  /* the same, and a #DB of the guest's own is on its way */
	STEP_AGAIN, /* (AMD-V) not yet: resume, and call again at the next exit */
};

enum step_end step_end(struct vcpu *v, const struct exit *x);

/* The instruction that was stepped last may come back to its own address by a turn of REP. */
bool step_was_string(struct vcpu *v);

/* The guest's RIP as a linear address. */
u64 step_linear_rip(struct vcpu *v);

#endif
