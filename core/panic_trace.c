/* SPDX-License-Identifier: MIT */
/* The trace in text: at a panic, and at power-off where trace_out asks for it. */
#include "core/trace.h"
#include "lib/fmt.h"
#include "lib/string.h"

#define REPORT_LAST (16 * TRACE_RECORD_SIZE)

void trace_report(const struct pcpu *p, emit_fn emit)
{
	u64 next = p->trace->head.next, at = trace_oldest(p->trace, next);
	struct trace_record r;
	char line[120];

	for (at = next - at > REPORT_LAST ? next - REPORT_LAST : at; at < next;
	     at += TRACE_RECORD_SIZE) {
		if (!trace_copy(p->trace, at, &r) || TRACE_KIND(r.what) > TRACE_CR)
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
		for (u64 at = trace_oldest(t, next); at < next; at += TRACE_RECORD_SIZE)
			if (trace_copy(t, at, &r))
				emit_text((const u64 *)&r, emit);
	}
}
