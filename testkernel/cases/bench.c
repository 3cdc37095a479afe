/* SPDX-License-Identifier: MIT */
/*
 * What instructions that may exit cost the guest, in TSC ticks: the median of many, less the cost
 * of measuring. Exact on an emulator whose clock counts instructions.
 */
#include "testkernel/lapic.h"
#include "testkernel/asm.h"
#include "testkernel/groups.h"
#include "testkernel/tap.h"
#include "x86/cr.h"
#include "x86/msr.h"

#define SAMPLES 101u
#define CALLS	20u /* per sample: the clock of an SMP emulator is coarse */

static void nothing(void)
{
}

static void bench_cpuid(void)
{
	cpuid(0, 0);
}

static void bench_rdmsr(void)
{
	rdmsr(MSR_FEATURE_CONTROL);
}

#define MTRR_DEF_ENABLE BIT(11)

static u64 def_type, xcr0;

/* As a system that changes its MTRRs does: off, then on again. Both change all memory types. */
static void bench_mtrr(void)
{
	def_type ^= MTRR_DEF_ENABLE;
	wrmsr(MSR_MTRR_DEF_TYPE, def_type);
}

static void bench_xsetbv(void)
{
	__asm__ volatile("xsetbv" : : "c"(0), "a"((u32)xcr0), "d"((u32)(xcr0 >> 32)));
}

static void bench_cr0_ne(void)
{
	write_cr0(read_cr0() ^ CR0_NE);
}

/* With nothing in service it does nothing. */
static void bench_eoi(void)
{
	lapic_write(APIC_EOI, 0);
}

/* Ticks of CALLS calls. */
static u64 median(void (*fn)(void))
{
	u64 t[SAMPLES];

	for (u32 i = 0; i < SAMPLES; i++) {
		u64 start = rdtsc(), v;
		u32 k = i;

		for (u32 n = 0; n < CALLS; n++)
			fn();
		v = rdtsc() - start;
		for (; k && t[k - 1] > v; k--)
			t[k] = t[k - 1];
		t[k] = v;
	}
	return t[SAMPLES / 2];
}

void group_bench(void)
{
	static const struct {
		const char *name;
		void (*fn)(void);
	} list[] = {
		{"cpuid", bench_cpuid},	  {"rdmsr", bench_rdmsr},   {"mtrr", bench_mtrr},
		{"xsetbv", bench_xsetbv}, {"cr0-ne", bench_cr0_ne}, {"eoi", bench_eoi},
	};
	u64 empty = median(nothing), cr0 = read_cr0(), mtrr = rdmsr(MSR_MTRR_DEF_TYPE);

	def_type = mtrr;
	for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
		u64 m;

		if (list[i].fn == bench_xsetbv) {
			if (!(read_cr4() & CR4_OSXSAVE))
				continue;
			xcr0 = tk_xgetbv(0);
		}
		m = median(list[i].fn);
		/* where CPUs are threads of a busy host, even the empty calls may have taken longer
		 */
		check(m, "%s: no time went by", list[i].name);
		note("bench %s %lu", list[i].name, m > empty ? (m - empty) / CALLS : 0);
	}
	wrmsr(MSR_MTRR_DEF_TYPE, mtrr);
	write_cr0(cr0);
	tap("instructions that exit are measured");
}
