/* SPDX-License-Identifier: MIT */
/*
 * Events whose frame is pushed on memory that a hypervisor has to map first: an exit in the middle
 * of the delivery (Intel SDM vol. 3C, 28.2.4). Under Lamina the stacks are pages of its own hidden
 * memory, each touched for the first time; bare they are ordinary pages. The event must arrive
 * once, unchanged.
 */
#include "testkernel/exec.h"
#include "testkernel/lamina.h"
#include "testkernel/lapic.h"
#include "testkernel/page.h"
#include "testkernel/quirks.h"
#include "testkernel/smp.h"
#include "testkernel/tap.h"
#include "testkernel/cases/event.h"
#include "lib/string.h"

#define PAGES_PER_CPU 32u
#define FIRST_OFFSET  KiB(64) /* in Lamina's memory, away from what other groups touch */
#define VECTOR	      (VEC_TEST + 5)

static u8 stand_in[PAGE_SIZE] __attribute__((aligned(4096)));
static struct gate table[VEC_COUNT]; /* the IDT without stacks of its own but for NMI and #DF */

static u64 memory;    /* where the stacks are; 0: stand_in */
static u32 used;      /* pages, by the CPU at work */
static u32 delivered; /* events, by all CPUs */

static u64 fresh_stack(void)
{
	u32 page = this_cpu()->index * PAGES_PER_CPU + used++;

	delivered++;
	return memory ? memory + (page + 1) * PAGE_SIZE : (uintptr_t)stand_in + PAGE_SIZE;
}

static void arrives(u32 cpl, struct exec e, const struct snippet *s, u32 vector, u64 error, u64 rip,
		    u64 cr2)
{
	u64 top = fresh_stack();
	u32 before = this_cpu()->irq_count[vector];

	e.f.gpr[RSP] = cpl ? 0 : top;
	this_cpu()->tss.rsp[0] = top;
	exec(&e, cpl, s);
	check(e.f.vector == vector && e.f.error == error && e.f.rip == rip,
	      "CPL %u: vector %u error %lx at +%lu, not vector %u error %lx at +%lu", cpl,
	      (u32)e.f.vector, e.f.error, e.f.rip, vector, error, rip);
	check(!cr2 || e.cr2 == cr2, "CPL %u vector %u: CR2 %lx, not %lx", cpl, vector, e.cr2, cr2);
	check(cpl || e.f.gpr[RSP] == top, "vector %u: RSP %lx, not %lx", vector, e.f.gpr[RSP], top);
	check(this_cpu()->irq_count[vector] == before + 1, "vector %u came %u times", vector,
	      this_cpu()->irq_count[vector] - before);
}

static void exceptions(u32 cpl)
{
	static const struct exec plain;
	u64 absent = window_map(1, 0, 0);
	struct exec load = {.f.gpr[RSI] = absent};
	bool no_int1 = quirk_took(TCG_NO_INT1, true);

	arrives(cpl, plain, &snip_ud2, VECTOR_UD, 0, 0, 0);
	arrives(cpl, plain, &snip_int3, VECTOR_BP, 0, 1, 0);
	arrives(cpl, plain, &snip_icebp, no_int1 ? VECTOR_UD : VECTOR_DB, 0, !no_int1, 0);
	arrives(cpl, plain, &snip_int_soft, VEC_SOFT, 0, 2, 0);
	arrives(cpl, plain, &snip_div, VECTOR_DE, 0, 0, 0);
	arrives(cpl, load, &snip_load64, VECTOR_PF, cpl ? 4 : 0, 0, absent);
	load.f.gpr[RSI] = 1ULL << 47;
	arrives(cpl, load, &snip_load64, VECTOR_GP, 0, 0, 0);
	load.f.rflags = RFLAGS_TF;
	arrives(cpl, load, &snip_cpuid_nops, VECTOR_DB, 0, 2, 0);
}

static void interrupts(void)
{
	struct exec e = {.ends_at_irq = true};

	if (quirk_took(BOCHS_SVM_LOSES_INTR, true))
		return;
	lapic_send(0, ICR_FIXED | ICR_TO_SELF | VECTOR);
	check(wait_for(lapic_pending(VECTOR)), "the interrupt is not pending");
	arrives(0, e, &snip_sti_nops, VECTOR, 0, 2, 0);
	lapic_send(0, ICR_FIXED | ICR_TO_SELF | VECTOR);
	check(wait_for(lapic_pending(VECTOR)), "the interrupt is not pending");
	e.f.rflags = RFLAGS_IF;
	arrives(3, e, &snip_nops, VECTOR, 0, 0, 0);
	check(!lapic_pending(VECTOR) && !lapic_in_service(VECTOR), "the interrupt is not over");
}

static void nmi(void)
{
	u64 old = this_cpu()->tss.ist[IST_NMI - 1];
	u32 before = this_cpu()->irq_count[VECTOR_NMI];

	this_cpu()->tss.ist[IST_NMI - 1] = fresh_stack();
	lapic_send(this_cpu()->apic_id, ICR_NMI | ICR_ASSERT);
	check(wait_for(this_cpu()->irq_count[VECTOR_NMI] == before + 1), "%u NMIs",
	      this_cpu()->irq_count[VECTOR_NMI] - before);
	smp_settle();
	check(this_cpu()->irq_count[VECTOR_NMI] == before + 1, "%u NMIs",
	      this_cpu()->irq_count[VECTOR_NMI] - before);
	this_cpu()->tss.ist[IST_NMI - 1] = old;
}

static void all_events(void *unused)
{
	u64 old = this_cpu()->tss.rsp[0];

	(void)unused;
	used = 0;
	idt_load(table);
	exceptions(0);
	exceptions(3);
	interrupts();
	nmi();
	idt_load(idt);
	this_cpu()->tss.rsp[0] = old;
}

void event_stack(void)
{
	u64 size, before = 0, after = 0;
	bool lamina = lamina_here();

	memcpy(table, idt, sizeof(table));
	for (u32 i = 0; i < VEC_COUNT; i++)
		if (table[i].ist == IST_FAULT && i != VEC_DONE)
			table[i].ist = 0;
	if (lamina) {
		check(lamina_info(HC_INFO_HV_BASE, &memory), "no HC_INFO_HV_BASE");
		check(lamina_info(HC_INFO_HV_SIZE, &size), "no HC_INFO_HV_SIZE");
		check(lamina_info(HC_INFO_PROTECTED, &before), "no HC_INFO_PROTECTED");
		memory += FIRST_OFFSET;
		check(size > FIRST_OFFSET + MAX_CPUS * PAGES_PER_CPU * PAGE_SIZE, "size %lx", size);
	}
	on_each_cpu(all_events, NULL);
	if (lamina)
		check(lamina_info(HC_INFO_PROTECTED, &after) && after - before >= delivered,
		      "%u events, fewer exits", delivered);
	tap("an event whose frame has to be pushed on a page not yet mapped arrives once");
}
