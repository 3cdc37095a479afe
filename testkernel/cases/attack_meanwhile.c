/* SPDX-License-Identifier: MIT */
/* Attacks by several CPUs at once: on Lamina's memory while its tables change, and with code that
 * another CPU changes while it is being looked at. */
#include "testkernel/cases/attack.h"
#include "testkernel/lapic.h"
#include "testkernel/page.h"
#include "testkernel/smp.h"
#include "testkernel/tap.h"
#include "testkernel/cases/storm.h"
#include "x86/msr.h"
#include "x86/paging.h"

#define ROUNDS	   2000u
#define SMC_ROUNDS 1000u
#define MASK_VALID BIT(11)
#define SLOT	   4u /* of the window: two pages of code */

static u64 generator[MAX_CPUS];
static u32 wrong[MAX_CPUS], touches[MAX_CPUS];

/* An MTRR that is off is changed all the same: Lamina looks at all of its tables. */
static u32 idle_mtrr(void)
{
	u32 n = rdmsr(MSR_MTRRCAP) & 0xff;

	for (u32 i = 0; i < n; i++)
		if (!(rdmsr(MSR_MTRR_PHYSBASE0 + 2 * i + 1) & MASK_VALID))
			return MSR_MTRR_PHYSBASE0 + 2 * i;
	return 0;
}

/* Reads, writes ones, executes, somewhere, again and again. */
static void touch(void *unused)
{
	u32 cpu = this_cpu()->index, mtrr = cpu ? 0 : idle_mtrr();

	(void)unused;
	for (u32 i = 0; i < ROUNDS; i++) {
		u64 r = storm_random(&generator[cpu]);
		u64 at = attack.t.base + (r >> 20) % (attack.t.size / 8 - 2) * 8;
		struct exec e = {.f.gpr = {[RSI] = at, [RDI] = at, [RAX] = ~0ULL, [RCX] = 1}};
		static const struct snippet *const ways[] = {&snip_load64, &snip_store32,
							     &snip_rep_stosq, &snip_jump};
		u32 way = r & 3, v = exec(&e, 0, ways[way]);

		touches[cpu]++;
		wrong[cpu] += v != (way == 3 ? VECTOR_UD : VEC_DONE) ||
			      (way == 0 && e.f.gpr[RAX] != ~0ULL);
		if (mtrr && i % 256 == 0)
			wrmsr(mtrr, (r & 0xff) << 20 | MEMTYPE_WB);
	}
	if (mtrr)
		wrmsr(mtrr, 0);
}

static void on_all(work_fn fn)
{
	for (u32 i = 1; i < cpu_count; i++)
		start_on(i, fn, NULL);
	fn(NULL);
	for (u32 i = 1; i < cpu_count; i++)
		finish_on(i);
}

static void at_once(u64 seed)
{
	for (u32 i = 0; i < cpu_count; i++) {
		generator[i] = (seed + i) * 0x9e3779b97f4a7c15ULL | 1;
		wrong[i] = touches[i] = 0;
	}
	on_all(touch);
	for (u32 i = 0; i < cpu_count; i++)
		check(touches[i] == ROUNDS && !wrong[i], "cpu %u: %u of %u touches", i, wrong[i],
		      touches[i]);
	tap("%u touches of Lamina's memory by each CPU at once, while an MTRR changes", ROUNDS);
}

/* The code: a store to the local APIC's TPR across the end of a page, then the way out. The page
 * that comes first in memory is the second of the code. */
static u8 code_pages[2 * PAGE_SIZE] __attribute__((aligned(4096)));
static volatile bool stop;

static void flip(void *byte)
{
	volatile u8 *b = byte;

	while (!stop) {
		*b = 0x8b; /* the same as a load */
		*b = 0x89;
	}
}

/* EAX to the TPR, by `mov %eax, 0x80(%rdi)` whose first byte ends a page. */
static void store_across(u64 code, u32 value)
{
	struct exec e = {.f.gpr = {[RSI] = code, [RAX] = value, [RDI] = this_cpu()->lapic_page}};
	u32 v = exec(&e, 0, &snip_jump);

	check(v == VEC_DONE, "vector %u at +%lx", v, e.f.rip);
}

static void self_modifying(void)
{
	static const u8 store[] = {0x89, 0x87, 0x80, 0x00, 0x00, 0x00, 0xcd, VEC_DONE};
	u8 *at = code_pages + 2 * PAGE_SIZE - 1;
	u64 page = window_map(SLOT, (uintptr_t)code_pages + PAGE_SIZE, PTE_W | PTE_P);
	u64 code = page + PAGE_SIZE - 1;
	u32 before = lapic_read(APIC_TPR);

	window_map(SLOT + 1, (uintptr_t)code_pages, PTE_W | PTE_P);
	for (u32 i = 0; i < sizeof(store); i++)
		*(i ? code_pages + i - 1 : at) = store[i];
	for (u32 i = 0; i < 16; i++) {
		store_across(code, i << 4);
		check(lapic_read(APIC_TPR) == i << 4, "TPR is %x", lapic_read(APIC_TPR));
	}
	stop = false;
	if (cpu_count > 1)
		start_on(cpu_count - 1, flip, at);
	for (u32 i = 0; i < SMC_ROUNDS; i++)
		store_across(code, 0);
	stop = true;
	if (cpu_count > 1)
		finish_on(cpu_count - 1);
	lapic_write(APIC_TPR, before);
	window_map(SLOT, 0, 0);
	window_map(SLOT + 1, 0, 0);
	tap("a store to the local APIC across two pages, which another CPU changes meanwhile");
}

void attack_meanwhile(u64 seed)
{
	at_once(seed);
	self_modifying();
}
