/* SPDX-License-Identifier: MIT */
#include "testkernel/fuzz/watch.h"

#include <stdatomic.h>

#include "testkernel/groups.h"
#include "testkernel/lamina.h"
#include "testkernel/lapic.h"
#include "testkernel/page.h"
#include "testkernel/quirks.h"
#include "testkernel/smp.h"
#include "testkernel/tap.h"

#define APIC_TIMER  0x320
#define APIC_LINT0  0x350
#define APIC_LINT1  0x360
#define APIC_ERROR  0x370
#define APIC_COUNT  0x380
#define APIC_DIVIDE 0x3e0
#define PERIODIC    0x20000u
#define MASKED	    0x10000u
#define DIVIDE_BY_1 0xbu
#define TICK_COUNT  200000000u /* instructions on Bochs */
#define TICK_QEMU   100000000u /* ns of the host, which has other things to do */
#define PORT_CMOS   0x70
#define PATTERN	    0x5a5a5a5a5a5a5a5aULL
#define EYES	    16u /* places that are looked at after a batch */
#define NMI_PAUSES  100000u
#define STALLED	    20u /* waits of smp.h without one case */

static struct lamina_memory {
	bool here;
	u64 base, size;
	u64 verdicts, unexpected;
	u64 owned[2]; /* of CR0 and CR4, on all CPUs */
} lamina;

static volatile bool takes_nmi[BOX_CPUS];
static _Atomic bool coming[BOX_CPUS]; /* an NMI that has been sent and not been seen */
static _Atomic bool locked[BOX_CPUS]; /* both of that CPU */
static u64 clock_start;

static void lock(u32 cpu)
{
	while (atomic_exchange(&locked[cpu], true))
		cpu_pause();
}

static void unlock(u32 cpu)
{
	atomic_store(&locked[cpu], false);
}

static void ignore(struct trap_frame *f)
{
	(void)f;
	watch_had_nmi();
}

void watch_had_nmi(void)
{
	atomic_store(&coming[this_cpu()->index], false);
}

static void hook_nmi(void *unused)
{
	(void)unused;
	trap_hook(VECTOR_NMI, ignore);
}

void watch_init(void)
{
	lamina.here = lamina_here();
	if (lamina.here) {
		check(lamina_info(HC_INFO_HV_BASE, &lamina.base), "no HC_INFO_HV_BASE");
		check(lamina_info(HC_INFO_HV_SIZE, &lamina.size), "no HC_INFO_HV_SIZE");
		lamina_info(HC_INFO_CR_LAMINA, &lamina.verdicts);
		lamina_info(HC_INFO_CR_UNEXPECTED, &lamina.unexpected);
		lamina_cr(HC_CR0_OWNED, &lamina.owned[0]);
		lamina_cr(HC_CR4_OWNED, &lamina.owned[1]);
	}
	on_each_cpu(hook_nmi, NULL);
}

void watch_restart(void)
{
	if (!this_cpu()->x2apic)
		lapic_write(APIC_ID, this_cpu()->apic_id << 24);
	lapic_enable(this_cpu()->index);
	lapic_write(APIC_LINT0, MASKED);
	lapic_write(APIC_LINT1, MASKED);
	lapic_write(APIC_ERROR, MASKED);
	lapic_write(APIC_DIVIDE, DIVIDE_BY_1);
	lapic_write(APIC_TIMER, PERIODIC | VEC_TICK);
	lapic_write(APIC_COUNT, quirk_here(TCG_NO_LIMIT_CHECK) ? TICK_QEMU : TICK_COUNT);
}

static void stop_timer(void *unused)
{
	(void)unused;
	lapic_write(APIC_TIMER, MASKED);
}

void watch_end(void)
{
	on_each_cpu(stop_timer, NULL);
}

static u64 hidden_page(struct gen *g)
{
	u64 pages = lamina.size / PAGE_SIZE;

	if (!lamina.here)
		return 0;
	return lamina.base + gen_below(g, (u32)pages) * PAGE_SIZE;
}

/* On the way to legacy modes none may come. Not for ever: a case may have made one go astray. */
static void let_nmis(u32 cpu, bool allowed)
{
	lock(cpu);
	takes_nmi[cpu] = allowed;
	unlock(cpu);
	for (u32 i = 0; !allowed && atomic_load(&coming[cpu]) && i < NMI_PAUSES; i++)
		if (box_had_nmi())
			watch_had_nmi();
		else
			cpu_pause();
	if (!allowed)
		watch_had_nmi();
}

static void send_nmi(u32 to)
{
	lock(to);
	if (takes_nmi[to] && !atomic_exchange(&coming[to], true))
		lapic_send(cpus[to].apic_id, ICR_NMI);
	unlock(to);
}

void watch_disturb(const struct fuzz_case *c, u64 number)
{
	u32 self = this_cpu()->index, n = cpu_count < BOX_CPUS ? cpu_count : BOX_CPUS;
	struct gen g = {.state = number * 0x9e3779b97f4a7c15 + self};

	let_nmis(self, box_modes[c->run.mode].kind == KIND_LONG);
	if (gen_once_in(&g, 16))
		box_window(gen_below(&g, WINDOW_PAGES), hidden_page(&g));
	if (gen_once_in(&g, 16)) {
		u32 to = gen_below(&g, n);

		if (gen_once_in(&g, 2))
			send_nmi(to);
		else
			lapic_send(cpus[to].apic_id, ICR_FIXED | (VEC_TEST + gen_below(&g, 8)));
	}
}

void watch_finish(u32 cpu)
{
	for (u32 waits = 0; waits < STALLED; waits++)
		if (wait_for(!cpus[cpu].work))
			return;
	panic("cpu %u does not come to the end of its cases", cpu);
}

static bool harmless(u64 v)
{
	return v == 0 || v == PATTERN || v == ~0ULL;
}

/* Of a page of Lamina's; what is written to one may show in another, as what lies behind them is no
 * memory of Lamina's. */
static volatile u64 *look_at(struct gen *g, u32 slot)
{
	return (volatile u64 *)(uintptr_t)window_map(slot, hidden_page(g), PTE_W | PTE_P);
}

static void look(void *unused)
{
	struct gen g = {.state = rdtsc()};
	volatile u64 *first = look_at(&g, 0);

	(void)unused;
	for (u32 i = 0; i < PAGE_SIZE / 8; i++)
		first[i] = PATTERN;
	for (u32 i = 1; i <= EYES; i++) {
		volatile u64 *page = look_at(&g, i);
		u64 v = page[gen_below(&g, PAGE_SIZE / 8)];

		check(harmless(v), "cpu %u sees %lx in Lamina's memory", this_cpu()->index, v);
	}
}

/* The cases own other bits, on one CPU or the other. */
static void own_as_before(void *unused)
{
	(void)unused;
	check(lamina_own(0, lamina.owned[0]) && lamina_own(4, lamina.owned[1]), "HC_CR_OWN");
}

void watch_lamina(void)
{
	u64 v;

	if (lamina.here)
		on_each_cpu(own_as_before, NULL);
	probe_all();
	if (!lamina.here)
		return;
	check(lamina_info(HC_INFO_CR_LAMINA, &v) && v == lamina.verdicts,
	      "Lamina blames itself %lu times", v);
	check(lamina_info(HC_INFO_CR_UNEXPECTED, &v) && v == lamina.unexpected,
	      "%lu CR exits are unexpected", v);
	on_each_cpu(look, NULL);
}

static u32 cmos(u8 at)
{
	u8 v;

	outb(PORT_CMOS, at);
	v = inb(PORT_CMOS + 1);
	return (v >> 4) * 10 + (v & 15);
}

/* Of the day, in BCD; read until two answers agree. */
static u64 now(void)
{
	u64 a = 0, b;

	do {
		b = a;
		a = cmos(4) * 3600 + cmos(2) * 60 + cmos(0);
	} while (a != b);
	return a;
}

void watch_start_clock(void)
{
	clock_start = now();
}

u64 watch_seconds(void)
{
	return (now() + 86400 - clock_start) % 86400;
}
