/* SPDX-License-Identifier: MIT */
/* Maskable interrupts by IPI: each arrives once, in order of priority, and not while it is held
 * off. */
#include "testkernel/exec.h"
#include "testkernel/groups.h"
#include "testkernel/lapic.h"
#include "testkernel/quirks.h"
#include "testkernel/smp.h"
#include "testkernel/tap.h"
#include "testkernel/cases/intr.h"

#define VECTOR_A (VEC_TEST + 2)	   /* priority class 6 */
#define VECTOR_B (VEC_TEST + 0x30) /* priority class 9 */
#define ROUNDS	 300u

static u32 count(const struct cpu *c, u8 vector)
{
	return c->irq_count[vector];
}

static void self_ipis(void *unused)
{
	struct cpu *c = this_cpu();
	u32 start = count(c, VECTOR_A);

	(void)unused;
	for (u32 i = 1; i <= ROUNDS; i++) {
		lapic_send(c->apic_id, ICR_FIXED | (i & 1 ? ICR_TO_SELF : 0) | VECTOR_A);
		check(wait_for(lapic_pending(VECTOR_A)), "round %u: not pending", i);
		tk_sti();
		check(wait_for(count(c, VECTOR_A) - start == i), "round %u: %u interrupts", i,
		      count(c, VECTOR_A) - start);
		tk_cli();
		check(!lapic_in_service(VECTOR_A), "round %u: in service after EOI", i);
	}
	check(count(c, VECTOR_A) - start == ROUNDS, "%u interrupts of %u",
	      count(c, VECTOR_A) - start, ROUNDS);
}

/* CPU 0 to each CPU that waits in HLT; each in turn by physical and by logical ID. */
static void cross_ipis(void)
{
	for (u32 i = 1; i < cpu_count; i++) {
		struct cpu *c = &cpus[i];
		u32 start = count(c, VECTOR_A);

		for (u32 n = 1; n <= ROUNDS; n++) {
			if (n & 1)
				lapic_send(c->apic_id, ICR_FIXED | VECTOR_A);
			else
				lapic_send(lapic_logical(i, c->apic_id),
					   ICR_FIXED | ICR_LOGICAL | VECTOR_A);
			check(wait_for(count(c, VECTOR_A) - start == n), "cpu %u round %u: %u", i,
			      n, count(c, VECTOR_A) - start);
		}
		check(count(c, VECTOR_A) - start == ROUNDS, "cpu %u: %u interrupts", i,
		      count(c, VECTOR_A) - start);
	}
}

/* The shorthands reach exactly the CPUs they name. */
static void broadcasts(void)
{
	u32 start[MAX_CPUS];

	for (u32 i = 0; i < cpu_count; i++)
		start[i] = count(&cpus[i], VECTOR_B);
	tk_sti();
	lapic_send(0, ICR_FIXED | ICR_TO_OTHER | VECTOR_B);
	for (u32 i = 1; i < cpu_count; i++)
		check(wait_for(count(&cpus[i], VECTOR_B) - start[i] == 1), "others: cpu %u: %u", i,
		      count(&cpus[i], VECTOR_B) - start[i]);
	check(count(&cpus[0], VECTOR_B) == start[0], "others: cpu 0 too");
	lapic_send(0, ICR_FIXED | ICR_TO_ALL | VECTOR_B);
	for (u32 i = 0; i < cpu_count; i++)
		check(wait_for(count(&cpus[i], VECTOR_B) - start[i] == (i ? 2 : 1)),
		      "all: cpu %u: %u", i, count(&cpus[i], VECTOR_B) - start[i]);
	tk_cli();
}

static void priorities(void *unused)
{
	struct cpu *c = this_cpu();
	u32 a = count(c, VECTOR_A), b = count(c, VECTOR_B);

	(void)unused;
	tk_write_cr8(VECTOR_A >> 4);
	check(lapic_read(APIC_TPR) == (VECTOR_A & 0xf0), "CR8 %lx: TPR %x", tk_read_cr8(),
	      lapic_read(APIC_TPR));
	lapic_send(0, ICR_FIXED | ICR_TO_SELF | VECTOR_A);
	lapic_send(0, ICR_FIXED | ICR_TO_SELF | VECTOR_B);
	check(wait_for(lapic_pending(VECTOR_A) && lapic_pending(VECTOR_B)), "not both pending");
	tk_sti();
	check(wait_for(count(c, VECTOR_B) == b + 1), "the higher one: %u", count(c, VECTOR_B) - b);
	smp_settle();
	tk_cli();
	check(count(c, VECTOR_A) == a && lapic_pending(VECTOR_A), "CR8 does not hold vector %x",
	      VECTOR_A);
	lapic_write(APIC_TPR, 0);
	check(tk_read_cr8() == 0, "TPR 0: CR8 is %lx", tk_read_cr8());
	tk_sti();
	check(wait_for(count(c, VECTOR_A) == a + 1), "the lower one: %u", count(c, VECTOR_A) - a);
	tk_cli();
}

/* Both pending at once: the one of the higher class comes first. */
static volatile u32 order[2], orders;

static void note_order(struct trap_frame *f)
{
	if (orders < 2)
		order[orders] = (u32)f->vector;
	orders = orders + 1;
}

static void highest_first(void *unused)
{
	(void)unused;
	orders = 0;
	trap_hook(VECTOR_A, note_order);
	trap_hook(VECTOR_B, note_order);
	lapic_send(0, ICR_FIXED | ICR_TO_SELF | VECTOR_A);
	lapic_send(0, ICR_FIXED | ICR_TO_SELF | VECTOR_B);
	check(wait_for(lapic_pending(VECTOR_A) && lapic_pending(VECTOR_B)), "not both pending");
	tk_sti();
	check(wait_for(orders == 2), "%u interrupts", orders);
	tk_cli();
	check(order[0] == VECTOR_B && order[1] == VECTOR_A, "order %x %x", order[0], order[1]);
	trap_hook(VECTOR_A, NULL);
	trap_hook(VECTOR_B, NULL);
}

static void cr8_values(void *unused)
{
	(void)unused;
	for (u64 i = 0; i < 16; i++) {
		u32 v = exec_acd(0, &snip_mov_to_cr8, i, 0, 0);

		check(v == VEC_DONE && tk_read_cr8() == i, "CR8 := %lx: vector %u, %lx", i, v,
		      tk_read_cr8());
	}
	tk_write_cr8(0);
	for (u32 bit = 4; bit < 64; bit++) {
		u32 v = exec_acd(0, &snip_mov_to_cr8, BIT(bit), 0, 0);

		check(!tk_read_cr8() &&
			      (v == VECTOR_GP || quirk_took(TCG_CR8_UNCHECKED, v == VEC_DONE)),
		      "CR8 bit %u: vector %u, now %lx", bit, v, tk_read_cr8());
	}
	check(tk_read_cr8() == 0, "CR8 is %lx", tk_read_cr8());
}

/* HLT ends by an interrupt whose handler returns to the instruction after it. */
static void hlt_wakes(void *unused)
{
	struct cpu *c = this_cpu();

	(void)unused;
	for (u32 i = 0; i < ROUNDS; i++) {
		u32 start = count(c, VECTOR_A);

		lapic_send(0, ICR_FIXED | ICR_TO_SELF | VECTOR_A);
		tk_sti_hlt();
		tk_cli();
		check(count(c, VECTOR_A) == start + 1, "round %u: %u interrupts", i,
		      count(c, VECTOR_A) - start);
	}
}

void intr_cases(void)
{
	on_each_cpu(self_ipis, NULL);
	tap("%u IPIs to oneself arrive once each", ROUNDS);
	cross_ipis();
	tap("%u IPIs to each halted CPU arrive once each, physical and logical", ROUNDS);
	broadcasts();
	tap("IPIs to all and to all others reach these CPUs once");
	on_each_cpu(priorities, NULL);
	tap("CR8 and TPR are one register and hold lower priorities off");
	on_each_cpu(highest_first, NULL);
	tap("of two pending interrupts the higher comes first");
	on_each_cpu(hlt_wakes, NULL);
	tap("HLT ends at an interrupt, %u times", ROUNDS);
}

void group_intr(void)
{
	intr_cases();
	on_each_cpu(cr8_values, NULL);
	tap("CR8 keeps four bits, others are #GP");
	probe_all();
	tap("after all this every CPU is where it was");
}
