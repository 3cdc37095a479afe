/* SPDX-License-Identifier: MIT */
/*
 * gdb: breakpoints that the guest does not see, and a stub for gdb on a UART of its own
 * (doc/gdb.md). Without break= and gdb= and HC_BREAK it does nothing.
 */
#include "hypapp/gdb/gdb.h"

#include <stdatomic.h>

#include "hv/backend.h"
#include "hv/console.h"
#include "hv/gmem.h"
#include "hv/hypapp.h"
#include "hv/hypercall.h"
#include "hv/pcpu.h"
#include "hv/rights.h"
#include "hv/world.h"
#include "hypapp/gdb/brk.h"
#include "hypapp/gdb/option.h"
#include "hypapp/gdb/step.h"
#include "hypapp/gdb/stub.h"
#include "hypapp/step.h"
#include "lib/string.h"
#include "x86/rflags.h"
#include "x86/vector.h"

static _Atomic u32 enabled; /* 0: every hook returns at once */
static bool at_start;	    /* stop at the first instruction after a SIPI */

/* Each CPU's own, but for the two that say so. */
static struct cpu {
	bool reported;	  /* the breakpoint at `at` has been; until an instruction is done there */
	bool cut;	  /* this exit ended a step that had not come to its end */
	bool fault;	  /* this exit was a refused execution */
	bool event_first; /* an interrupt is to be let in */
	bool deaf;	  /* one waits that cannot be let in: VT-x would exit for ever */
	bool user;	  /* gdb has this CPU step, from user_at */
	bool done;	  /* an instruction is done */
	bool interrupted; /* gdb has something to say */
	bool polling;	  /* no page can be executed: an interrupt is being delivered */
	u64 at, user_at;
} cpus[MAX_CPUS];

static bool add_breaks(void)
{
	struct break_option b;
	const char *text;
	bool any = false;
	size_t len;

	for (u32 n = 0; (text = hypapp_option("break", n, &len)); n++) {
		while (len) {
			size_t used = option_break(text, len, &b);

			if (!used) {
				say_line("warning: option break ignored from where it is no "
					 "ADDR[@CPU|@all|@sipi]");
				break;
			}
			any = true;
			at_start |= b.at_start;
			if (b.has_address && !brk_add(NULL, BRK_BY_OPTION, b.linear, b.cpu))
				say_line("warning: too many breakpoints");
			text += used;
			len -= used;
		}
	}
	return any;
}

void gdb_enable(void)
{
	atomic_store(&enabled, 1);
	hypapp_want(~0u);
}

static err_t gdb_init(u32 n)
{
	bool breaks = add_breaks(), port = stub_init();

	(void)n;
	if (breaks || port)
		gdb_enable();
	return OK;
}

void gdb_step_next(struct vcpu *v)
{
	struct cpu *c = &cpus[v->index];

	c->user = true;
	c->done = false;
	c->user_at = step_linear_rip(v);
}

/* The guest's console shows it, or gdb does; then the CPU goes on as it is told. */
static void stop(struct vcpu *v, enum stop why)
{
	struct cpu *c = &cpus[v->index];

	if (c->user)
		brk_remove(v, BRK_BY_STEP, c->user_at, v->index);
	c->user = false;
	c->done = false;
	if (stub_wanted())
		stub_stop(v, why);
	else if (why <= STOP_START)
		report(v, why);
	c->reported = true;
	c->at = step_linear_rip(v);
}

/* The step that gdb asked for cannot be done now: be back when the CPU is here again. */
static void come_back(struct vcpu *v)
{
	const struct cpu *c = &cpus[v->index];

	if (!c->user)
		return;
	world_go(v); /* what comes first may wait for other CPUs */
	if (brk_at(v, c->user_at) == BRK_FREE) {
		brk_add(v, BRK_BY_STEP, c->user_at, v->index);
		brk_follow(v);
	}
}

static void check_stops(struct vcpu *v)
{
	struct cpu *c = &cpus[v->index];
	u64 rip = step_linear_rip(v);
	enum brk_owner owner;

	if (c->reported && c->at != rip && c->cut && !v->event_set)
		c->reported = false; /* Lamina has carried the instruction out */
	c->cut = false;
	if (c->user && (c->done || c->user_at != rip)) {
		stop(v, STOP_STEP);
		return;
	}
	owner = brk_at(v, rip);
	if (owner != BRK_FREE && owner < BRK_BY_STEP && !(c->reported && c->at == rip))
		stop(v, STOP_BREAK);
}

static bool on_break_page(struct vcpu *v)
{
	u64 gpa;

	return gmem_walk(v, step_linear_rip(v), &gpa) && brk_on_page(align_down(gpa, PAGE_SIZE));
}

/* One instruction, where execution is refused or gdb wants it. */
static void go_on(struct vcpu *v)
{
	struct cpu *c = &cpus[v->index];
	bool step = c->user || c->fault || c->deaf || on_break_page(v);
	enum step_start s = STEP_IMPOSSIBLE;

	c->fault = false;
	if (step)
		s = step_begin(v, c->user, c->user || c->deaf);
	if (s == STEP_EVENT)
		come_back(v);
	else if (s == STEP_ON)
		step_trace_begin(v, step_linear_rip(v));
	c->deaf = false;
}

/*
 * Interrupts exit, so that the UART is looked at. With one let in, nothing can be executed until it
 * has been delivered: then its handler's first instruction exits, and interrupts exit again.
 */
static void poll(struct vcpu *v)
{
	struct cpu *c = &cpus[v->index];

	if (!stub_has_port() || step_active(v))
		return;
	backend->trap_events(v, 0, !c->event_first);
	if (c->event_first)
		c->polling = slat_page_open(v, NULL, 0, true);
}

static void gdb_on_entry(struct vcpu *v)
{
	struct cpu *c = &cpus[v->index];

	if (!atomic_load(&enabled))
		return;
	step_trace_entry(v, step_linear_rip(v));
	if (c->interrupted) {
		c->interrupted = false;
		stop(v, STOP_INTERRUPT);
	}
	brk_follow(v);
	if (v->event_set || c->event_first) {
		c->cut = false;
		come_back(v);
	} else if (backend->state_get(v, REG_ACTIVITY) == ACTIVITY_ACTIVE) {
		check_stops(v);
		go_on(v);
	}
	poll(v);
	c->event_first = false;
}

static void gdb_on_start(struct vcpu *v)
{
	struct cpu *c = &cpus[v->index];

	*c = (struct cpu){.reported = false};
	if (!atomic_load(&enabled))
		return;
	if (at_start && !v->is_bsp)
		stop(v, STOP_START);
	gdb_on_entry(v);
}

/* VT-x exits whatever IF says (Intel SDM vol. 3C, 25.6.1): where the guest cannot take the
 * interrupt now, it is stepped until it can. */
static void interrupt_waits(struct vcpu *v)
{
	struct cpu *c = &cpus[v->index];
	const u64 shadow = 3; /* of STI and MOV SS */

	c->event_first = (backend->state_get(v, REG_RFLAGS) & RFLAGS_IF) &&
			 !(backend->state_get(v, REG_INTERRUPTIBILITY) & shadow);
	c->deaf = !c->event_first;
}

static enum exit_answer stepped(struct vcpu *v, const struct exit *x)
{
	struct cpu *c = &cpus[v->index];
	enum step_end e = step_end(v, x);

	if (e == STEP_AGAIN)
		return EXIT_RETRY;
	c->cut = e == STEP_CUT;
	c->done = e != STEP_CUT;
	step_trace_end(v, step_linear_rip(v), c->done, step_was_string(v));
	if (c->done && !(step_was_string(v) && step_linear_rip(v) == c->at))
		c->reported = false;
	if (x->kind == EXIT_INTR)
		interrupt_waits(v);
	if (c->done && x->kind == EXIT_SLAT) /* at INT n's handler */
		return EXIT_RETRY;
	if (x->kind == EXIT_EXCEPTION && x->exception.vector == VECTOR_DB)
		return v->event_set ? EXIT_INJECTED : EXIT_RETRY;
	return EXIT_PASS;
}

__attribute__((noinline)) static enum exit_answer watch(struct vcpu *v, const struct exit *x)
{
	struct cpu *c = &cpus[v->index];
	enum exit_answer a = EXIT_PASS;

	v->entry_hook = true;
	if (x->kind == EXIT_SLAT && (x->slat.access & SLAT_EXEC) && !step_active(v))
		step_fetch_refused(v);
	if (c->polling) {
		c->polling = false;
		slat_page_close(v);
		if (x->kind == EXIT_SLAT && (x->slat.access & SLAT_EXEC))
			a = EXIT_RETRY;
	}
	if (step_active(v))
		a = stepped(v, x);
	else if (x->kind == EXIT_INTR)
		interrupt_waits(v);
	else if (x->kind == EXIT_PORT)
		a = stub_port_exit(v, x);
	else if (x->kind == EXIT_SLAT && (x->slat.access & SLAT_EXEC) &&
		 brk_on_page(align_down(x->slat.gpa.v, PAGE_SIZE)))
		c->fault = true;
	if (c->fault)
		a = EXIT_RETRY;
	c->interrupted |= stub_interrupts(v);
	return a;
}

static enum exit_answer gdb_on_exit(struct vcpu *v, const struct exit *x)
{
	return atomic_load(&enabled) ? watch(v, x) : EXIT_PASS;
}

static enum exit_answer gdb_hypercall(struct vcpu *v, u32 number)
{
	u64 linear = (u32)v->gpr[GPR_RBX] | (u64)(u32)v->gpr[GPR_RDX] << 32;
	u32 how = (u32)v->gpr[GPR_RCX], cpu = how & 0xffff;
	bool ok = false;

	if (number != HC_BREAK)
		return EXIT_PASS;
	if (cpu == HC_BREAK_ALL || cpu < cpu_count)
		ok = how & HC_BREAK_OFF ? brk_remove(v, BRK_BY_OPTION, linear, cpu)
					: brk_add(v, BRK_BY_OPTION, linear, cpu);
	gdb_enable();
	v->entry_hook = true;
	v->gpr[GPR_RAX] = ok ? 0 : HC_ERANGE;
	return EXIT_ADVANCE;
}

const struct hypapp gdb_hypapp = {
	.name = "gdb",
	.always = true,
	.hypercalls = HC_NS(1),
	.init = gdb_init,
	.on_exit = gdb_on_exit,
	.on_entry = gdb_on_entry,
	.on_start = gdb_on_start,
	.hypercall = gdb_hypercall,
};
