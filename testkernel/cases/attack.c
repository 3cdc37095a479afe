/* SPDX-License-Identifier: MIT */
/*
 * A kernel that wants Lamina's memory: what it finds there is FFh, or what it has written itself,
 * and nowhere in memory is there anything that Lamina has kept. Bare a page of the kernel's own,
 * full of FFh, takes the place of that memory. `seed=N`: of the random choices; `calls=N`: garbage
 * hypercalls of each CPU.
 */
#include "testkernel/cases/attack.h"
#include "testkernel/asm.h"
#include "testkernel/groups.h"
#include "testkernel/lamina.h"
#include "testkernel/mb2.h"
#include "testkernel/smp.h"
#include "testkernel/tap.h"
#include "lib/string.h"
#include "x86/msr.h"
#include "x86/paging.h"

#define SEED   20261126u
#define SECRET 0xc0ffee5ec0de1eafULL

struct attack attack;

u64 attack_seed(void)
{
	char text[24];
	u64 seed = SEED;

	if (mb2_option("seed", text, sizeof(text)) && !str_to_u64(text, NULL, &seed))
		panic("seed=%s is no number", text);
	note("seed=%lu", seed);
	return seed;
}

void attack_fill(void)
{
	struct exec e = {.f.gpr = {[RAX] = ~0ULL, [RCX] = PAGE_SIZE / 8, [RDI] = attack.t.base}};

	check(exec(&e, 0, &snip_rep_stosq) == VEC_DONE, "filling: vector %u", (u32)e.f.vector);
}

void attack_reads_ones(u64 at, const char *how)
{
	struct exec e = {.f.gpr[RSI] = at};

	check(exec(&e, 0, &snip_load64) == VEC_DONE && e.f.gpr[RAX] == ~0ULL,
	      "%s, %lx: vector %u, %lx", how, at, (u32)e.f.vector, e.f.gpr[RAX]);
}

static void find(void)
{
	attack.t = hostile_target();
	attack.spot[0] = attack.t.base;
	attack.spot[1] = attack.t.base + align_down(attack.t.size / 2, PAGE_SIZE);
	attack.spot[2] = attack.t.base + attack.t.size - PAGE_SIZE;
	if (!attack.t.lamina)
		attack_fill();
}

/* Is the secret, which Lamina saves at CPUID if it is there, in the n bytes at base? */
static void seek(u64 base, u64 n)
{
	struct exec e = {.f.gpr = {[RDI] = base, [RBP] = n / 8, [RSI] = ~SECRET}};

	check(exec(&e, 0, &snip_hide_and_seek) == VEC_DONE, "%lx+%lx: vector %u", base, n,
	      (u32)e.f.vector);
	check(!(e.f.gpr[RBX] & 0xff), "what Lamina has saved is seen at %lx", e.f.gpr[RDI] - 8);
}

static void seek_everywhere(void *unused)
{
	const u64 roms = 0xc0000;

	(void)unused;
	seek(attack.t.base, attack.t.size);
	seek(roms, MiB(1) - roms);
	for (u32 i = 0; i < mb2.map.count; i++) {
		const struct mem_range *r = &mb2.map.range[i];

		if (r->type == E820_RAM && r->base + r->size <= GiB(4) && r->size >= PAGE_SIZE)
			seek(align_up(r->base, 8), align_down(r->size - 8, 8));
	}
}

/* Untouched, Lamina's memory is FFh; other groups may have written there. */
static void first_sight(void)
{
	u64 touched = 0;

	if (attack.t.lamina)
		check(lamina_info(HC_INFO_PROTECTED, &touched), "no HC_INFO_PROTECTED");
	for (u64 at = attack.t.base; !touched && at < attack.t.base + attack.t.size;
	     at += PAGE_SIZE)
		attack_reads_ones(at + at / PAGE_SIZE % 512 * 8, "first sight");
	check(!attack.t.lamina || touched || lamina_info(HC_INFO_PROTECTED, &touched), "no count");
	check(!attack.t.lamina || touched >= attack.t.size / PAGE_SIZE, "%lu counted", touched);
}

/* The page below 1 MiB can be read and executed, not written. */
static void low_page(void *unused)
{
	u64 base = 0, was, before = 0, after = 0;
	struct exec e = {0};

	(void)unused;
	check(!attack.t.lamina || lamina_info(HC_INFO_LOW_BASE, &base), "no HC_INFO_LOW_BASE");
	if (!attack.t.lamina)
		return;
	lamina_info(HC_INFO_PROTECTED, &before);
	was = *(volatile u64 *)(uintptr_t)base;
	e.f.gpr[RAX] = ~was;
	e.f.gpr[RDI] = base;
	check(exec(&e, 0, &snip_store32) == VEC_DONE, "store: vector %u", (u32)e.f.vector);
	e = (struct exec){.f.gpr = {[RAX] = ~was, [RDI] = base, [RCX] = 1}};
	check(exec(&e, 0, &snip_rep_stosq) == VECTOR_GP, "REP STOS: vector %u", (u32)e.f.vector);
	e = (struct exec){.f.gpr[RDI] = base};
	check(exec(&e, 0, &snip_lock_inc) != VECTOR_PF, "LOCK INC: vector %u", (u32)e.f.vector);
	check(*(volatile u64 *)(uintptr_t)base == was, "the low page is %lx, was %lx",
	      *(volatile u64 *)(uintptr_t)base, was);
	lamina_info(HC_INFO_PROTECTED, &after);
	check(after >= before + 3, "%lu stores counted", after - before);
}

/* The local APIC's registers in place of Lamina's memory would be a way to write there. */
static void apic_onto_it(void *unused)
{
	u64 base = rdmsr(MSR_APIC_BASE), low = 0;

	(void)unused;
	check(!attack.t.lamina || lamina_info(HC_INFO_LOW_BASE, &low), "no HC_INFO_LOW_BASE");
	for (u32 i = 0; i <= ATTACK_SPOTS && attack.t.lamina; i++) {
		u64 at = i < ATTACK_SPOTS ? attack.spot[i] : low;
		bool went = try_wrmsr(MSR_APIC_BASE, (base & ~PTE_ADDR) | at);

		if (went)
			wrmsr(MSR_APIC_BASE, base);
		check(!went, "the local APIC can be put to %lx", at);
	}
	check(rdmsr(MSR_APIC_BASE) == base, "APIC_BASE is %lx", rdmsr(MSR_APIC_BASE));
}

void group_attack(void)
{
	u64 seed = attack_seed(), before = 0, after = 1;

	find();
	first_sight();
	tap("memory of Lamina that nobody has touched is FFh in each page, and each touch is counted");
	on_each_cpu(seek_everywhere, NULL);
	tap("what Lamina saves of a guest's registers is nowhere in memory");
	attack_fill();
	if (attack.t.lamina)
		check(lamina_info(HC_INFO_PROTECTED, &before), "no HC_INFO_PROTECTED");
	on_each_cpu(low_page, NULL);
	tap("Lamina's page below 1 MiB cannot be written, and each attempt is counted");
	on_each_cpu(apic_onto_it, NULL);
	tap("the local APIC cannot be put onto Lamina's memory");
	attack_ways();
	attack_insns();
	attack_calls(seed);
	attack_meanwhile(seed);
	on_each_cpu(seek_everywhere, NULL);
	tap("after all this it is still nowhere");
	if (attack.t.lamina)
		check(lamina_info(HC_INFO_PROTECTED, &after), "no HC_INFO_PROTECTED");
	check(after > before, "none of this was counted");
	probe_all();
	tap("every CPU is where it was");
}
