/* SPDX-License-Identifier: MIT */
/*
 * step: each instruction that the guest executes in a range of linear addresses, in the trace. The
 * range's pages are breakpoints at which nobody stops: hypapp/gdb steps there, hidden from the
 * guest.
 */
#include "hypapp/step.h"

#include <stdatomic.h>

#include "hv/console.h"
#include "hv/hypapp.h"
#include "hv/hypercall.h"
#include "hv/pcpu.h"
#include "hypapp/gdb/brk.h"
#include "hypapp/gdb/gdb.h"
#include "lib/fmt.h"
#include "lib/string.h"

#define PAGES_MAX 16u
#define KEPT_MAX  128

static _Atomic u64 from, length; /* of the range, in bytes; length 0: none */
static _Atomic u32 on_cpu;	 /* index, or BRK_ALL */
static _Atomic u32 steps;
static u64 reg; /* enum cpu_gpr: whose value each event has */

/* Each CPU's own: the instruction that is being stepped. */
static struct {
	bool on;
	u64 linear, value;
} now[MAX_CPUS];

/* The first ones, for the report. */
static struct {
	u32 cpu;
	u64 linear;
} kept[KEPT_MAX];

static u64 pages(u64 start, u64 bytes)
{
	return (align_up(start + bytes, PAGE_SIZE) - align_down(start, PAGE_SIZE)) / PAGE_SIZE;
}

/* Have the pages of [start, start + bytes) stepped. False: too many, or too many breakpoints. */
static bool begin(struct vcpu *v, u64 start, u64 bytes, u32 cpu)
{
	if (!bytes || start + bytes < start || pages(start, bytes) > PAGES_MAX)
		return false;
	atomic_store(&from, start);
	atomic_store(&on_cpu, cpu);
	for (u64 i = 0; i < pages(start, bytes); i++)
		if (!brk_add(v, BRK_BY_RANGE, align_down(start, PAGE_SIZE) + i * PAGE_SIZE, cpu))
			return false;
	atomic_store(&length, bytes);
	gdb_enable();
	return true;
}

static void end(struct vcpu *v)
{
	atomic_store(&length, 0);
	brk_remove_all(v, BRK_BY_RANGE);
}

/* 0xFROM-0xTO[@CPU], TO the first address behind */
static bool from_option(const char *s, size_t len)
{
	const char *stop = s + len;
	u64 start, to, cpu = BRK_ALL;

	if (!str_to_u64(s, &s, &start) || *s++ != '-' || !str_to_u64(s, &s, &to) || to <= start)
		return false;
	if (s < stop && (*s++ != '@' || !str_to_u64(s, &s, &cpu) || cpu >= MAX_CPUS))
		return false;
	return s == stop && begin(NULL, start, to - start, (u32)cpu);
}

static err_t step_init(u32 cpus)
{
	size_t len;
	const char *text = hypapp_option("hypapp.step.range", 0, &len);

	(void)cpus;
	hypapp_option_number("hypapp.step.reg", &reg);
	if (reg >= GPR_COUNT || reg == GPR_RSP)
		reg = GPR_RAX;
	if (text && !from_option(text, len))
		say_line(
			"warning: option hypapp.step.range ignored: no 0xFROM-0xTO[@CPU], or more than "
			"16 pages");
	return OK;
}

static bool is_in_range(const struct vcpu *v, u64 linear)
{
	u32 cpu = atomic_load(&on_cpu);

	return linear - atomic_load(&from) < atomic_load(&length) &&
	       (cpu == BRK_ALL || cpu == v->index);
}

void step_trace_begin(struct vcpu *v, u64 linear)
{
	now[v->index].on = is_in_range(v, linear);
	now[v->index].linear = linear;
	now[v->index].value = v->gpr[reg];
}

static void log_step(struct vcpu *v)
{
	u32 n = atomic_fetch_add(&steps, 1);

	now[v->index].on = false;
	trace_event(v, TRACE_STEP, now[v->index].linear, now[v->index].value,
		    backend->state_get(v, REG_RFLAGS), backend->state_get(v, REG_CR3));
	if (n < KEPT_MAX) {
		kept[n].cpu = v->index;
		kept[n].linear = now[v->index].linear;
	}
}

void step_trace_end(struct vcpu *v, u64 linear, bool done, bool string)
{
	bool moved = linear != now[v->index].linear;

	if (now[v->index].on && (moved || (done && !string)))
		log_step(v);
	else if (done)
		now[v->index].on = false;
}

void step_trace_entry(struct vcpu *v, u64 linear)
{
	if (now[v->index].on && !v->event_set && linear != now[v->index].linear)
		log_step(v);
	now[v->index].on = false;
}

static enum exit_answer step_hypercall(struct vcpu *v, u32 number)
{
	u64 start = (u32)v->gpr[GPR_RBX] | (u64)(u32)v->gpr[GPR_RDX] << 32;
	u32 cpu = (u32)v->gpr[GPR_RCX] & 0xffff, bytes = (u32)v->gpr[GPR_RCX] >> 16;
	bool ok;

	if (number != HC_STEP)
		return EXIT_PASS;
	end(v);
	ok = !bytes || ((cpu == BRK_ALL || cpu < cpu_count) && begin(v, start, bytes, cpu));
	if (!ok)
		end(v);
	v->entry_hook = true;
	v->gpr[GPR_RAX] = ok ? 0 : HC_ERANGE;
	v->gpr[GPR_RBX] = atomic_load(&steps);
	return EXIT_ADVANCE;
}

static void step_report(emit_fn emit)
{
	u32 n = atomic_load(&steps);
	char line[80];

	fmt(line, sizeof(line), "step: %u instructions", n);
	emit(line);
	for (u32 i = 0; i < n && i < KEPT_MAX; i++) {
		fmt(line, sizeof(line), "step: cpu%u: %" FMT64 "x", kept[i].cpu, kept[i].linear);
		emit(line);
	}
}

const struct hypapp step_hypapp = {
	.name = "step",
	.hypercalls = HC_NS(7),
	.init = step_init,
	.hypercall = step_hypercall,
	.report = step_report,
};
