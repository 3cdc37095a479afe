/* SPDX-License-Identifier: MIT */
/* MSRs that are absent, hidden or guarded. */
#include "testkernel/exec.h"
#include "testkernel/lamina.h"
#include "testkernel/quirks.h"
#include "testkernel/smp.h"
#include "testkernel/tap.h"
#include "testkernel/cases/hostile.h"
#include "x86/msr.h"

static u32 read(u32 cpl, u32 msr)
{
	return hostile_exec(cpl, &snip_rdmsr, 0, msr, 0);
}

static u32 write(u32 cpl, u32 msr, u64 v)
{
	return hostile_exec(cpl, &snip_wrmsr, (u32)v, msr, v >> 32);
}

/* RDMSR and WRMSR as of an MSR that is not there */
static bool absent_read(u32 msr)
{
	u64 v;

	return !try_rdmsr(msr, &v) || quirk_took(TCG_MSR_UNCHECKED, !v);
}

static bool absent_write(u32 msr, u64 v)
{
	u64 now;

	return !try_wrmsr(msr, v) || quirk_took(TCG_MSR_UNCHECKED, try_rdmsr(msr, &now) && !now);
}

static void check_absent(u32 msr)
{
	check(absent_read(msr), "RDMSR %x", msr);
	check(absent_write(msr, 0) && absent_write(msr, BIT(1)), "WRMSR %x", msr);
	check(read(3, msr) == VECTOR_GP, "CPL 3 RDMSR %x", msr);
	check(write(3, msr, 0) == VECTOR_GP, "CPL 3 WRMSR %x", msr);
}

/* Numbers that no processor has, in and out of the ranges that MSR bitmaps cover. */
static void absent(void *unused)
{
	static const u32 msrs[] = {0x5,	       0x1fff,	   0x2000,     0x12345678,
				   0x40000000, 0x400000f0, 0xbfffffff, 0xc0000fff,
				   0xc0001fff, 0xc0002000, 0xc001fffe, 0xffffffff};

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(msrs); i++)
		check_absent(msrs[i]);
}

/* AMD's processors have none of VT-x's. */
static void vmx(void *unused)
{
	bool lamina = lamina_here(), first = this_cpu()->index == 0, amd = lamina_amd();
	u64 v;

	(void)unused;
	for (u32 msr = MSR_VMX_BASIC; msr <= 0x491; msr++) {
		check((!lamina && !amd) || absent_read(msr) || quirk_took(BOCHS_VTX_MSRS, true),
		      "RDMSR %x", msr);
		check(absent_write(msr, 0), "WRMSR %x", msr);
		check(read(3, msr) == VECTOR_GP, "CPL 3 RDMSR %x", msr);
		check(write(3, msr, 0) == VECTOR_GP, "CPL 3 WRMSR %x", msr);
	}
	if (amd) {
		if (!quirk_took(BOCHS_VTX_MSRS, try_rdmsr(MSR_FEATURE_CONTROL, &v)))
			check_absent(MSR_FEATURE_CONTROL);
		return;
	}
	if (try_rdmsr(MSR_FEATURE_CONTROL, &v)) {
		check(v & FEATURE_CONTROL_LOCK, "FEATURE_CONTROL is %lx, not locked", v);
		check(!lamina || !(v & FEATURE_CONTROL_VMX_NO_SMX),
		      "FEATURE_CONTROL is %lx, allows VT-x", v);
		if (first)
			note("FEATURE_CONTROL is %lx", v);
	} else if (first) {
		note("FEATURE_CONTROL is absent");
	}
	check(write(0, MSR_FEATURE_CONTROL, 0) == VECTOR_GP, "WRMSR FEATURE_CONTROL 0");
	check(write(0, MSR_FEATURE_CONTROL, 5) == VECTOR_GP, "WRMSR FEATURE_CONTROL 5");
}

/* What these do depends on the machine; they must fault or return. */
static void guarded(void *unused)
{
	static const u32 msrs[] = {MSR_SMM_MONITOR_CTL, MSR_BIOS_UPDT_TRIG, 0x8b};

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(msrs); i++) {
		u32 r = read(0, msrs[i]), w = write(0, msrs[i], 0);

		check(r == VECTOR_GP || r == VEC_DONE, "RDMSR %x: vector %u", msrs[i], r);
		check(w == VECTOR_GP || w == VEC_DONE, "WRMSR %x: vector %u", msrs[i], w);
		check(read(3, msrs[i]) == VECTOR_GP, "CPL 3 RDMSR %x", msrs[i]);
		if (this_cpu()->index == 0)
			note("MSR %x: RDMSR %s, WRMSR %s", msrs[i],
			     r == VEC_DONE ? "returns" : "#GP", w == VEC_DONE ? "returns" : "#GP");
	}
}

/* Intel PT, hidden where it exists: RTIT MSRs are absent without CPUID.(7,0):EBX[25]. */
static void trace(void *unused)
{
	bool present = cpuid(7, 0).ebx & CPUID_7_EBX_PT;

	(void)unused;
	check(!lamina_here() || !present, "CPUID shows Intel PT");
	for (u32 msr = 0x570; msr <= MSR_RTIT_ADDR_LAST; msr++) {
		if (present || (msr > MSR_RTIT_LAST && msr < MSR_RTIT_ADDR_FIRST))
			continue;
		check_absent(msr);
	}
}

void hostile_msrs(void)
{
	on_each_cpu(absent, NULL);
	tap("RDMSR and WRMSR of absent MSRs are #GP at CPL 0 and 3");
	on_each_cpu(vmx, NULL);
	tap("VT-x MSRs cannot be written, FEATURE_CONTROL is locked");
	on_each_cpu(guarded, NULL);
	tap("microcode and SMM monitor MSRs fault or return");
	on_each_cpu(trace, NULL);
	tap("Intel PT's MSRs follow CPUID");
}
