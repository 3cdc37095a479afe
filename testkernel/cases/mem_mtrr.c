/* SPDX-License-Identifier: MIT */
/* MTRRs and PAT: what is written is read back, what may not be written is #GP (Intel SDM vol.
 * 3A, 12.11 and 12.12). Everything is put back as it was. */
#include "testkernel/bits.h"
#include "testkernel/exec.h"
#include "testkernel/quirks.h"
#include "testkernel/smp.h"
#include "testkernel/tap.h"
#include "testkernel/cases/mem.h"
#include "x86/msr.h"
#include "x86/paging.h"

#define MTRRCAP_COUNT(v) ((u32)((v)&0xff))
#define MTRRCAP_FIXED	 BIT(8)
#define DEF_TYPE_E	 BIT(11)
#define DEF_TYPE_FE	 BIT(10)
#define MASK_VALID	 BIT(11)

static const u32 fixed[] = {0x250, 0x258, 0x259, 0x268, 0x269, 0x26a,
			    0x26b, 0x26c, 0x26d, 0x26e, 0x26f};
static const u64 bad_types[] = {2, 3, 7, 8, 0xff};

static void keeps(u32 msr, u64 v)
{
	u64 now = 0;
	bool ok = try_wrmsr(msr, v), read = try_rdmsr(msr, &now);

	check(ok && read && now == v, "MSR %x := %lx: %s, now %lx", msr, v, ok ? "accepted" : "#GP",
	      now);
}

static void refuses(u32 msr, u64 v)
{
	u64 before = 0, now = 0, platform_keeps;
	bool ok;

	try_rdmsr(msr, &before);
	platform_keeps = msr == MSR_MTRRCAP ? before : v;
	ok = try_wrmsr(msr, v);
	try_rdmsr(msr, &now);
	check((!ok && now == before) || quirk_took(TCG_MTRR_UNCHECKED, ok && now == platform_keeps),
	      "MSR %x := %lx: %s, was %lx, now %lx", msr, v, ok ? "accepted" : "#GP", before, now);
	if (ok)
		wrmsr(msr, before);
}

static u64 address_mask(void)
{
	return BIT(cpuid(0x80000008, 0).eax & 0xff) - 1;
}

static void variable(void *unused)
{
	u32 n = MTRRCAP_COUNT(rdmsr(MSR_MTRRCAP));
	u64 top = address_mask() & ~0xfffULL;

	(void)unused;
	for (u32 i = 0; i < n; i++) {
		u32 msr = MSR_MTRR_PHYSBASE0 + 2 * i;
		u64 base = rdmsr(msr), mask = rdmsr(msr + 1);

		keeps(msr + 1, mask & ~MASK_VALID);
		keeps(msr, GiB(2) | MEMTYPE_UC);
		keeps(msr, top | MEMTYPE_WP);
		keeps(msr, GiB(3) | MEMTYPE_WC);
		keeps(msr + 1, (~(MiB(1) - 1) & top) | MASK_VALID);
		keeps(msr + 1, 0);
		for (size_t k = 0; k < ARRAY_SIZE(bad_types); k++)
			refuses(msr, GiB(2) | bad_types[k]);
		refuses(msr, GiB(2) | BIT(8) | MEMTYPE_UC);
		refuses(msr, (top + PAGE_SIZE) | MEMTYPE_UC);
		refuses(msr + 1, top | BIT(0));
		refuses(msr + 1, top | BIT(10));
		refuses(msr + 1, BIT(63) | top);
		keeps(msr, base);
		keeps(msr + 1, mask);
	}
}

static void fixed_ranges(void *unused)
{
	(void)unused;
	check(rdmsr(MSR_MTRRCAP) & MTRRCAP_FIXED, "no fixed MTRRs");
	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++) {
		u64 before = rdmsr(fixed[i]);

		keeps(fixed[i], 0x0606060606060606);
		keeps(fixed[i], 0x0504010006050401);
		for (size_t k = 0; k < ARRAY_SIZE(bad_types); k++)
			refuses(fixed[i], before ^ (before & 0xff0000) ^ bad_types[k] << 16);
		keeps(fixed[i], before);
	}
}

static void def_type(void *unused)
{
	u64 before = rdmsr(MSR_MTRR_DEF_TYPE);

	(void)unused;
	keeps(MSR_MTRR_DEF_TYPE, before & ~DEF_TYPE_E);
	keeps(MSR_MTRR_DEF_TYPE, before);
	keeps(MSR_MTRR_DEF_TYPE, before & ~DEF_TYPE_FE);
	keeps(MSR_MTRR_DEF_TYPE, 0);
	keeps(MSR_MTRR_DEF_TYPE, DEF_TYPE_E | MEMTYPE_UC);
	keeps(MSR_MTRR_DEF_TYPE, before);
	for (size_t k = 0; k < ARRAY_SIZE(bad_types); k++)
		refuses(MSR_MTRR_DEF_TYPE, DEF_TYPE_E | bad_types[k]);
	refuses(MSR_MTRR_DEF_TYPE, before | BIT(8));
	refuses(MSR_MTRR_DEF_TYPE, before | BIT(12));
	refuses(MSR_MTRR_DEF_TYPE, before | BIT(63));
	refuses(MSR_MTRRCAP, rdmsr(MSR_MTRRCAP));
}

static void pat(void *unused)
{
	u64 before = rdmsr(MSR_PAT);

	(void)unused;
	keeps(MSR_PAT, 0x0007010600070106);
	keeps(MSR_PAT, 0x0405060706050400);
	for (u32 slot = 0; slot < 8; slot++) {
		u64 others = before & ~(0xffULL << slot * 8);

		refuses(MSR_PAT, others | 2ULL << slot * 8);
		refuses(MSR_PAT, others | 3ULL << slot * 8);
		refuses(MSR_PAT, others | 8ULL << slot * 8);
		refuses(MSR_PAT, others | 0x80ULL << slot * 8);
	}
	keeps(MSR_PAT, before);
}

static void read_pat(void *arg)
{
	u64 *pats = arg;

	pats[this_cpu()->index] = rdmsr(MSR_PAT);
}

/* All MTRRs of a CPU, folded; the firmware sets them alike on all CPUs. */
static void fold(void *arg)
{
	u64 *sums = arg;
	u64 h = rdmsr(MSR_MTRR_DEF_TYPE) ^ rdmsr(MSR_MTRRCAP) << 32 ^ rdmsr(MSR_PAT);
	u32 n = 2 * MTRRCAP_COUNT(rdmsr(MSR_MTRRCAP));

	for (u32 i = 0; i < n; i++)
		h = h * 0x100000001b3 + rdmsr(MSR_MTRR_PHYSBASE0 + i);
	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
		h = h * 0x100000001b3 + rdmsr(fixed[i]);
	sums[this_cpu()->index] = h;
}

void mem_mtrr(void)
{
	u64 before[MAX_CPUS], after[MAX_CPUS];

	on_each_cpu(fold, before);
	check(MTRRCAP_COUNT(rdmsr(MSR_MTRRCAP)), "no variable MTRRs");
	tap("MTRRs of cpu 0 fold to %016lx", before[0]);
	on_each_cpu(read_pat, after);
	for (u32 i = 0; i < cpu_count; i++)
		check(after[i] == after[0], "cpu %u: PAT %lx", i, after[i]);
	tap("all CPUs start with PAT %016lx", after[0]);
	on_each_cpu(variable, NULL);
	tap("variable MTRRs read back; bad types and reserved bits are #GP");
	on_each_cpu(fixed_ranges, NULL);
	tap("fixed MTRRs read back; bad types are #GP");
	on_each_cpu(def_type, NULL);
	tap("MTRR_DEF_TYPE reads back, off and on; bad types and reserved bits are #GP");
	on_each_cpu(pat, NULL);
	tap("PAT reads back; bad types are #GP");
	on_each_cpu(fold, after);
	for (u32 i = 0; i < cpu_count; i++)
		check(before[i] == after[i], "cpu %u: %lx, was %lx", i, after[i], before[i]);
	tap("MTRRs and PAT are as they were");
}
