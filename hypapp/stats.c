/* SPDX-License-Identifier: MIT */
/*
 * stats: the exits that each CPU had, by kind. The guest reads the counters by HC_STATS; at
 * power-off they go to the log.
 */
#include "hv/hypapp.h"
#include "hv/hypercall.h"
#include "hv/pcpu.h"
#include "lib/fmt.h"
#include "x86/insn.h"

static const char *const name[EXIT_KINDS] = {
#define EXIT_KIND(n, text) #n,
#include "hv/exit_kinds.def"
#undef EXIT_KIND
};

static u64 every; /* ticks between two samples; 0: none */
static struct {
	u64 due, samples, latest; /* ticks too late, the worst */
} clock[MAX_CPUS];

static u64 total(u32 cpu)
{
	u64 sum = 0;

	for (u32 k = 0; k < EXIT_KINDS; k++)
		sum += pcpus[cpu]->exits[k];
	return sum;
}

static err_t stats_init(u32 cpus)
{
	(void)cpus;
	hypapp_option_number("hypapp.stats.every", &every);
	return OK;
}

static void set_clock(struct vcpu *v)
{
	clock[v->index].due = rdtsc() + every;
	timer_set(v, clock[v->index].due);
}

static void stats_on_start(struct vcpu *v)
{
	if (every)
		set_clock(v);
}

static void stats_on_timer(struct vcpu *v)
{
	u64 late = rdtsc() - clock[v->index].due;

	if (!every || late > BIT(63)) /* another's */
		return;
	clock[v->index].samples++;
	if (late > clock[v->index].latest)
		clock[v->index].latest = late;
	trace_event(v, TRACE_STATS, 1, total(v->index), late, 0);
	set_clock(v);
}

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
	char line[80];
	u64 sum = 0;

	for (u32 c = 0; c < cpu_count; c++) {
		for (u32 k = 0; k < EXIT_KINDS; k++) {
			u64 n = pcpus[c]->exits[k];

			if (!n)
				continue;
			sum += n;
			fmt(line, sizeof(line), "exits cpu%u %s %" FMT64 "u", c, name[k], n);
			emit(line);
		}
	}
	fmt(line, sizeof(line), "exits total %" FMT64 "u", sum);
	emit(line);
	for (u32 c = 0; every && c < cpu_count; c++) {
		fmt(line, sizeof(line),
		    "stats: cpu%u %" FMT64 "u samples, at most %" FMT64 "u ticks late", c,
		    clock[c].samples, clock[c].latest);
		emit(line);
	}
}

const struct hypapp stats_hypapp = {
	.name = "stats",
	.hypercalls = HC_NS(8),
	.init = stats_init,
	.on_start = stats_on_start,
	.on_timer = stats_on_timer,
	.hypercall = stats_hypercall,
	.report = stats_report,
};
