/* SPDX-License-Identifier: MIT */
/*
 * The same interrupts, NMIs, INITs and SIPIs once more with all CPUs in x2APIC mode, which no CPU
 * leaves again (Intel SDM vol. 3A, 11.12).
 */
#include "testkernel/bits.h"
#include "testkernel/exec.h"
#include "testkernel/groups.h"
#include "testkernel/lapic.h"
#include "testkernel/smp.h"
#include "testkernel/tap.h"
#include "testkernel/cases/intr.h"
#include "testkernel/cases/sipi.h"
#include "x86/cpuid.h"
#include "x86/msr.h"

#define MSR_X2APIC_SELF_IPI 0x83f
#define MSR_X2APIC_ICR_HIGH 0x831 /* does not exist in x2APIC mode */
#define VECTOR		    (VEC_TEST + 4)

static void msrs_absent(void *unused)
{
	u64 v;

	(void)unused;
	check(!try_rdmsr(MSR_X2APIC_ID, &v), "RDMSR 802h in xAPIC mode");
	check(!try_wrmsr(MSR_X2APIC_ICR, 0xc4600), "WRMSR 830h in xAPIC mode");
}

static void enter(void *unused)
{
	(void)unused;
	lapic_enter_x2apic();
	check(lapic_x2apic(), "APIC_BASE is %lx", rdmsr(MSR_APIC_BASE));
}

/* Only by way of the disabled state, from which no emulator comes back (Intel SDM vol. 3A, figure
 * 11-27), does a CPU leave x2APIC mode. */
static void no_way_back(void *unused)
{
	u64 base = rdmsr(MSR_APIC_BASE);

	(void)unused;
	check(!try_wrmsr(MSR_APIC_BASE, base & ~APIC_BASE_X2APIC), "to xAPIC mode");
	check(!try_wrmsr(MSR_APIC_BASE, base & ~APIC_BASE_ENABLE), "x2APIC, but disabled");
	check(rdmsr(MSR_APIC_BASE) == base, "APIC_BASE is %lx, not %lx", rdmsr(MSR_APIC_BASE),
	      base);
	check(lapic_read(APIC_ID) == this_cpu()->apic_id, "the ID is %x", lapic_read(APIC_ID));
}

static void registers(void *unused)
{
	struct cpu *c = this_cpu();
	u64 id = rdmsr(MSR_X2APIC_ID), v;
	u32 start = c->irq_count[VECTOR];

	(void)unused;
	check(id == c->apic_id, "ID %lx, not %x", id, c->apic_id);
	check(lapic_read(APIC_LDR) == lapic_logical(c->index, c->apic_id), "LDR %x",
	      lapic_read(APIC_LDR));
	check(!try_wrmsr(MSR_X2APIC_ID, id), "WRMSR of the ID");
	check(!try_rdmsr(MSR_X2APIC_ICR_HIGH, &v), "RDMSR 831h");
	check(!try_wrmsr(MSR_X2APIC_FIRST + APIC_EOI / 16, 1), "EOI of 1");
	wrmsr(MSR_X2APIC_SELF_IPI, VECTOR);
	check(wait_for(lapic_pending(VECTOR)), "self IPI is not pending");
	tk_sti();
	check(wait_for(c->irq_count[VECTOR] == start + 1), "%u self IPIs",
	      c->irq_count[VECTOR] - start);
	tk_cli();
}

void group_x2apic(void)
{
	if (!(cpuid(1, 0).ecx & CPUID_1_ECX_X2APIC)) {
		tap_skip("all of it", "no x2APIC");
		return;
	}
	on_each_cpu(msrs_absent, NULL);
	tap("in xAPIC mode the x2APIC MSRs are #GP");
	on_each_cpu(enter, NULL);
	tap("all CPUs enter x2APIC mode");
	on_each_cpu(no_way_back, NULL);
	tap("from there straight to xAPIC mode, or disabled with its bit set: #GP");
	on_each_cpu(registers, NULL);
	tap("ID, logical ID and self IPI; what may not be written is #GP");
	intr_cases();
	nmi_cases();
	sipi_cases();
	probe_all();
	tap("after all this every CPU is where it was");
}
