/* SPDX-License-Identifier: MIT */
/*
 * NMIs by IPI: each reaches its CPU's handler exactly once, whatever that CPU is doing, and none is
 * lost between two of them (Intel SDM vol. 3A, 6.7.1).
 */
#include "testkernel/exec.h"
#include "testkernel/groups.h"
#include "testkernel/lapic.h"
#include "testkernel/smp.h"
#include "testkernel/tap.h"
#include "testkernel/cases/intr.h"
#include "x86/cr.h"
#include "x86/msr.h"

#define ROUNDS	    200u
#define VECTOR_STOP (VEC_TEST + 3)

static volatile u32 busy; /* the target is in its loop */
static volatile u32 stop;

static volatile u32 hold;    /* the handler waits while this is set */
static volatile u32 holding; /* it does */
static volatile u32 early;   /* NMIs that came while another was handled */

static u32 nmis(u32 cpu)
{
	return cpus[cpu].irq_count[VECTOR_NMI];
}

/* What a CPU may be doing when an NMI comes. Each loops until `stop`. */
static void loop_cli(void *unused)
{
	(void)unused;
	for (busy = 1; !stop;)
		cpu_pause();
}

static void loop_cpuid(void *unused)
{
	(void)unused;
	for (busy = 1; !stop;)
		cpuid(0, 0);
}

static void loop_msr(void *unused)
{
	(void)unused;
	for (busy = 1; !stop;)
		wrmsr(MSR_MTRR_DEF_TYPE, rdmsr(MSR_MTRR_DEF_TYPE));
}

static void loop_cr0(void *unused)
{
	u64 cr0 = read_cr0();

	(void)unused;
	for (busy = 1; !stop;) {
		write_cr0(cr0 ^ CR0_NE);
		write_cr0(cr0);
	}
}

/* Shadows of STI and MOV to SS, with and without an instruction that exits in them. */
static void loop_shadows(void *unused)
{
	(void)unused;
	*(volatile u16 *)this_cpu()->data = TK_DATA;
	for (busy = 1; !stop;) {
		struct exec e = {.f.gpr[RSI] = exec_data(0)};

		exec(&e, 0, &snip_sti_ss_cpuid_nops);
		exec_acd(0, &snip_sti_cpuid_nops, 0, 0, 0);
	}
}

static void loop_user(void *unused)
{
	struct exec e = {.f.rflags = RFLAGS_IF, .ends_at_irq = true};

	(void)unused;
	busy = 1;
	exec(&e, 3, &snip_spin);
	check(e.f.vector == VECTOR_STOP, "the loop at CPL 3 ended with vector %u", (u32)e.f.vector);
}

static void send_nmi(u32 cpu)
{
	lapic_send(cpus[cpu].apic_id, ICR_NMI | ICR_ASSERT);
}

/* NMIs one by one, each waited for; then none more may come. */
static void rounds(u32 cpu, const char *what)
{
	u32 start = nmis(cpu);

	for (u32 n = 1; n <= ROUNDS; n++) {
		send_nmi(cpu);
		if (!wait_for(nmis(cpu) - start >= n)) {
			check(false, "%s, cpu %u: NMI %u is lost", what, cpu, n);
			return;
		}
		check(nmis(cpu) - start == n, "%s, cpu %u: %u NMIs after %u", what, cpu,
		      nmis(cpu) - start, n);
	}
	smp_settle();
	check(nmis(cpu) - start == ROUNDS, "%s, cpu %u: %u NMIs of %u", what, cpu,
	      nmis(cpu) - start, ROUNDS);
}

static void during(work_fn loop, const char *what)
{
	for (u32 i = 1; i < cpu_count; i++) {
		busy = stop = 0;
		start_on(i, loop, NULL);
		check(wait_for(busy), "%s, cpu %u: does not start", what, i);
		rounds(i, what);
		stop = 1;
		if (loop == loop_user)
			lapic_send(cpus[i].apic_id, ICR_FIXED | VECTOR_STOP);
		finish_on(i);
	}
	tap("%u NMIs to each other CPU, %s, arrive once each", ROUNDS, what);
}

static void halted(void)
{
	for (u32 i = 1; i < cpu_count; i++)
		rounds(i, "in HLT");
	tap("%u NMIs to each other CPU, in HLT, arrive once each", ROUNDS);
}

static void to_self(void *unused)
{
	(void)unused;
	rounds(this_cpu()->index, "to itself");
}

/* The handler that stays: instructions that exit do not end the blocking, only IRET does. */
static void slow_handler(struct trap_frame *f)
{
	u32 depth = this_cpu()->irq_count[VECTOR_NMI];

	(void)f;
	if (!hold)
		return;
	holding = 1;
	while (hold) {
		cpuid(0, 0);
		wrmsr(MSR_MTRR_DEF_TYPE, rdmsr(MSR_MTRR_DEF_TYPE));
	}
	if (this_cpu()->irq_count[VECTOR_NMI] != depth)
		early = early + 1;
	holding = 0;
}

static void set_hook(void *fn)
{
	trap_hook(VECTOR_NMI, (trap_fn)(uintptr_t)fn);
}

/* Of the NMIs that come while one is handled the CPU keeps one, and gives it after IRET. */
static void while_handled(u32 extra)
{
	for (u32 i = 1; i < cpu_count; i++) {
		run_on(i, set_hook, (void *)(uintptr_t)slow_handler);
		for (u32 n = 0; n < 20; n++) {
			u32 start = nmis(i);

			early = holding = 0;
			hold = 1;
			send_nmi(i);
			check(wait_for(holding), "cpu %u: the first NMI is lost", i);
			for (u32 k = 0; k < extra; k++) {
				send_nmi(i);
				smp_settle();
			}
			hold = 0;
			check(wait_for(nmis(i) - start == 2), "cpu %u: %u NMIs, not 2", i,
			      nmis(i) - start);
			smp_settle();
			check(nmis(i) - start == 2 && !early, "cpu %u: %u NMIs, %u of them nested",
			      i, nmis(i) - start, early);
		}
		run_on(i, set_hook, NULL);
	}
	tap("%u NMIs during an NMI's handler: one more handler, after IRET", extra);
}

static void flood_from(void *target)
{
	for (u32 n = 0; n < 5 * ROUNDS; n++)
		send_nmi(*(u32 *)target);
}

static void nothing(void *unused)
{
	(void)unused;
}

/* NMIs that are on their way to the CPU come before the interrupts that it is sent now. */
static void drain(u32 target)
{
	smp_settle();
	for (u32 i = 0; i < 3; i++)
		run_on(target, nothing, NULL);
}

/* All others send at once, without waiting; the CPU lives, and the next NMI arrives once. */
static void flood(void)
{
	for (u32 target = 0; target < cpu_count; target++) {
		u32 start = nmis(target), sent = (cpu_count - 1) * 5 * ROUNDS;

		for (u32 i = 1; i < cpu_count; i++)
			if (i != target)
				start_on(i, flood_from, &target);
		if (target)
			flood_from(&target);
		for (u32 i = 1; i < cpu_count; i++)
			if (i != target)
				finish_on(i);
		check(!sent || wait_for(nmis(target) != start), "cpu %u: no NMI of %u", target,
		      sent);
		drain(target);
		check(nmis(target) - start <= sent, "cpu %u: %u NMIs of %u", target,
		      nmis(target) - start, sent);
		note("flood: %u NMIs sent to cpu %u, %u handled", sent, target,
		     nmis(target) - start);
		start = nmis(target);
		send_nmi(target);
		check(wait_for(nmis(target) - start == 1), "cpu %u: %u NMIs after the flood",
		      target, nmis(target) - start);
	}
	tap("a flood of NMIs from all other CPUs is survived");
}

void nmi_cases(void)
{
	on_each_cpu(to_self, NULL);
	tap("%u NMIs to oneself arrive once each", ROUNDS);
	halted();
	during(loop_cli, "with interrupts disabled");
	during(loop_cpuid, "executing CPUID");
	during(loop_user, "at CPL 3");
	while_handled(1);
	while_handled(3);
}

void group_nmi(void)
{
	nmi_cases();
	during(loop_msr, "writing MTRRs");
	during(loop_cr0, "writing CR0");
	during(loop_shadows, "in shadows of STI and MOV to SS");
	flood();
	probe_all();
	tap("after all this every CPU is where it was");
}
