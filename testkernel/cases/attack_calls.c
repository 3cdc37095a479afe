/* SPDX-License-Identifier: MIT */
/* Garbage hypercalls from all CPUs at once. `calls=N`: so many of each. */
#include "testkernel/cases/attack.h"
#include "testkernel/cases/storm.h"
#include "testkernel/groups.h"
#include "testkernel/mb2.h"
#include "testkernel/lamina.h"
#include "testkernel/smp.h"
#include "testkernel/tap.h"
#include "hv/hypercall.h"
#include "lib/string.h"

#define CALLS 3000u

static u64 generator[MAX_CPUS], calls;
static volatile u64 done[MAX_CPUS];
static u32 wrong[MAX_CPUS], answered[MAX_CPUS];

/* But for output without end, what Lamina owns, and verdicts on what was never read: all that is to
 * be asked later. */
static u32 number(u64 r)
{
	static const u8 known[] = {0, 1, 3, 7, 8, 0x10, 0x20, 0x80};
	u32 eax = (u32)(r >> 8);

	if (r & 1)
		eax = HC_MAGIC | known[eax % ARRAY_SIZE(known)];
	else if (r & 2)
		eax = HC_MAGIC | (eax & 0xffff);
	return eax == HC_LOG || eax == HC_CR_OWN || eax == HC_VERDICT ? HC_TRACE : eax;
}

/* What a call takes for an address leads nowhere, to Lamina, or to a page that is for this. */
static u64 address(u64 r)
{
	const u64 list[] = {(uintptr_t)this_cpu()->data,       attack.spot[0], attack.spot[2],
			    attack.t.base + attack.t.size - 8, ~0ULL - 100,    1ULL << 47};

	return list[r % ARRAY_SIZE(list)];
}

static bool keeps_the_rest(const struct exec *e, u64 mark)
{
	const u32 kept[] = {RSI, RDI, RBP, R8, R9, R10, R11, R12, R13, R14, R15};

	for (u32 i = 0; i < ARRAY_SIZE(kept); i++)
		if (e->f.gpr[kept[i]] != mark + kept[i])
			return false;
	return true;
}

static void call_garbage(void *unused)
{
	u32 cpu = this_cpu()->index;

	(void)unused;
	for (u64 i = 0; i < calls; i++) {
		u64 r = storm_random(&generator[cpu]), mark = storm_random(&generator[cpu]);
		struct exec e = {0};
		u32 v;

		for (u32 k = 0; k < 16; k++)
			e.f.gpr[k] = k == RSP ? 0 : mark + k;
		e.f.gpr[RAX] = number(r);
		e.f.gpr[RBX] = r >> 16 & 4 ? r >> 20 & 7 : mark;
		e.f.gpr[RCX] = r >> 16 & 8 ? r >> 24 & 31 : mark * 3;
		e.f.gpr[RDX] = address(r >> 32);
		v = lamina_call(&e, 0);
		answered[cpu] += v == VEC_DONE;
		done[cpu]++;
		wrong[cpu] += (v != VEC_DONE && v != VECTOR_UD) || !keeps_the_rest(&e, mark);
	}
}

/* As long as it goes on. */
static void finish(u32 cpu)
{
	u64 before;

	do {
		before = done[cpu];
		if (wait_for(!cpus[cpu].work))
			return;
	} while (done[cpu] != before);
	panic("cpu %u does not finish its calls", cpu);
}

void attack_calls(u64 seed)
{
	char text[24];
	u32 all = 0;

	calls = CALLS;
	if (mb2_option("calls", text, sizeof(text)) && !str_to_u64(text, NULL, &calls))
		panic("calls=%s is no number", text);
	for (u32 i = 0; i < cpu_count; i++)
		generator[i] = seed + i + 1;
	for (u32 i = 1; i < cpu_count; i++)
		start_on(i, call_garbage, NULL);
	call_garbage(NULL);
	for (u32 i = 0; i < cpu_count; i++) {
		if (i)
			finish(i);
		check(!wrong[i], "%u calls of CPU %u end otherwise", wrong[i], i);
		all += answered[i];
	}
	for (u32 i = 0; i < ATTACK_SPOTS; i++)
		attack_reads_ones(attack.spot[i], "after the calls");
	note("%lu garbage hypercalls, %u of them answered", calls * cpu_count, all);
	tap("garbage hypercalls from all CPUs at once are #UD or answered, and do nothing else");
}
