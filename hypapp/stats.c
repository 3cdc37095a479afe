/* SPDX-License-Identifier: MIT */
/*
 * stats: counts exits per CPU and kind. The guest reads the counters by HC_STATS; at power-off they
 * go to the log.
 */
#include "hv/hypapp.h"
#include "hv/hypercall.h"
#include "lib/fmt.h"

static u64 count[MAX_CPUS][EXIT_KINDS];
static u32 cpus;

static const char *const name[EXIT_KINDS] = {
#define EXIT_KIND(n, text) #n,
#include "hv/exit_kinds.def"
#undef EXIT_KIND
};

static err_t stats_init(u32 n)
{
	cpus = n;
	return OK;
}

hypapp_exit_fn stats_on_exit;

enum exit_answer stats_on_exit(struct vcpu *v, const struct exit *x)
{
	count[v->index][x->kind]++;
	return EXIT_PASS;
}

static enum exit_answer stats_hypercall(struct vcpu *v, u32 number)
{
	u32 cpu = (u32)v->gpr[GPR_RBX];
	u32 kind = (u32)v->gpr[GPR_RCX];

	if (number != HC_STATS)
		return EXIT_PASS;
	if (cpu >= cpus || kind >= EXIT_KINDS) {
		v->gpr[GPR_RAX] = HC_ERANGE;
		return EXIT_ADVANCE;
	}
	trace_event(v, TRACE_STATS, 0, cpu, kind, count[cpu][kind]);
	v->gpr[GPR_RAX] = 0;
	v->gpr[GPR_RBX] = (u32)count[cpu][kind];
	v->gpr[GPR_RCX] = count[cpu][kind] >> 32;
	v->gpr[GPR_RDX] = EXIT_KINDS;
	return EXIT_ADVANCE;
}

static void stats_report(emit_fn emit)
{
	u64 total = 0;
	char line[80];

	for (u32 c = 0; c < cpus; c++) {
		for (u32 k = 0; k < EXIT_KINDS; k++) {
			if (!count[c][k])
				continue;
			total += count[c][k];
			fmt(line, sizeof(line), "exits cpu%u %s %" FMT64 "u", c, name[k],
			    count[c][k]);
			emit(line);
		}
	}
	fmt(line, sizeof(line), "exits total %" FMT64 "u", total);
	emit(line);
}

const struct hypapp stats_hypapp = {
	.name = "stats",
	.init = stats_init,
	.hypercall = stats_hypercall,
	.report = stats_report,
};
