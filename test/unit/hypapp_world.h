/* SPDX-License-Identifier: MIT */
/* Three hypapps and what hypapp/service/ gives them, with core and the backend played by the test.
 */
#ifndef TEST_HYPAPP_WORLD_H
#define TEST_HYPAPP_WORLD_H

#include "unit.h"
#include "core/core.h"
#include "core/cr.h"
#include "core/msr.h"
#include "core/port.h"
#include "core/serial.h"
#include "core/this_cpu.h"
#include "core/world.h"
#include "hv/hypapp.h"
#include "hv/hypercall.h"
#include "hv/watch.h"
#include "hv/world.h"
#include "x86/cr.h"
#include "x86/insn.h"
#include "x86/msr.h"
#include "x86/vector.h"

struct machine machine;
const struct backend *backend;
struct pcpu *pcpus[MAX_CPUS];
u32 cpu_count = 2;
u64 cr_watched[CRM_CRS];

static struct vcpu vcpu;
static struct vcpu *const v = &vcpu;

static char said[200];
static u32 inits[3], asked[3], agains, gps;
static enum exit_answer answer;
static u64 reg[REG_COUNT];
static struct {
	u32 msr;
	bool read, write;
} traps[256];
static u32 trap_count;
static bool port_trapped[0x10000];

u32 this_cpu(void)
{
	return 0;
}

void say(const char *f, ...)
{
	va_list ap;

	va_start(ap, f);
	vsnprintf(said, sizeof(said), f, ap);
	va_end(ap);
}

enum exit_answer inject_gp(struct vcpu *cpu)
{
	(void)cpu;
	gps++;
	return EXIT_INJECTED;
}

void cr_again(struct vcpu *cpu, enum crm_name name)
{
	(void)cpu;
	agains += name == CRM_CR4;
}

bool world_call(struct vcpu *cpu, u32 index, void (*fn)(struct vcpu *cpu, void *arg), void *arg)
{
	assert_true(index < cpu_count);
	fn(cpu, arg);
	return true;
}

static u32 stops, gos;
static bool stopped;

void world_stop(struct vcpu *cpu)
{
	assert_ptr_equal(cpu, v);
	stopped = true;
	stops++;
}

void world_go(struct vcpu *cpu)
{
	assert_ptr_equal(cpu, v);
	stopped = false;
	gos++;
}

bool world_is_mine(struct vcpu *cpu)
{
	(void)cpu;
	return stopped;
}

static u32 forgotten;

void world_forget(void)
{
	forgotten++;
}

static void trap_msr(u32 msr, bool read, bool write)
{
	u32 i = 0;

	while (i < trap_count && traps[i].msr != msr)
		i++;
	trap_count += i == trap_count;
	traps[i].msr = msr;
	traps[i].read = read;
	traps[i].write = write;
}

/* Core's own. */
void msr_trap_init(void)
{
	trap_msr(MSR_APIC_BASE, false, true);
	trap_msr(MSR_EFER, true, true);
}

static void trap_port(u16 port, bool on)
{
	port_trapped[port] = on;
}

void port_trap_power(bool on)
{
	port_trapped[0xb004] = on;
}

static u64 state_get(struct vcpu *cpu, enum cpu_reg r)
{
	(void)cpu;
	return reg[r];
}

static void state_set(struct vcpu *cpu, enum cpu_reg r, u64 value)
{
	(void)cpu;
	reg[r] = value;
}

static bool has_timer, interrupts_trapped;
static u64 timer_ticks;

static bool timer(struct vcpu *cpu, u64 ticks)
{
	(void)cpu;
	timer_ticks = ticks;
	return has_timer;
}

static void trap_events(struct vcpu *cpu, u32 exceptions, bool interrupts)
{
	(void)cpu;
	assert_int_equal(exceptions, 0);
	interrupts_trapped = interrupts;
}

static const struct backend fake = {
	.vendor = CRM_AMD,
	.state_get = state_get,
	.state_set = state_set,
	.trap_msr = trap_msr,
	.trap_port = trap_port,
	.timer = timer,
	.trap_events = trap_events,
};

#define APP(n)                                                                      \
	static err_t init_##n(u32 cpus)                                             \
	{                                                                           \
		assert_int_equal(cpus, cpu_count);                                  \
		inits[n]++;                                                         \
		return OK;                                                          \
	}                                                                           \
	static enum exit_answer on_exit_##n(struct vcpu *cpu, const struct exit *x) \
	{                                                                           \
		(void)cpu;                                                          \
		(void)x;                                                            \
		asked[n]++;                                                         \
		return n ? EXIT_PASS : answer;                                      \
	}                                                                           \
	static bool on_cr_##n(struct vcpu *cpu, const struct cr_change *c)          \
	{                                                                           \
		(void)cpu;                                                          \
		asked[n]++;                                                         \
		return c->new != n;                                                 \
	}                                                                           \
	static enum exit_answer call_##n(struct vcpu *cpu, u32 number)              \
	{                                                                           \
		(void)cpu;                                                          \
		asked[n]++;                                                         \
		return number == HC_NS(n + 1) ? EXIT_ADVANCE : EXIT_PASS;           \
	}

APP(0)
APP(1)
APP(2)

static u32 timers;

static void on_timer(struct vcpu *cpu)
{
	(void)cpu;
	timers++;
}

#define OBJECT(n)                                                                                 \
	.hypercalls = HC_NS(n + 1), .init = init_##n, .on_exit = on_exit_##n, .on_cr = on_cr_##n, \
	.hypercall = call_##n

static u32 wipes;

static void wipe(void)
{
	wipes++;
}

static const struct hypapp first = {.name = "first", OBJECT(0)},
			   second = {.name = "second",
				     OBJECT(1),
				     .on_timer = on_timer,
				     .wipe = wipe},
			   third = {.name = "third", .always = true, OBJECT(2)};
const struct hypapp *const hypapp_list[] = {&first, &second, &third, NULL};
const struct hypapp *hypapp_chosen[4];

static void start(const char *cmdline)
{
	static struct fake_cpu cpu;

	fake_cpu = &cpu;
	memset(&cpu, 0, sizeof(cpu));
	memset(hypapp_chosen, 0, sizeof(hypapp_chosen));
	memset(inits, 0, sizeof(inits));
	memset(asked, 0, sizeof(asked));
	memset(reg, 0, sizeof(reg));
	backend = &fake;
	answer = EXIT_PASS;
	*said = 0;
	gps = agains = 0;
	snprintf(machine.boot.cmdline, sizeof(machine.boot.cmdline), "%s", cmdline);
	assert_true(hypapps_init(cpu_count) == OK);
}

#endif
