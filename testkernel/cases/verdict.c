/* SPDX-License-Identifier: MIT */
/*
 * Work for the verdict of a Lamina that is disturbed at each CPUID (test/inject/): CR4 and CR0
 * read, changed and written back, as guests do. What came of it is in the notes; test/boot/cases
 * says what is due.
 */
#include "testkernel/exec.h"
#include "testkernel/groups.h"
#include "testkernel/lamina.h"
#include "testkernel/smp.h"
#include "testkernel/tap.h"
#include "x86/cpuid.h"
#include "x86/cr.h"
#include "x86/insn.h"

#define ROUNDS 16u

static u32 gps[MAX_CPUS], wrong[MAX_CPUS], blamed[MAX_CPUS];

/* The instructions with what is disturbed before them; then the bit is to be as they make it. */
static void flip(const struct snippet *s, u64 (*read)(void), u64 bit)
{
	u32 self = this_cpu()->index;
	u64 before = read(), after;

	cpuid(0, 0);
	if (exec_acd(0, s, 1, 0, 0) != VEC_DONE) {
		gps[self]++;
		return;
	}
	after = read();
	wrong[self] += after != (before ^ bit);
}

static u64 cr4_now(void)
{
	return read_cr4();
}

static u64 cr0_now(void)
{
	return read_cr0();
}

static void rounds(void *unused)
{
	u32 self = this_cpu()->index, verdict = 0;
	bool shown; /* Lamina's option quirk=show */

	(void)unused;
	cpuid(1, 0);
	shown = read_cr4() & CR4_VMXE;
	write_cr0(read_cr0() & ~CR0_NE);
	flip(&snip_flip_tsd, cr4_now, CR4_TSD);
	for (u32 i = 0; i < ROUNDS; i++) {
		flip(&snip_flip_pse, cr4_now, CR4_PSE);
		flip(&snip_flip_ts, cr0_now, CR0_TS);
		flip(&snip_flip_de, cr4_now, CR4_DE);
	}
	flip(&snip_flip_tsd, cr4_now, CR4_TSD);
	cpuid(0, 0);
	if (lamina_verdict(4, read_cr4(), &verdict))
		blamed[self] += verdict != 0;
	cpuid(0, 0);
	if (lamina_verdict(0, read_cr0(), &verdict))
		blamed[self] += verdict != 0;
	write_cr0(read_cr0() | CR0_NE);
	check(exec_acd(0, &snip_set_vmxe, 1, 0, 0) == (shown ? VEC_DONE : VECTOR_GP),
	      "cpu %u sets CR4.VMXE: CR4 is %lx", self, read_cr4());
}

void group_verdict(void)
{
	u64 n[HC_INFO_COUNT] = {0};

	on_each_cpu(rounds, NULL);
	for (u32 i = HC_INFO_CR_UNEXPECTED; i < HC_INFO_COUNT; i++)
		check(lamina_info((enum hc_info)i, &n[i]), "Lamina does not count item %u", i);
	for (u32 i = 0; i < cpu_count; i++)
		note("cpu %u: gp%u-wrong%u-blamed%u", i, gps[i], wrong[i], blamed[i]);
	note("guest%lu-platform%lu-lamina%lu-undecided%lu-dropped%lu", n[HC_INFO_CR_GUEST],
	     n[HC_INFO_CR_PLATFORM], n[HC_INFO_CR_LAMINA], n[HC_INFO_CR_UNDECIDED],
	     n[HC_INFO_CR_DROPPED]);
	tap("CR0 and CR4 are read, changed and written %u times", 3 * ROUNDS + 2);
}
