/* SPDX-License-Identifier: MIT */
/*
 * What a hypervisor that runs between two instructions of the guest must leave alone: x87, vector
 * and other extended state, debug registers, performance counters; and memory types as page tables
 * give them (Intel SDM vol. 1, chapter 13; vol. 3A, 12.12; vol. 3B, 18 and 20).
 */
#include "testkernel/bits.h"
#include "testkernel/exec.h"
#include "testkernel/groups.h"
#include "testkernel/page.h"
#include "testkernel/smp.h"
#include "testkernel/tap.h"
#include "lib/string.h"
#include "x86/cr.h"
#include "x86/msr.h"

#define AREA_SIZE      KiB(12)
#define LEGACY_SIZE    512u
#define XSTATE_BV      512u /* offset of the first word of the header */
#define LEGACY_MXCSR   24u
#define LEGACY_ST0     32u
#define LEGACY_XMM0    160u
#define LEGACY_XMM_END 416u
#define MXCSR_RESET    0x1f80u
#define FCW_RESET      0x37fu
#define XCR0_X87_SSE   3u
/* YMM, opmask, ZMM and PKRU may hold anything; bounds registers may not */
#define XCR0_ANY	(BIT(2) | BIT(5) | BIT(6) | BIT(7) | BIT(9))
#define FRAME_SLOT	40u
#define PMU_LEAF	10u
#define MSR_PERFEVTSEL0 0x186u
#define MSR_PMC0	0xc1u
#define DR7_FIXED	BIT(10)

static u8 before[AREA_SIZE] __attribute__((aligned(64)));
static u8 after[AREA_SIZE] __attribute__((aligned(64)));
static u8 frame[PAGE_SIZE] __attribute__((aligned(4096)));

static u64 xcr0_supported(void)
{
	struct cpuid d = cpuid(13, 0);

	return d.eax | (u64)d.edx << 32;
}

static void fill(u8 *p, u32 n, u32 seed)
{
	for (u32 i = 0; i < n; i++) {
		seed = seed * 1664525 + 1013904223;
		p[i] = (u8)(seed >> 24);
	}
}

/* An area in standard form with all components in use. */
static void make_area(u64 xcr0)
{
	u64 in_use = xcr0 & (XCR0_X87_SSE | XCR0_ANY);

	memset(before, 0, sizeof(before));
	memcpy(before, &(u16){FCW_RESET}, 2);
	memcpy(before + LEGACY_MXCSR, &(u32){MXCSR_RESET}, 4);
	for (u32 i = 0; i < 8; i++)
		fill(before + LEGACY_ST0 + i * 16, 10, i);
	fill(before + LEGACY_XMM0, LEGACY_XMM_END - LEGACY_XMM0, 99);
	for (u32 i = 2; i < 63; i++) {
		struct cpuid c = cpuid(13, i);

		if ((in_use & BIT(i)) && c.ebx + c.eax <= AREA_SIZE)
			fill(before + c.ebx, c.eax, i);
	}
	memcpy(before + XSTATE_BV, &in_use, sizeof(in_use));
}

/* Loads it, does what exits, stores it. */
static void extended(void *unused)
{
	struct exec e = {.f.gpr[RAX] = ~0u,
			 .f.gpr[RDX] = ~0u,
			 .f.gpr[RDI] = (uintptr_t)before,
			 .f.gpr[RSI] = (uintptr_t)after};
	u64 xcr0 = xcr0_supported() & (XCR0_X87_SSE | XCR0_ANY), old;
	u64 size = cpuid(13, 0).ecx;

	(void)unused;
	if (!(read_cr4() & CR4_OSXSAVE))
		return;
	if ((xcr0 & (BIT(5) | BIT(6) | BIT(7))) != (BIT(5) | BIT(6) | BIT(7)))
		xcr0 &= ~(BIT(5) | BIT(6) | BIT(7));
	old = tk_xgetbv(0);
	check(xsetbv_safe(0, xcr0) && tk_xgetbv(0) == xcr0, "XCR0 is %lx, not %lx", tk_xgetbv(0),
	      xcr0);
	make_area(xcr0);
	memset(after, 0, sizeof(after));
	exec(&e, 0, &snip_state_exits);
	check(e.f.vector == VEC_DONE, "vector %u at +%lu", (u32)e.f.vector, e.f.rip);
	check(!memcmp(before + LEGACY_ST0, after + LEGACY_ST0, LEGACY_XMM_END - LEGACY_ST0),
	      "x87 or XMM registers differ");
	for (u32 i = 2; i < 63; i++) {
		struct cpuid c = cpuid(13, i);

		if ((xcr0 & BIT(i)) && c.ebx + c.eax <= AREA_SIZE)
			check(!memcmp(before + c.ebx, after + c.ebx, c.eax), "component %u differs",
			      i);
	}
	check(size <= AREA_SIZE, "an area of %lu bytes", size);
	xsetbv_safe(0, old);
}

static void debug_registers(void *unused)
{
	u64 cr0 = read_cr0();

	(void)unused;
	write_dr0(0x123456789abcULL);
	write_dr6(0xffff0ff0 | BIT(13));
	tk_write_dr7(DR7_FIXED | BIT(16) | BIT(18)); /* nothing enabled */
	cpuid(0, 0);
	write_cr0(cr0 ^ CR0_NE);
	write_cr0(cr0);
	wrmsr(MSR_MTRR_DEF_TYPE, rdmsr(MSR_MTRR_DEF_TYPE));
	check(tk_read_dr0() == 0x123456789abcULL &&
		      tk_read_dr7() == (DR7_FIXED | BIT(16) | BIT(18)) && (tk_read_dr6() & BIT(13)),
	      "DR0 %lx DR6 %lx DR7 %lx", tk_read_dr0(), tk_read_dr6(), tk_read_dr7());
	write_dr6(0xffff0ff0);
	tk_write_dr7(DR7_FIXED);
	write_dr0(0);
}

/* One frame by each of the PAT's eight entries, which hold every type there is. */
static void memory_types(void *unused)
{
	const u64 types = MEMTYPE_WB | MEMTYPE_WT << 8 | 7 << 16 | MEMTYPE_UC << 24 |
			  (u64)MEMTYPE_WP << 32 | (u64)MEMTYPE_WC << 40 | (u64)MEMTYPE_WB << 48 |
			  (u64)MEMTYPE_UC << 56;
	u64 old = rdmsr(MSR_PAT);

	(void)unused;
	wbinvd();
	wrmsr(MSR_PAT, types);
	for (u32 i = 0; i < 8; i++) {
		u64 flags = PTE_P | PTE_W | (i & 1 ? PTE_PWT : 0) | (i & 2 ? PTE_PCD : 0) |
			    (i & 4 ? PTE_PAT : 0);
		volatile u32 *p = (volatile u32 *)(uintptr_t)window_map(
			FRAME_SLOT + this_cpu()->index, (uintptr_t)frame, flags);

		*p = 0x1000 + i;
		wbinvd();
		check(*p == 0x1000 + i && *(volatile u32 *)frame == 0x1000 + i,
		      "entry %u: read %x, memory %x", i, *p, *(volatile u32 *)frame);
		cpuid(0, 0);
		check(rdmsr(MSR_PAT) == types, "PAT is %lx", rdmsr(MSR_PAT));
	}
	window_map(FRAME_SLOT + this_cpu()->index, 0, 0);
	wrmsr(MSR_PAT, old);
}

/* Which counters there are, and how their registers answer; CR4.PCE is clear. */
static void counters(void)
{
	u32 leaves = cpuid(0, 0).eax,
	    version = leaves >= PMU_LEAF ? cpuid(PMU_LEAF, 0).eax & 0xff : 0;
	u64 value = 0;
	bool selects = try_wrmsr(MSR_PERFEVTSEL0, 0), counts = try_rdmsr(MSR_PMC0, &value);
	u32 rdpmc = exec_acd(0, &snip_rdpmc, 0, 0, 0), user = exec_acd(3, &snip_rdpmc, 0, 0, 0);

	/* not each emulator has the counters that its CPUID tells of */
	check(user == VECTOR_GP, "RDPMC at CPL 3 ends with %u", user);
	tap("PMU version %u: PERFEVTSEL0 %u PMC0 %u, RDPMC ends with %u, with %u at CPL 3", version,
	    selects, counts, rdpmc, user);
}

void group_state(void)
{
	on_each_cpu(extended, NULL);
	tap("x87, XMM and all components of XCR0 %lx stay as they are across exits",
	    xcr0_supported());
	on_each_cpu(debug_registers, NULL);
	tap("debug registers stay as they are across exits");
	on_each_cpu(memory_types, NULL);
	tap("memory of every type of the PAT: what is written is read");
	counters();
}
