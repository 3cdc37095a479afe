/* SPDX-License-Identifier: MIT */
/*
 * INIT and SIPI in every way they can be sent, to CPUs in every state (Intel SDM vol. 3A, 9.4.4 and
 * 11.6.1). After each case the probe makes sure that no CPU got out of Lamina's hands.
 */
#include "testkernel/exec.h"
#include "testkernel/groups.h"
#include "testkernel/lapic.h"
#include "testkernel/mb2.h"
#include "testkernel/smp.h"
#include "testkernel/tap.h"
#include "testkernel/cases/sipi.h"
#include "lib/string.h"

#define REPEATS 50u

static u32 before[MAX_CPUS];

static void remember(void)
{
	for (u32 i = 0; i < cpu_count; i++)
		before[i] = cpus[i].started;
}

/* Every AP but `except` has started once since remember(), the others not at all. */
static void started_once(u32 except, const char *what)
{
	for (u32 i = 1; i < cpu_count; i++)
		if (i != except)
			check(wait_for(cpus[i].started == before[i] + 1),
			      "%s: cpu %u started %u times", what, i, cpus[i].started - before[i]);
	smp_settle();
	for (u32 i = 0; i < cpu_count; i++) {
		u32 due = i && i != except ? 1 : 0;

		check(cpus[i].started - before[i] == due, "%s: cpu %u started %u times, not %u",
		      what, i, cpus[i].started - before[i], due);
	}
}

static void end(const char *text)
{
	if (cpu_count > 1)
		probe_all();
	tap("%s", text);
}

static void repeated(void)
{
	for (u32 i = 1; i < cpu_count; i++) {
		struct cpu *c = &cpus[i];
		u32 start = c->started;

		smp_trampoline(SIPI_VECTOR, AP_ONE_STEP);
		for (u32 n = 1; n <= REPEATS; n++) {
			lapic_send(c->apic_id, ICR_INIT);
			smp_settle();
			lapic_send(c->apic_id, ICR_SIPI(SIPI_VECTOR));
			lapic_send(c->apic_id, ICR_SIPI(SIPI_VECTOR));
			check(wait_for(c->started - start == n),
			      "cpu %u, round %u: started %u times", i, n, c->started - start);
		}
		smp_settle();
		check(c->started - start == REPEATS, "cpu %u: started %u times", i,
		      c->started - start);
	}
	end("INIT-SIPI-SIPI restarts an AP once, 50 times");
}

/* INIT takes the logical ID away, so the SIPI goes by APIC ID. */
static void by_id(bool logical)
{
	for (u32 i = 1; i < cpu_count; i++) {
		u32 id = cpus[i].apic_id, start = cpus[i].started;
		u32 set = logical ? lapic_logical(i, id) : id;
		u32 bits = logical ? ICR_LOGICAL : 0;

		smp_trampoline(SIPI_VECTOR, AP_ONE_STEP);
		lapic_send(set, ICR_INIT | bits);
		smp_settle();
		lapic_send(id, ICR_SIPI(SIPI_VECTOR));
		check(wait_for(cpus[i].started == start + 1), "cpu %u does not start", i);
	}
	end(logical ? "INIT by logical ID restarts an AP" : "INIT by APIC ID restarts an AP");
}

/* The INIT level de-assert message that old software sends after the INIT has no effect. */
static void deassert(void)
{
	for (u32 i = 1; i < cpu_count; i++) {
		u32 start = cpus[i].started;

		smp_trampoline(SIPI_VECTOR, AP_ONE_STEP);
		lapic_send(cpus[i].apic_id, ICR_INIT | ICR_LEVEL);
		smp_settle();
		lapic_send(cpus[i].apic_id, (ICR_INIT & ~ICR_ASSERT) | ICR_LEVEL);
		lapic_send(cpus[i].apic_id, ICR_SIPI(SIPI_VECTOR));
		check(wait_for(cpus[i].started == start + 1), "cpu %u does not start", i);
	}
	end("INIT with level assert and de-assert, then SIPI");
}

static void shorthands(void)
{
	if (cpu_count > 1) {
		remember();
		smp_trampoline(SIPI_VECTOR, AP_ONE_STEP);
		lapic_send(0, ICR_INIT | ICR_TO_OTHER);
		smp_settle();
		lapic_send(0, ICR_SIPI(SIPI_VECTOR) | ICR_TO_OTHER);
		started_once(0, "all others");
	}
	end("INIT and SIPI to all others starts each AP once");
	if (cpu_count > 1) {
		remember();
		smp_trampoline(SIPI_VECTOR, AP_TWO_STEPS);
		lapic_send(0, ICR_INIT | ICR_TO_OTHER);
		smp_settle();
		lapic_send(0, ICR_SIPI(SIPI_VECTOR) | ICR_TO_ALL);
		started_once(0, "all");
	}
	end("SIPI to all including oneself starts the waiting APs and leaves the sender alone");
}

static void without_init(void)
{
	for (u32 i = 1; i < cpu_count; i++) {
		remember();
		smp_trampoline(SIPI_VECTOR, AP_ONE_STEP);
		lapic_send(cpus[i].apic_id, ICR_SIPI(SIPI_VECTOR));
		smp_settle();
		lapic_send(0, ICR_SIPI(SIPI_VECTOR) | ICR_TO_OTHER);
		smp_settle();
		for (u32 k = 0; k < cpu_count; k++)
			check(cpus[k].started == before[k], "cpu %u started", k);
	}
	end("a SIPI to a running CPU is ignored");
}

static void vectors(void)
{
	static const u8 list[] = {0x09, 0x10, 0x2a, 0x3f, 0x60, 0x7f};

	for (u32 i = 1; i < cpu_count; i++) {
		for (size_t k = 0; k < ARRAY_SIZE(list); k++) {
			u32 start = cpus[i].started;

			smp_trampoline(list[k], AP_ONE_STEP);
			lapic_send(cpus[i].apic_id, ICR_INIT);
			smp_settle();
			lapic_send(cpus[i].apic_id, ICR_SIPI(list[k]));
			check(wait_for(cpus[i].started == start + 1), "vector %x: cpu %u", list[k],
			      i);
			check(cpus[i].capture.cs == list[k] << 8, "vector %x: CS %x", list[k],
			      cpus[i].capture.cs);
		}
	}
	end("the SIPI's vector is the page at which an AP starts");
}

static void restart_others(void *unused)
{
	u32 self = this_cpu()->index;

	(void)unused;
	for (u32 i = 1; i < cpu_count; i++)
		if (i != self)
			check(smp_restart(i), "cpu %u, restarted by %u", i, self);
}

static void any_sender(void)
{
	for (u32 i = 0; i < cpu_count; i++) {
		run_on(i, restart_others, NULL);
		check(cpus[0].started == 1, "cpu 0 started again");
	}
	end("every CPU can restart every AP");
}

/* Two senders at work at the same time, each with an AP of its own. */
static void restart_many(void *target)
{
	struct cpu *c = target;

	for (u32 n = 0; n < REPEATS; n++) {
		u32 start = c->started;

		lapic_send(c->apic_id, ICR_INIT);
		smp_settle();
		lapic_send(c->apic_id, ICR_SIPI(SIPI_VECTOR));
		check(wait_for(c->started == start + 1), "round %u: cpu %u", n, c->index);
	}
}

static void two_senders(void)
{
	char senders[8];

	if (mb2_option("senders", senders, sizeof(senders)) && !strcmp(senders, "one"))
		return;
	if (cpu_count < 4) {
		tap_skip("two CPUs restart one AP each at the same time", "needs four CPUs");
		return;
	}
	smp_trampoline(SIPI_VECTOR, AP_ONE_STEP);
	start_on(1, restart_many, &cpus[2]);
	restart_many(&cpus[3]);
	finish_on(1);
	end("two CPUs restart one AP each at the same time");
}

void sipi_cases(void)
{
	by_id(true); /* first: in x2APIC mode some platforms' INIT takes the logical ID for good */
	by_id(false);
	repeated();
	deassert();
	shorthands();
	without_init();
	vectors();
	any_sender();
	two_senders();
}

void group_sipi(void)
{
	sipi_cases();
	sipi_states();
}
