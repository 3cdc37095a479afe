/* SPDX-License-Identifier: MIT */
#include "core/trace.h"

#include "hv/gmem.h"
#include "core/page.h"
#include "hv/hypapp.h"
#include "hv/hypercall.h"
#include "lib/fmt.h"
#include "lib/string.h"

#define REPORT_LAST (16 * TRACE_RECORD_SIZE)

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

/* The oldest record that is there: one less than fit, as the next may be half written. */
static u64 oldest(const struct trace_ring *t, u64 next)
{
	u64 fit = (u64)t->head.capacity * TRACE_RECORD_SIZE;

	return next < fit ? 0 : next - fit + TRACE_RECORD_SIZE;
}

/* A copy of the record at that position; false: it has been, or is being, overwritten. */
static bool copy(const struct trace_ring *t, u64 at, struct trace_record *out)
{
	*out = *record(t, at);
	__asm__ volatile("" ::: "memory");
	return at >= oldest(t, t->head.next);
}

void trace_report(const struct pcpu *p, emit_fn emit)
{
	u64 next = p->trace->head.next, at = oldest(p->trace, next);
	struct trace_record r;
	char line[120];

	for (at = next - at > REPORT_LAST ? next - REPORT_LAST : at; at < next;
	     at += TRACE_RECORD_SIZE) {
		if (!copy(p->trace, at, &r) || TRACE_KIND(r.what) > TRACE_CR)
			continue;
		fmt(line, sizeof(line), "CPU %u exit at tick %" FMT64 "u: %s, RIP %" FMT64 "x",
		    p->index, (u64)r.tsc[1] << 32 | r.tsc[0],
		    exit_kind_name[TRACE_KIND(r.what) == TRACE_CR ? EXIT_CR : TRACE_SUB(r.what)],
		    r.rip);
		emit(line);
	}
}

/* A header or record in text: its eight words and a sum of their sums. */
static void emit_text(const u64 *w, emit_fn emit)
{
	u64 sum = 0, sums = 0;
	char line[170] = TRACE_WORD;

	for (u32 i = 0; i < TRACE_RECORD_SIZE / sizeof(*w); i++) {
		sums += sum += w[i];
		fmt(line + strlen(line), 18, "%016" FMT64 "x ", w[i]);
	}
	fmt(line + strlen(line), 17, "%" FMT64 "x", sums);
	emit(line);
}

void trace_out(emit_fn emit)
{
	for (u32 i = 0; machine.opt.trace_out && machine.opt.trace && i < cpu_count; i++) {
		const struct trace_ring *t = pcpus[i]->trace;
		u64 next = t->head.next;
		struct trace_record r;

		emit_text(&t->head.magic, emit);
		for (u64 at = oldest(t, next); at < next; at += TRACE_RECORD_SIZE)
			if (copy(t, at, &r))
				emit_text((const u64 *)&r, emit);
	}
}

/* The header is never put together on the stack: who looks for one in memory would find it there.
 */
enum exit_answer trace_hypercall(struct vcpu *v)
{
	u64 to = gmem_code_mode(v) == INSN_64 ? v->gpr[GPR_RDX] : (u32)v->gpr[GPR_RDX];
	bool ok = (u32)v->gpr[GPR_RBX] < cpu_count;
	const struct trace_ring *t = pcpus[ok ? v->gpr[GPR_RBX] & 0xff : 0]->trace;
	u64 next = t->head.next, at = next - (u32)((u32)next - (u32)v->gpr[GPR_RCX]);
	u32 most = (u32)v->gpr[GPR_RSI] < TRACE_COPY_MAX ? (u32)v->gpr[GPR_RSI] : TRACE_COPY_MAX;
	struct trace_record r;
	u32 n = 0;

	if (at > next || at < oldest(t, next))
		at = oldest(t, next);
	ok = ok && t->head.magic && gmem_write(v, to, &t->head, sizeof(r)) == sizeof(r);
	for (; ok && at < next && n < most; at += sizeof(r))
		if (copy(t, at, &r))
			ok = gmem_write(v, to + ++n * sizeof(r), &r, sizeof(r)) == sizeof(r);
	if (ok)
		gmem_write(v, to + offsetof(struct trace_header, count), &n, sizeof(n));
	v->gpr[GPR_RAX] = ok ? 0 : HC_ERANGE;
	v->gpr[GPR_RBX] = n;
	v->gpr[GPR_RCX] = (u32)at;
	return EXIT_ADVANCE;
}
