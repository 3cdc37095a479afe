/* SPDX-License-Identifier: MIT */
#include "core/trace.h"

#include "core/page.h"
#include "hv/hypapp.h"
#include "lib/string.h"

const char *const exit_kind_name[EXIT_KINDS] = {
#define EXIT_KIND(n, text) #n,
#include "hv/exit_kinds.def"
#undef EXIT_KIND
};

/* With no trace there is still a place that each record goes to, and a header without magic. */
static u32 capacity(void)
{
	return machine.opt.trace < 2 ? 1 : 1u << (32 - __builtin_clz(machine.opt.trace - 1));
}

u64 trace_ring_size(void)
{
	return align_up(sizeof(struct trace_ring) + capacity() * sizeof(struct trace_record),
			PAGE_SIZE);
}

bool trace_init(struct pcpu *p)
{
	struct trace_ring *ring = page_alloc(trace_ring_size() / PAGE_SIZE);

	if (!ring)
		return false;
	p->trace = ring;
	p->trace_mask = (u64)capacity() * TRACE_RECORD_SIZE - 1;
	ring->head = (struct trace_header){
		.magic = machine.opt.trace ? TRACE_MAGIC : 0,
		.version = TRACE_VERSION,
		.record_size = TRACE_RECORD_SIZE,
		.count = capacity(),
		.cpu = p->index,
		.start_tsc = rdtsc(),
		.capacity = capacity(),
	};
	return true;
}

static struct trace_record *record(const struct trace_ring *t, u64 at)
{
	return (struct trace_record *)&t->record[at / TRACE_RECORD_SIZE & (t->head.capacity - 1)];
}

void trace_add(struct vcpu *v, u32 what, const u64 *value)
{
	struct trace_record *r = trace_next(pcpu_of(v), what, 0);

	memcpy(r->value, value, TRACE_COUNT(what) * sizeof(u64));
	trace_publish(pcpu_of(v)->trace);
}

/* Hypapps may have added events since. */
void trace_values(struct vcpu *v, u32 what, const u64 *value)
{
	const struct trace_ring *t = pcpu_of(v)->trace;
	struct trace_record *r;

	for (u64 back = 1; back <= t->head.capacity; back++) {
		r = record(t, t->head.next - back * TRACE_RECORD_SIZE);
		if (TRACE_KIND(r->what) != TRACE_EXIT)
			continue;
		memcpy(r->value, value, TRACE_COUNT(what) * sizeof(u64));
		__asm__ volatile("" ::: "memory");
		r->what = what;
		return;
	}
}

void trace_verdict(struct vcpu *v, const struct cr_case *c)
{
	const struct access *a = &c->access;

	if (c->verdict.verdict != V_OK)
		trace_add(v, TRACE_WHAT(TRACE_VERDICT, c->verdict.verdict, 5),
			  (const u64[]){a->cr == CRM_CR4 ? 4 : 0, c->verdict.bits, c->dropped,
					a->hw, a->owned});
}

void trace_cr(struct vcpu *v, const struct exit *x, const struct cr_case *c, u64 value, u8 sub)
{
	const struct access *a = &c->access;

	sub |= x->cr.access | (a->unexpected ? TRACE_CR_UNEXPECTED : 0);
	trace_values(v, TRACE_WHAT(TRACE_CR, sub, 5),
		     (const u64[]){a->hw, a->owned, a->shadow, value, x->cr.cr});
	trace_verdict(v, c);
}

void trace_event(struct vcpu *v, u8 hypapp, u64 event, u64 a, u64 b, u64 c)
{
	trace_add(v, TRACE_WHAT(TRACE_HYPAPP, hypapp, 4), (const u64[]){event, a, b, c});
}

u64 trace_oldest(const struct trace_ring *t, u64 next)
{
	u64 fit = (u64)t->head.capacity * TRACE_RECORD_SIZE;

	return next < fit ? 0 : next - fit + TRACE_RECORD_SIZE;
}

bool trace_copy(const struct trace_ring *t, u64 at, struct trace_record *out)
{
	*out = *record(t, at);
	__asm__ volatile("" ::: "memory");
	return at >= trace_oldest(t, t->head.next);
}
