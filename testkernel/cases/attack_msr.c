/* SPDX-License-Identifier: MIT */
/*
 * Every MSR of the ranges that MSR bitmaps cover, and random ones elsewhere, with a random value,
 * put back at once: there or not, kept or not, is as on the bare machine. Those that Lamina hides
 * or guards are for other cases. And CPUID of leaves that are not there. `seed=N`: of the values.
 */
#include "testkernel/bits.h"
#include "testkernel/cases/attack.h"
#include "testkernel/asm.h"
#include "testkernel/groups.h"
#include "testkernel/lamina.h"
#include "testkernel/quirks.h"
#include "testkernel/smp.h"
#include "testkernel/tap.h"
#include "testkernel/cases/storm.h"
#include "x86/apic.h"
#include "x86/msr.h"

#define RANGE	   0x2000u
#define ELSEWHERE  2000u
#define USER_TRIES 2000u

#define MSR_MPERF	 0xe7
#define MSR_APERF	 0xe8
#define MSR_TSC_DEADLINE 0x6e0

enum outcome { ABSENT, REFUSED, KEPT, OTHER, OUTCOMES };

struct sweep {
	u64 random, fold;
	u32 n[OUTCOMES];
};

static struct sweep sweeps[MAX_CPUS];
static u64 seed;

/* Lamina hides or guards them; or they are what this kernel stands on. */
static bool left_out(u32 msr)
{
	static const u32 ranges[][2] = {
		{MSR_APIC_BASE, MSR_APIC_BASE},
		{MSR_FEATURE_CONTROL, MSR_FEATURE_CONTROL},
		{MSR_BIOS_UPDT_TRIG, MSR_BIOS_UPDT_TRIG},
		{0x8b, 0x8b},
		{MSR_SMM_MONITOR_CTL, MSR_SMM_MONITOR_CTL},
		{MSR_VMX_BASIC, MSR_VMX_LAST},
		{MSR_RTIT_FIRST, MSR_RTIT_ADDR_LAST},
		{MSR_EFER, MSR_EFER},
		{MSR_AMD_PATCH_LOADER, MSR_AMD_PATCH_LOADER},
		{MSR_VM_CR, MSR_SVM_LAST},
	};

	if (quirk_scatters(msr))
		return true;
	for (u32 i = 0; i < ARRAY_SIZE(ranges); i++)
		if (msr >= ranges[i][0] && msr <= ranges[i][1])
			return true;
	return false;
}

/* It may read another value at once. */
static bool counts(u32 msr)
{
	return msr == MSR_TSC || msr == MSR_MPERF || msr == MSR_APERF || msr == MSR_TSC_DEADLINE;
}

static void one(struct sweep *s, u32 msr)
{
	u64 value = storm_random(&s->random);
	/* half of them in bits that MSRs are likely to have */
	struct exec e = {.f.gpr = {[RCX] = msr, [RSI] = value & 1 ? value : value & 0xffff}};
	enum outcome o;
	u32 v;

	if (left_out(msr))
		return;
	v = exec(&e, 0, &snip_swap_msr);
	check(v == VEC_DONE || v == VECTOR_GP, "MSR %x: vector %u", msr, v);
	if (v != VEC_DONE)
		o = e.f.rip == 0 ? ABSENT : REFUSED;
	else
		o = e.f.gpr[R9] == e.f.gpr[RSI] && !counts(msr) ? KEPT : OTHER;
	s->n[o]++;
	s->fold = (s->fold ^ (u64)o << 32 ^ msr) * 0x100000001b3ULL;
}

static struct sweep *start(void)
{
	struct sweep *s = &sweeps[this_cpu()->index];

	*s = (struct sweep){.random = seed * 0x9e3779b97f4a7c15ULL | 1,
			    .fold = 14695981039346656037ULL};
	return s;
}

static void sweep(void *first)
{
	struct sweep *s = start();

	for (u32 i = 0; i < RANGE; i++)
		one(s, *(u32 *)first + i);
}

static void elsewhere(void *unused)
{
	struct sweep *s = start();

	(void)unused;
	for (u32 i = 0; i < ELSEWHERE; i++) {
		u32 msr = (u32)storm_random(&s->random);

		if (msr % 0x40000000 >= RANGE)
			one(s, msr);
	}
}

static void report(const char *what)
{
	const struct sweep *s = sweeps;

	for (u32 i = 1; i < cpu_count; i++)
		check(sweeps[i].fold == s->fold, "cpu %u: %u absent, %u refuse, %u keep, %u other",
		      i, sweeps[i].n[ABSENT], sweeps[i].n[REFUSED], sweeps[i].n[KEPT],
		      sweeps[i].n[OTHER]);
	check(s->n[ABSENT] + s->n[REFUSED] + s->n[KEPT] + s->n[OTHER], "no MSR");
	tap("%s: %u absent, %u refuse a random value, %u keep it, %u neither: %016lx", what,
	    s->n[ABSENT], s->n[REFUSED], s->n[KEPT], s->n[OTHER], s->fold);
}

static void user(void *unused)
{
	struct sweep *s = start();

	(void)unused;
	for (u32 i = 0; i < USER_TRIES; i++) {
		static const u32 firsts[] = {0, 0xc0000000, 0xc0010000, 0x4c4d0000};
		u64 r = storm_random(&s->random);
		u32 msr = firsts[r & 3] + (u32)(r >> 32) % RANGE;
		u32 v = exec_acd(3, r & 4 ? &snip_rdmsr : &snip_wrmsr, r, msr, r >> 8);

		check(v == VECTOR_GP, "CPL 3, MSR %x: vector %u", msr, v);
	}
}

static void leaf(struct sweep *s, u32 number)
{
	struct exec e = {.f.gpr = {[RAX] = number, [RCX] = s->random >> 60}};
	u32 v = exec(&e, 0, &snip_cpuid);

	storm_random(&s->random);
	check(v == VEC_DONE, "leaf %x: vector %u", number, v);
	s->n[OTHER]++;
	for (u32 i = RAX; i <= RBX; i++)
		s->fold = (s->fold ^ (i == RDX ? 0 : e.f.gpr[i])) * 0x100000001b3ULL;
}

/* Those that are there are the group cpuid's. EDX may have the number of the CPU. */
static void no_leaves(void *unused)
{
	struct sweep *s = start();

	(void)unused;
	for (u32 i = cpuid(0, 0).eax + 1; i < 0x200; i++)
		leaf(s, i);
	for (u32 i = CPUID_HV_BASE + 0x10; i < CPUID_HV_BASE + 0x200; i++)
		leaf(s, i);
	for (u32 i = cpuid(0x80000000, 0).eax + 1; i < 0x80000200; i++)
		leaf(s, i);
	for (u32 i = 0; i < ELSEWHERE; i++) {
		u32 number = (u32)storm_random(&s->random);

		if (number % 0x40000000 >= 0x200)
			leaf(s, number);
	}
}

void group_msrs(void)
{
	u32 firsts[] = {0, 0xc0000000, 0xc0010000};

	seed = attack_seed();
	for (u32 i = 0; i < ARRAY_SIZE(firsts); i++) {
		char what[9] = "........";

		on_each_cpu(sweep, &firsts[i]);
		for (u32 k = 0; k < 8; k++)
			what[k] = "0123456789abcdef"[firsts[i] >> (28 - 4 * k) & 15];
		report(what);
	}
	on_each_cpu(elsewhere, NULL);
	report("elsewhere");
	on_each_cpu(user, NULL);
	tap("all MSRs are #GP at CPL 3");
	on_each_cpu(no_leaves, NULL);
	for (u32 i = 1; i < cpu_count; i++)
		check(sweeps[i].fold == sweeps[0].fold, "cpu %u: %lx", i, sweeps[i].fold);
	tap("CPUID of %u leaves that are not there: %016lx", sweeps[0].n[OTHER], sweeps[0].fold);
	probe_all();
	tap("after all this every CPU is where it was");
}
