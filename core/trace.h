/* SPDX-License-Identifier: MIT */
/* Each CPU writes its own ring, and it alone; others may read it at any time. */
#ifndef CORE_TRACE_H
#define CORE_TRACE_H

#include "core/core.h"
#include "core/cr.h"
#include "hv/trace.h"
#include "x86/insn.h"

/* As in exit_kinds.def */
extern const char *const exit_kind_name[EXIT_KINDS];

/* Bytes of a ring, by option trace; bring-up. */
u64 trace_ring_size(void);

/* Make the ring of p, whose index is set; bring-up, before p runs. False: too little memory. */
bool trace_init(struct pcpu *p);

/* The next record, which the caller fills and then publishes. On p, as trace_publish. */
static inline struct trace_record *trace_next(struct pcpu *p, u32 what, u64 rip)
{
	u64 at = p->trace->head.next;
	struct trace_record *r =
		(struct trace_record *)((u8 *)p->trace->record + (at & p->trace_mask));

	rdtsc_halves(&r->tsc[0], &r->tsc[1]);
	*(volatile u32 *)&r->what = what; /* two stores are quicker than putting one together */
	r->at = (u32)at;
	r->rip = rip;
	return r;
}

/* Who sees the new position sees the record: stores are in order. */
static inline void trace_publish(struct trace_ring *t)
{
	__asm__ volatile("" ::: "memory");
	t->head.next += TRACE_RECORD_SIZE;
}

/* On the exit path, where each instruction counts; on v's CPU. */
static inline void trace_exit(struct vcpu *v, const struct exit *x)
{
	struct trace_ring *t = pcpu_of(v)->trace;

	trace_next(pcpu_of(v), TRACE_WHAT(TRACE_EXIT, x->kind, 0), x->rip);
	trace_publish(t);
}

/* Add values to the record of the exit that is being handled, once. On v's CPU. */
void trace_values(struct vcpu *v, u32 what, const u64 *value);

/* Make the record of this exit one of a judged access; the verdict has its own if it is not V_OK.
 * On v's CPU. */
void trace_cr(struct vcpu *v, const struct exit *x, const struct cr_case *c, u64 value, u8 sub);
void trace_verdict(struct vcpu *v, const struct cr_case *c);

/* A record of up to TRACE_VALUES values that is no exit. On v's CPU. */
void trace_add(struct vcpu *v, u32 what, const u64 *value);

/* The oldest record that is there, where the next is at that position: one less than fit, as the
 * next may be half written. Any CPU. */
u64 trace_oldest(const struct trace_ring *t, u64 next);

/* A copy of the record at that position; false: it has been, or is being, overwritten. Any CPU. */
bool trace_copy(const struct trace_ring *t, u64 at, struct trace_record *out);

/* The last exits of a CPU, oldest first. Any CPU; meant for when p is stopped. */
void trace_report(const struct pcpu *p, emit_fn emit);

/* All rings in text, where trace_out asks for it. Any CPU; what others write meanwhile may miss. */
void trace_out(emit_fn emit);

#endif
