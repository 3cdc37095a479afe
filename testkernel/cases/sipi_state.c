/* SPDX-License-Identifier: MIT */
/* INIT to an AP in every state a CPU can be in: it always starts anew, and nowhere but at the SIPI.
 */
#include "testkernel/exec.h"
#include "testkernel/groups.h"
#include "testkernel/lapic.h"
#include "testkernel/legacy.h"
#include "testkernel/smp.h"
#include "testkernel/tap.h"
#include "testkernel/cases/sipi.h"
#include "x86/cr.h"

static volatile u32 turns; /* the target shows that it runs */

static void in_cli_loop(void *unused)
{
	(void)unused;
	for (;;) {
		turns = turns + 1;
		cpu_pause();
	}
}

static void in_cli_hlt(void *unused)
{
	(void)unused;
	for (turns = 1;;)
		cpu_halt();
}

static void in_cpuid_loop(void *unused)
{
	(void)unused;
	for (;;) {
		turns = turns + 1;
		cpuid(0, 0);
	}
}

static void in_user_mode(void *unused)
{
	struct exec e = {.f.rflags = RFLAGS_IF};

	(void)unused;
	turns = 1;
	exec(&e, 3, &snip_spin);
}

static void spin_in_handler(struct trap_frame *f)
{
	(void)f;
	for (;;) {
		turns = turns + 1;
		cpu_pause();
	}
}

static void in_nmi_handler(void *unused)
{
	(void)unused;
	trap_hook(VECTOR_NMI, spin_in_handler);
	lapic_send(this_cpu()->apic_id, ICR_NMI | ICR_ASSERT);
	for (;;)
		cpu_pause();
}

/* Paging off, 32-bit code. */
static void in_unpaged_mode(void *unused)
{
	static struct op ops[MAX_CPUS][3];
	struct op *o = ops[this_cpu()->index];

	(void)unused;
	o[0] = (struct op){.kind = OP_WRITE_CR0, .value = (u32)(read_cr0() & ~CR0_PG)};
	o[1] = (struct op){.kind = OP_STAY};
	turns = 1;
	legacy_run(o);
}

static void restart_in(work_fn state, const char *text)
{
	for (u32 i = 1; i < cpu_count; i++) {
		u32 seen;

		turns = 0;
		start_on(i, state, NULL);
		check(wait_for(turns), "cpu %u does not begin", i);
		smp_settle();
		check(smp_restart(i), "cpu %u does not start", i);
		seen = turns;
		smp_settle();
		check(turns == seen, "cpu %u still runs what it ran", i);
	}
	if (cpu_count > 1)
		probe_all();
	tap("INIT and SIPI restart an AP %s", text);
}

/* INIT alone: the AP stops; a second INIT changes nothing, and interrupts do not wake it. */
static void waits_for_sipi(void)
{
	for (u32 i = 1; i < cpu_count; i++) {
		struct cpu *c = &cpus[i];
		u32 start = c->started, seen, nmis;

		turns = 0;
		start_on(i, in_cli_loop, NULL);
		check(wait_for(turns), "cpu %u does not begin", i);
		smp_trampoline(SIPI_VECTOR, AP_ONE_STEP);
		lapic_send(c->apic_id, ICR_INIT);
		smp_settle();
		seen = turns;
		nmis = c->irq_count[VECTOR_NMI];
		lapic_send(c->apic_id, ICR_FIXED | VEC_WAKE);
		lapic_send(c->apic_id, ICR_INIT);
		smp_settle();
		check(turns == seen && c->started == start, "cpu %u runs after INIT", i);
		lapic_send(c->apic_id, ICR_SIPI(SIPI_VECTOR));
		check(wait_for(c->started == start + 1), "cpu %u does not start", i);
		check(c->irq_count[VECTOR_NMI] == nmis, "cpu %u: an NMI came", i);
	}
	if (cpu_count > 1)
		probe_all();
	tap("after INIT an AP waits for the SIPI, other INITs and interrupts do not wake it");
}

void sipi_states(void)
{
	restart_in(in_cli_loop, "that loops with interrupts disabled");
	restart_in(in_cli_hlt, "in HLT with interrupts disabled");
	restart_in(in_user_mode, "at CPL 3");
	restart_in(in_nmi_handler, "in its NMI handler");
	restart_in(in_unpaged_mode, "in unpaged 32-bit mode");
	waits_for_sipi();
}

/* A CPU that is hardly ever in guest mode under a hypervisor. An emulator that drops INIT signals
 * to a CPU in root mode fails this unless the hypervisor sees every INIT itself: hence a group of
 * its own. */
void group_busy(void)
{
	restart_in(in_cpuid_loop, "that executes CPUID");
}
