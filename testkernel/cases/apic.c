/* SPDX-License-Identifier: MIT */
/*
 * The local APIC at another page (Intel SDM vol. 3A, 11.4.5): on one CPU at a time, the others'
 * stay where they are. Some platforms keep it where it was, whatever the MSR says; then it must
 * go on working there.
 */
#include "testkernel/groups.h"
#include "testkernel/lapic.h"
#include "testkernel/smp.h"
#include "testkernel/tap.h"
#include "x86/msr.h"
#include "x86/paging.h"

#define VECTOR (VEC_TEST + 6)
#define OTHER_PAGE \
	(LAPIC_PAGE + 0x110000u) /* no device there; uncached as the first one is (entry.S) */
#define ROUNDS 20u

static u32 version_at(u64 page)
{
	return *(volatile u32 *)(uintptr_t)(page + APIC_VERSION);
}

static void move(u64 page)
{
	struct cpu *c = this_cpu();
	u64 base = rdmsr(MSR_APIC_BASE);
	u32 version = lapic_read(APIC_VERSION);

	wrmsr(MSR_APIC_BASE, (base & ~PTE_ADDR) | page);
	check((rdmsr(MSR_APIC_BASE) & PTE_ADDR) == page, "APIC_BASE is %lx", rdmsr(MSR_APIC_BASE));
	if (version_at(page) == version)
		c->lapic_page = page;
}

static void back(void)
{
	move(LAPIC_PAGE);
	check(lapic_read(APIC_ID) >> 24 == this_cpu()->apic_id, "back: the ID is %x",
	      lapic_read(APIC_ID));
}

static void interrupt_self(void)
{
	struct cpu *c = this_cpu();
	u32 start = c->irq_count[VECTOR];

	tk_sti();
	for (u32 i = 1; i <= ROUNDS; i++) {
		lapic_send(0, ICR_FIXED | ICR_TO_SELF | VECTOR);
		check(wait_for(c->irq_count[VECTOR] - start == i), "round %u: %u interrupts", i,
		      c->irq_count[VECTOR] - start);
	}
	tk_cli();
}

static void move_one(void *follows)
{
	move(OTHER_PAGE);
	*(bool *)follows = this_cpu()->lapic_page == OTHER_PAGE;
	check(lapic_read(APIC_ID) >> 24 == this_cpu()->apic_id, "moved: the ID is %x",
	      lapic_read(APIC_ID));
	interrupt_self();
	back();
	interrupt_self();
}

/* The CPU, moved, starts all CPUs but 0 and itself; those use their own APICs. */
static void start_others(void *unused)
{
	u32 self = this_cpu()->index;

	(void)unused;
	move(OTHER_PAGE);
	for (u32 n = 0; n < 3; n++)
		for (u32 i = 1; i < cpu_count; i++) {
			if (i == self)
				continue;
			check(smp_restart(i), "cpu %u does not start", i);
			for (u32 k = 0, start = cpus[i].irq_count[VECTOR]; k < ROUNDS; k++) {
				lapic_send(cpus[i].apic_id, ICR_FIXED | VECTOR);
				check(wait_for(cpus[i].irq_count[VECTOR] - start == k + 1),
				      "cpu %u, round %u: %u interrupts", i, k,
				      cpus[i].irq_count[VECTOR] - start);
			}
		}
	back();
}

static void move_away(void *unused)
{
	(void)unused;
	move(OTHER_PAGE);
}

static void move_back(void *unused)
{
	(void)unused;
	back();
}

/* CPU 0, whose APIC is where it always was, starts those whose APIC is not. */
static void start_moved(void)
{
	for (u32 i = 1; i < cpu_count; i++) {
		run_on(i, move_away, NULL);
		for (u32 n = 0; n < 3; n++)
			check(smp_restart(i), "cpu %u does not start", i);
		run_on(i, move_back, NULL);
	}
}

void group_apic(void)
{
	bool follows = false;

	on_each_cpu(move_one, &follows);
	tap("the local APIC at another page: it %s there", follows ? "is" : "is not");
	for (u32 i = 0; i < cpu_count; i++)
		run_on(i, start_others, NULL);
	tap("a CPU whose APIC is at another page starts the others");
	start_moved();
	tap("CPUs whose APIC is at another page are started");
}
