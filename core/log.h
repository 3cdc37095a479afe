/* SPDX-License-Identifier: MIT */
#ifndef CORE_LOG_H
#define CORE_LOG_H

#include "hv/backend.h"
#include "hv/exit.h"
#include "hv/pcpu.h"
#include "x86/insn.h"

/* As in exit_kinds.def */
extern const char *const exit_kind_name[EXIT_KINDS];

/* On the exit path: keep one record of this exit. */
static inline void log_exit(struct pcpu *p, const struct exit *x)
{
	struct log_record *r = &p->log[p->log_next++ % LOG_RECORDS];

	rdtsc_halves(&r->tsc_low, &r->tsc_high);
	r->rip = x->rip;
	r->kind = x->kind;
}

/* The last exits of a CPU, oldest first. Any CPU; meant for when p is stopped. */
void log_report(const struct pcpu *p, emit_fn emit);

#endif
