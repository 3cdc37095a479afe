/* SPDX-License-Identifier: MIT */
/*
 * stats: the exits that each CPU had, by kind. The guest reads the counters by HC_STATS; at
 * power-off they go to the log.
 */
#include "hv/hypapp.h"
#include "hv/hypercall.h"
#include "hv/pcpu.h"
#include "lib/fmt.h"

static const char *const name[EXIT_KINDS] = {
#define EXIT_KIND(n, text) #n,
#include "hv/exit_kinds.def"
#undef EXIT_KIND
};

static enum exit_answer stats_hypercall(struct vcpu *v, u32 number)
{
	u32 cpu = (u32)v->gpr[GPR_RBX];
	u32 kind = (u32)v->gpr[GPR_RCX];
	u64 n;

	if (number != HC_STATS)
		return EXIT_PASS;
	if (cpu >= cpu_count || kind >= EXIT_KINDS) {
		v->gpr[GPR_RAX] = HC_ERANGE;
		return EXIT_ADVANCE;
	}
	n = pcpus[cpu]->exits[kind];
	trace_event(v, TRACE_STATS, 0, cpu, kind, n);
	v->gpr[GPR_RAX] = 0;
	v->gpr[GPR_RBX] = (u32)n;
	v->gpr[GPR_RCX] = n >> 32;
	v->gpr[GPR_RDX] = EXIT_KINDS;
	return EXIT_ADVANCE;
}

static void stats_report(emit_fn emit)
{
	u64 total = 0;
	char line[80];

	for (u32 c = 0; c < cpu_count; c++) {
		for (u32 k = 0; k < EXIT_KINDS; k++) {
			u64 n = pcpus[c]->exits[k];

			if (!n)
				continue;
			total += n;
			fmt(line, sizeof(line), "exits cpu%u %s %" FMT64 "u", c, name[k], n);
			emit(line);
		}
	}
	fmt(line, sizeof(line), "exits total %" FMT64 "u", total);
	emit(line);
}

const struct hypapp stats_hypapp = {
	.name = "stats",
	.hypercalls = HC_NS(8),
	.hypercall = stats_hypercall,
	.report = stats_report,
};
