/* SPDX-License-Identifier: MIT */
/*
 * Lamina's own memory, read and written by CPUs that should not: a defined result, counted, and
 * both go on living. Bare there is no such memory, and an ordinary page takes its place.
 */
#include "testkernel/lamina.h"
#include "testkernel/smp.h"
#include "testkernel/tap.h"
#include "testkernel/cases/hostile.h"
#include "lib/string.h"

#define PATTERN 0x5a5a5a5a5a5a5a5aULL
#define EDGE	64u /* bytes on each side of the boundary */

static u8 stand_in[2 * PAGE_SIZE] __attribute__((aligned(4096)));

struct target hostile_target(void)
{
	struct target t = {(uintptr_t)stand_in + PAGE_SIZE, PAGE_SIZE, false};

	if (lamina_here()) {
		t.lamina = true;
		check(lamina_info(HC_INFO_HV_BASE, &t.base), "no HC_INFO_HV_BASE");
		check(lamina_info(HC_INFO_HV_SIZE, &t.size), "no HC_INFO_HV_SIZE");
	}
	check(t.size >= PAGE_SIZE, "size %lx", t.size);
	return t;
}

static bool defined(u32 vector)
{
	return vector == VEC_DONE || vector == VECTOR_GP || vector == VECTOR_PF;
}

/* Lamina may show nothing of its own: all zeros, all ones, or what was written here before. */
static bool harmless(u64 v)
{
	u32 high = (u32)(v >> 32);

	return v == 0 || high == ~0u || high == (u32)(PATTERN >> 32);
}

static struct exec run(u32 cpl, const struct snippet *s, u64 rsi, u64 rdi, u64 rcx)
{
	struct exec e = {.f.gpr[RAX] = PATTERN, .f.gpr[RCX] = rcx};

	e.f.gpr[RSI] = rsi;
	e.f.gpr[RDI] = rdi;
	exec(&e, cpl, s);
	return e;
}

static void reads(const struct target *t, u32 cpl)
{
	u64 alias = cpl ? USER_BASE : 0;
	const u64 at[] = {t->base, t->base + t->size / 2, t->base + t->size - 8};

	for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
		struct exec e = run(cpl, &snip_load64, alias + at[i], 0, 0);
		u64 v = e.f.gpr[RAX];

		check(defined((u32)e.f.vector), "CPL %u read of %lx: vector %u", cpl, at[i],
		      (u32)e.f.vector);
		check(!t->lamina || e.f.vector != VEC_DONE || harmless(v),
		      "CPL %u read of %lx: %lx", cpl, at[i], v);
		if (i == 0 && this_cpu()->index == 0)
			note("CPL %u read of Lamina's memory: vector %u, value %lx", cpl,
			     (u32)e.f.vector, v);
	}
}

static void writes(const struct target *t, u32 cpl)
{
	static const struct snippet *const ways[] = {&snip_store8, &snip_store32, &snip_lock_inc};
	u64 alias = cpl ? USER_BASE : 0;
	u64 at = t->base + t->size / 2;

	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		struct exec e = run(cpl, ways[i], 0, alias + at, 0);

		check(defined((u32)e.f.vector), "CPL %u write %u: vector %u", cpl, (u32)i,
		      (u32)e.f.vector);
	}
}

/* String instructions that start in ordinary memory and run into Lamina's. */
static void edges(const struct target *t, u32 cpl)
{
	u64 alias = cpl ? USER_BASE : 0;
	u8 *below = (u8 *)(uintptr_t)(t->base - EDGE);
	u8 saved[EDGE];
	struct exec e;

	memcpy(saved, below, EDGE);
	memset(this_cpu()->data, 0, 2 * EDGE);
	e = run(cpl, &snip_rep_movsb, alias + t->base - EDGE, exec_data(cpl), 2 * EDGE);
	check(defined((u32)e.f.vector), "CPL %u REP MOVSB: vector %u", cpl, (u32)e.f.vector);
	check(!memcmp(this_cpu()->data, saved, EDGE), "CPL %u REP MOVSB: wrong bytes", cpl);
	if (e.f.vector != VEC_DONE)
		check(e.f.gpr[RCX] == EDGE, "CPL %u REP MOVSB stopped with RCX %lx", cpl,
		      e.f.gpr[RCX]);
	e = run(cpl, &snip_rep_stosq, 0, alias + t->base - EDGE, 2 * EDGE / 8);
	check(defined((u32)e.f.vector), "CPL %u REP STOSQ: vector %u", cpl, (u32)e.f.vector);
	for (u32 i = 0; i < EDGE; i++)
		check(below[i] == (u8)PATTERN, "CPL %u REP STOSQ: byte -%u is %x", cpl, EDGE - i,
		      below[i]);
	memcpy(below, saved, EDGE);
}

static void touch(void *arg)
{
	const struct target *t = arg;

	for (u32 cpl = 0; cpl <= 3; cpl += 3) {
		if (cpl && t->base + t->size > PAGE_1G)
			continue; /* CPL 3 sees the first GiB only */
		reads(t, cpl);
		writes(t, cpl);
		edges(t, cpl);
	}
}

void hostile_memory(void)
{
	struct target t = hostile_target();
	u64 before = 0, after = 1;

	if (t.lamina)
		check(lamina_info(HC_INFO_PROTECTED, &before), "no HC_INFO_PROTECTED");
	on_each_cpu(touch, &t);
	if (t.lamina) {
		check(lamina_info(HC_INFO_PROTECTED, &after), "no HC_INFO_PROTECTED");
		note("accesses to Lamina's memory: %lu counted", after - before);
	}
	check(after > before, "the count of protected accesses stays %lu", before);
	tap("reading and writing Lamina's memory has a defined result");
}
