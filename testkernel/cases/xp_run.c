/* SPDX-License-Identifier: MIT */
/* The rounds of xp_page.S on one CPU after the other, on all at once, and under fire. */
#include "testkernel/lapic.h"
#include "testkernel/smp.h"
#include "testkernel/tap.h"
#include "testkernel/cases/xp.h"
#include "x86/cr.h"

#define BURST_PERIOD   3u  /* every so many NMIs a second one follows at once */
#define RESTART_PERIOD 10u /* so many sends to each CPU for one INIT-SIPI to the victim */

static struct xp_cpu xc[MAX_CPUS];
static volatile u32 ready, awaited; /* CPUs that are, and shall be, about to start */
static u32 traps[MAX_CPUS], traps_due[MAX_CPUS];

static struct fire {
	enum xp_paging paging;
	u32 from, victim; /* CPUs; victim == from: none */
	u32 sends;
	u32 sent[MAX_CPUS], nmis_before[MAX_CPUS], irqs_before[MAX_CPUS];
	u32 lost_nmis[MAX_CPUS], lost_irqs[MAX_CPUS];
	u32 restarts, failed_restarts;
} fire;

static void run_rounds(void *unused)
{
	(void)unused;
	__atomic_add_fetch(&ready, 1, __ATOMIC_SEQ_CST);
	if (wait_for(ready == awaited))
		xp_rounds(&xc[this_cpu()->index]);
}

static void show_bad(u32 cpu, const struct xp_bad *b)
{
	static const struct {
		const char *reg, *where;
	} reads[XR_COUNT] = {
		[XR_START_CR0] = {"CR0", "before the sequence"},
		[XR_START_CR4] = {"CR4", "after PSE := 0"},
		[XR_CR0] = {"CR0", "before PG := 0"},
		[XR_UNPAGED_CR0] = {"CR0", "after PG := 0"},
		[XR_CR4] = {"CR4", "before PSE := 1"},
		[XR_WRITTEN_CR4] = {"CR4", "after PSE := 1"},
		[XR_PAGED_CR0] = {"CR0", "after PG := 1"},
		[XR_PAGED_CR4] = {"CR4", "after PG := 1"},
		[XR_AFTER_CR0] = {"CR0", "after the sequence"},
		[XR_AFTER_CR3] = {"CR3", "after the sequence"},
		[XR_AFTER_CR4] = {"CR4", "after the sequence"},
		[XR_STEPPED_CR0] = {"CR0", "in the debug handler, before PG := 0"},
		[XR_STEPPED_CR4] = {"CR4", "in the debug handler, before PSE := 1"},
		[XR_LONG_CR4] = {"CR4", "in long mode"},
	};
	const char *reg = reads[b->step].reg;
	bool leak = reg[2] == '4' && (b->read & ~b->due & CR4_VMXE);

	check(false, "of cpu %u: round %u, %s, just before %08x: %s reads 0x%x, due 0x%x%s", cpu,
	      b->round, reads[b->step].where, b->address, reg, b->read, b->due,
	      leak ? ": VMXE leaked" : "");
}

static void verdict(u32 cpu)
{
	const struct xp_cpu *x = &xc[cpu];
	const struct xp_fault *f = &x->fault;

	check(!x->bad_count, "of cpu %u: %u wrong reads in %u rounds", cpu, x->bad_count, x->round);
	for (u32 i = 0; i < x->bad_count && i < XP_BADS; i++)
		show_bad(cpu, &x->bad[i]);
	check(!x->faults, "of cpu %u: round %u ended by vector %u, error code %x, at %08x", cpu,
	      x->round, f->vector, f->error, f->eip);
	if (x->faults) {
		note("ecx %08x edx %08x cr0 %08x cr2 %08x cr4 %08x", f->ecx, f->edx, f->cr0, f->cr2,
		     f->cr4);
		return;
	}
	check(x->round >= x->rounds, "of cpu %u: %u rounds of %u", cpu, x->round, x->rounds);
	traps[cpu] += x->traps;
	traps_due[cpu] += (x->round + XP_STEP_PERIOD - 1) / XP_STEP_PERIOD * XP_STEPS;
}

static void prepare(u32 cpu, enum xp_paging paging, u32 rounds)
{
	xp_prepare(&xc[cpu], paging);
	xc[cpu].rounds = rounds;
}

void xp_one_by_one(enum xp_paging paging, u32 rounds)
{
	for (u32 i = 0; i < cpu_count; i++) {
		prepare(i, paging, rounds);
		ready = 0;
		awaited = 1;
		run_on(i, run_rounds, NULL);
		verdict(i);
	}
}

void xp_all_at_once(enum xp_paging paging, u32 rounds)
{
	ready = 0;
	awaited = cpu_count;
	for (u32 i = 0; i < cpu_count; i++)
		prepare(i, paging, rounds);
	for (u32 i = 1; i < cpu_count; i++)
		start_on(i, run_rounds, NULL);
	run_rounds(NULL);
	for (u32 i = 1; i < cpu_count; i++)
		finish_on(i);
	for (u32 i = 0; i < cpu_count; i++)
		verdict(i);
}

/* NMIs and interrupts are counted by the 32-bit handlers and, outside the rounds, by trap.c. */
static u32 nmis(u32 cpu)
{
	return xc[cpu].nmis + cpus[cpu].irq_count[VECTOR_NMI] - fire.nmis_before[cpu];
}

static u32 irqs(u32 cpu)
{
	return xc[cpu].irqs + cpus[cpu].irq_count[XP_VECTOR] - fire.irqs_before[cpu];
}

static bool runs(u32 cpu)
{
	return cpu != fire.from && cpu != fire.victim;
}

/* One interrupt and one or two NMIs. Two of a kind may merge, so one is what has to come. */
static void shoot(u32 cpu, u32 n)
{
	u32 id = cpus[cpu].apic_id, nmis_were = nmis(cpu), irqs_were = irqs(cpu);

	lapic_send(id, ICR_FIXED | XP_VECTOR);
	for (u32 k = n % BURST_PERIOD ? 1 : 2; k; k--) {
		lapic_send(id, ICR_NMI | ICR_ASSERT);
		fire.sent[cpu]++;
	}
	if (!wait_for(nmis(cpu) != nmis_were))
		fire.lost_nmis[cpu]++;
	if (!wait_for(irqs(cpu) != irqs_were))
		fire.lost_irqs[cpu]++;
}

static void fire_at_all(void *unused)
{
	u32 seed = 1;

	(void)unused;
	__atomic_add_fetch(&ready, 1, __ATOMIC_SEQ_CST);
	for (u32 n = 0; n < fire.sends; n++) {
		for (u32 i = 0; i < cpu_count; i++) {
			if (!runs(i))
				continue;
			shoot(i, n);
			seed = seed * 1103515245 + 12345;
			for (u32 k = seed >> 26; k; k--)
				cpu_pause();
		}
		if (n % RESTART_PERIOD == 0 && fire.victim != fire.from) {
			fire.restarts++;
			fire.failed_restarts += !smp_restart(fire.victim);
		}
	}
	for (u32 i = 0; i < cpu_count; i++)
		xc[i].go_on = 0;
}

static void fire_verdict(void)
{
	for (u32 i = 0; i < cpu_count; i++) {
		const struct xp_cpu *x = &xc[i];

		if (!runs(i))
			continue;
		verdict(i);
		check(!fire.lost_nmis[i] && !fire.lost_irqs[i],
		      "of cpu %u: %u NMIs and %u interrupts are lost", i, fire.lost_nmis[i],
		      fire.lost_irqs[i]);
		check(nmis(i) <= fire.sent[i], "of cpu %u: %u NMIs of %u", i, nmis(i),
		      fire.sent[i]);
		note("cpu %u under fire of cpu %u: %u rounds, %u NMIs of %u, %u of them in "
		     "identity-mapped code, %u interrupts",
		     i, fire.from, x->round, nmis(i), fire.sent[i], x->nmis_low, irqs(i));
	}
	check(!fire.failed_restarts, "cpu %u failed to start %u times of %u", fire.victim,
	      fire.failed_restarts, fire.restarts);
}

void xp_under_fire(u32 from, enum xp_paging paging, u32 rounds, u32 sends)
{
	u32 victim = cpu_count < 3 ? from : from ? from - 1 : 1;

	fire = (struct fire){.from = from, .victim = victim, .paging = paging, .sends = sends};
	ready = 0;
	awaited = victim == from ? cpu_count : cpu_count - 1;
	for (u32 i = 0; i < cpu_count; i++) {
		prepare(i, paging, rounds);
		xc[i].go_on = 1;
		fire.nmis_before[i] = cpus[i].irq_count[VECTOR_NMI];
		fire.irqs_before[i] = cpus[i].irq_count[XP_VECTOR];
	}
	for (u32 i = 1; i < cpu_count; i++)
		if (i == from || runs(i))
			start_on(i, i == from ? fire_at_all : run_rounds, NULL);
	if (from)
		run_rounds(NULL);
	else
		fire_at_all(NULL);
	for (u32 i = 1; i < cpu_count; i++)
		if (i == from || runs(i))
			finish_on(i);
	smp_settle();
	fire_verdict();
}

void xp_sums(void)
{
	for (u32 i = 0; i < cpu_count; i++)
		check(traps_due[i] && traps[i] == traps_due[i],
		      "of cpu %u: %u single-step traps, due %u", i, traps[i], traps_due[i]);
}
