/* SPDX-License-Identifier: MIT */
/*
 * A machine of a few CPUs for core/mp.c and core/sipi.c, which are included whole. Their neighbours
 * are played here. Before each of their atomic operations step() is called, so that a test can let
 * something happen between any two of them.
 */
#ifndef TEST_SMP_WORLD_H
#define TEST_SMP_WORLD_H

#include <stdatomic.h>
#include "unit.h"
#include "core/core.h"
#include "core/exit_handlers.h"
#include "core/mp.h"
#include "core/page.h"
#include "core/probe.h"
#include "core/reset.h"
#include "core/revive.h"
#include "core/slat.h"
#include "core/suspend.h"
#include "core/trace.h"
#include "core/trap.h"
#include "core/virtualize.h"
#include "boot/boot_low.h"
#include "x86/apic.h"
#include "x86/insn.h"
#include "x86/msr.h"

#define WORLD_CPUS 4u
#define APIC_PAGE  0xfee00000ULL

/* What the test has to say before an atomic operation of the CPU that runs. */
static void (*step_hook)(void);

static inline void step(void)
{
	if (step_hook)
		step_hook();
}

#undef atomic_load
#undef atomic_store
#undef atomic_exchange
#undef atomic_fetch_or
#undef atomic_fetch_and
#undef atomic_fetch_add
#undef atomic_fetch_sub
#undef atomic_compare_exchange_weak
#define SEQ		       memory_order_seq_cst
#define atomic_load(p)	       (step(), atomic_load_explicit(p, SEQ))
#define atomic_store(p, v)     (step(), atomic_store_explicit(p, v, SEQ))
#define atomic_exchange(p, v)  (step(), atomic_exchange_explicit(p, v, SEQ))
#define atomic_fetch_or(p, v)  (step(), atomic_fetch_or_explicit(p, v, SEQ))
#define atomic_fetch_and(p, v) (step(), atomic_fetch_and_explicit(p, v, SEQ))
#define atomic_fetch_add(p, v) (step(), atomic_fetch_add_explicit(p, v, SEQ))
#define atomic_fetch_sub(p, v) (step(), atomic_fetch_sub_explicit(p, v, SEQ))
#define atomic_compare_exchange_weak(p, o, v) \
	(step(), atomic_compare_exchange_strong_explicit(p, o, v, SEQ, SEQ))

#include "core/mp.c"
#include "core/sipi.c"

struct machine machine;
const struct backend *backend;

void world_mail(struct vcpu *v, u32 mail)
{
	(void)v;
	(void)mail;
}

void hypapp_started(struct vcpu *v)
{
	(void)v;
}

/* A CPU as the outside sees it. */
struct world_cpu {
	bool in_root, x2apic, disabled;
	u32 apic_id, ldr, dfr, icr_high;
	u32 nmis_arrived; /* in guest mode: not yet an exit */
	u32 resets, starts, injected, flushes;
	u8 vector; /* of the last start */
	u32 activity;
};

static struct pcpu world_pcpu[WORLD_CPUS];
static struct world_cpu world[WORLD_CPUS];
static u64 trapped_pages[4];
static bool trapped_x2icr;

/* IPIs and register writes that reached the real local APIC */
static struct {
	u32 ipis, dest[16], icr[16];
	u32 writes, reg, value;
} bus;

static u32 running(void)
{
	return ((struct pcpu *)gs_self())->index;
}

static struct world_cpu *self(void)
{
	return &world[running()];
}

/* The CPU that runs from now on. Returns the one that ran. */
static u32 enter(u32 cpu)
{
	u32 old = running();

	fake_cpu->gs = &world_pcpu[cpu];
	return old;
}

/* An NMI reaches a CPU: its handler counts it, in guest mode by way of an exit. */
static void nmi(u32 cpu)
{
	if (world[cpu].in_root)
		atomic_fetch_add_explicit(&world_pcpu[cpu].vcpu.nmi_root, 1, SEQ);
	else
		world[cpu].nmis_arrived++;
}

bool apic_is_x2(void)
{
	return self()->x2apic;
}

u64 apic_base(void)
{
	return APIC_PAGE;
}

u32 apic_id(void)
{
	return self()->apic_id;
}

u32 apic_read(u32 reg)
{
	switch (reg) {
	case APIC_LDR: return self()->ldr;
	case APIC_DFR: return self()->dfr;
	case APIC_ICR_HI: return self()->icr_high;
	case APIC_VERSION: return 0x50014;
	default: return 0;
	}
}

void apic_write(u32 reg, u32 value)
{
	bus.writes++;
	bus.reg = reg;
	bus.value = value;
	if (reg == APIC_LDR)
		self()->ldr = value;
	if (reg == APIC_DFR)
		self()->dfr = value;
	if (reg == APIC_ICR_HI)
		self()->icr_high = value;
}

static u32 lost_starts; /* of the CPU that was started last */

void say(const char *f, ...)
{
	va_list ap;

	assert_string_equal(f, "platform: CPU %u has lost %u of its starts");
	va_start(ap, f);
	va_arg(ap, u32);
	lost_starts = va_arg(ap, u32);
	va_end(ap);
}

void apic_send(u32 dest, u32 icr)
{
	if (bus.ipis < ARRAY_SIZE(bus.dest)) {
		bus.dest[bus.ipis] = dest;
		bus.icr[bus.ipis] = icr;
	}
	bus.ipis++;
	for (u32 i = 0; ICR_DELIVERY(icr) == ICR_DELIVERY_NMI && i < WORLD_CPUS; i++)
		if (world[i].apic_id == dest)
			nmi(i);
}

static bool is_trapped(u64 page)
{
	for (u32 i = 0; i < ARRAY_SIZE(trapped_pages); i++)
		if (trapped_pages[i] == page)
			return true;
	return false;
}

void slat_trap_writes(u64 base, bool on)
{
	for (u32 i = 0; i < ARRAY_SIZE(trapped_pages); i++)
		if (on ? !is_trapped(base) && !trapped_pages[i] : trapped_pages[i] == base)
			trapped_pages[i] = on ? base : 0;
}

void reset_init(struct vcpu *v)
{
	world[v->index].resets++;
}

void reset_sipi(struct vcpu *v, u8 vector)
{
	world[v->index].starts++;
	world[v->index].vector = vector;
}

enum exit_answer inject_gp(struct vcpu *v)
{
	(void)v;
	return EXIT_INJECTED;
}

/* Where a CPU of ours would not come back from. */
static jmp_buf gone;
static const char *gone_why;

static _Noreturn void leave(const char *why)
{
	gone_why = why;
	longjmp(gone, 1);
}

void machine_reset(const char *why)
{
	(void)why;
	leave("reset");
}

void probe_run(struct vcpu *v)
{
	(void)v;
}

void revive_self(struct vcpu *v)
{
	(void)v;
	leave("revive");
}

static u32 revivals;

void revive_others(void)
{
	revivals++;
}

void suspend_wake(struct pcpu *p)
{
	(void)p;
	leave("wake");
}

void virtualize_ap(struct pcpu *p)
{
	(void)p;
	leave("virtualize");
}

void trap_cpu_init(struct pcpu *p)
{
	(void)p;
}

/* The CPU whose start-up code was set up last. */
static struct pcpu *next_ap;

void boot_low_set_ap(struct pcpu *p)
{
	next_ap = p;
}

/* The events of the trace, by CPU. */
static u32 traced[MAX_CPUS][TRACE_KINDS][4];

bool trace_init(struct pcpu *p)
{
	(void)p;
	return true;
}

void trace_add(struct vcpu *v, u32 what, const u64 *value)
{
	(void)value;
	traced[v->index][TRACE_KIND(what)][TRACE_SUB(what) & 3]++;
}

static u32 pages_left;

void *page_alloc(u64 n)
{
	static u8 mem[MAX_CPUS + 1][(sizeof(struct pcpu) + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE];

	if (n * PAGE_SIZE != sizeof(mem[0]) || !pages_left)
		return NULL;
	return memset(mem[--pages_left], 0, sizeof(mem[0]));
}

static void state_set(struct vcpu *v, enum cpu_reg r, u64 value)
{
	assert_int_equal(r, REG_ACTIVITY);
	world[v->index].activity = (u32)value;
}

/* CS is where the last SIPI put it. */
static u64 state_get(struct vcpu *v, enum cpu_reg r)
{
	assert_int_equal(r, REG_SEG(SEG_CS, SEG_BASE));
	return (u64)world[v->index].vector << 12;
}

static void inject(struct vcpu *v, struct event e)
{
	assert_int_equal(e.type, EVENT_NMI);
	world[v->index].injected++;
}

static void tlb_flush(struct vcpu *v, bool second_level)
{
	assert_int_equal(v->index, running());
	world[v->index].flushes += second_level;
}

static void disable(struct vcpu *v)
{
	world[v->index].disabled = true;
}

static void trap_msr(u32 msr, bool read, bool write)
{
	assert_int_equal(msr, MSR_X2APIC_ICR);
	assert_false(read);
	trapped_x2icr = write;
}

static const struct backend world_backend = {
	.state_get = state_get,
	.state_set = state_set,
	.inject = inject,
	.tlb_flush = tlb_flush,
	.disable = disable,
	.trap_msr = trap_msr,
};

/* While a CPU waits in a loop, the others that have an NMI take it. */
static void others_work(void)
{
	void (*hook)(void) = step_hook;
	struct exit x = {.kind = EXIT_NMI};
	u32 ran = running();

	step_hook = NULL;
	for (u32 i = 0; i < cpu_count; i++) {
		struct vcpu *v = &world_pcpu[i].vcpu;

		if (i == ran || !(world[i].nmis_arrived + atomic_load(&v->nmi_root)))
			continue;
		enter(i);
		atomic_fetch_add(&v->nmi_root, world[i].nmis_arrived);
		world[i].nmis_arrived = 0;
		exit_nmi(v, &x);
	}
	enter(ran);
	step_hook = hook;
}

/* All CPUs up and in guest mode, CPU 0 in the middle of an exit, strategy as asked. */
static void world_start(u32 cpus, u32 strategy)
{
	memset(world_pcpu, 0, sizeof(world_pcpu));
	memset(world, 0, sizeof(world));
	memset(&machine, 0, sizeof(machine));
	memset(&bus, 0, sizeof(bus));
	memset(&sipi, 0, sizeof(sipi));
	memset(trapped_pages, 0, sizeof(trapped_pages));
	trapped_x2icr = false;
	step_hook = NULL;
	fake_paused = others_work;
	backend = &world_backend;
	fake_cpu->gs = &world_pcpu[0];
	fake_cpu->leaf_1 = (struct cpuid){.ecx = CPUID_1_ECX_X2APIC};
	cpu_count = cpus;
	for (u32 i = 0; i < cpus; i++) {
		world_pcpu[i].index = world_pcpu[i].vcpu.index = i;
		world_pcpu[i].vcpu.is_bsp = i == 0;
		world_pcpu[i].pub.up = 1;
		world_pcpu[i].pub.apic_page = APIC_PAGE;
		world_pcpu[i].pub.apic_id = world[i].apic_id = 2 * i;
		pcpus[i] = &world_pcpu[i];
	}
	machine.opt.sipi = strategy;
	world[0].in_root = true;
	sipi_init();
}

/* CPU `from` writes its xAPIC's ICR, in an exit. */
static void send(u32 from, u32 dest, u32 icr)
{
	bool in_root = world[from].in_root;
	u32 ran = enter(from);

	world[from].in_root = true;
	world[from].icr_high = dest << 24;
	sipi_write_xapic(&world_pcpu[from].vcpu, APIC_ICR_LO, icr);
	world[from].in_root = in_root;
	enter(ran);
}

#define ICR_INIT    (ICR_SET_DELIVERY(ICR_DELIVERY_INIT) | ICR_ASSERT)
#define ICR_SIPI(v) (ICR_SET_DELIVERY(ICR_DELIVERY_SIPI) | ICR_ASSERT | (v))

#endif
