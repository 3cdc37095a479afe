/* SPDX-License-Identifier: MIT */
#include "core/log.h"

#include "lib/fmt.h"

#define REPORT_LAST 16

const char *const exit_kind_name[EXIT_KINDS] = {
#define EXIT_KIND(n, text) #n,
#include "hv/exit_kinds.def"
#undef EXIT_KIND
};

void log_report(const struct pcpu *p, emit_fn emit)
{
	u32 n = p->log_next < REPORT_LAST ? p->log_next : REPORT_LAST;
	char line[120];

	for (u32 i = p->log_next - n; i != p->log_next; i++) {
		const struct log_record *r = &p->log[i % LOG_RECORDS];

		fmt(line, sizeof(line), "CPU %u exit at tick %" FMT64 "u: %s, RIP %" FMT64 "x",
		    p->index, (u64)r->tsc_high << 32 | r->tsc_low, exit_kind_name[r->kind], r->rip);
		emit(line);
	}
}
