/* SPDX-License-Identifier: MIT */
#include "core/apic.h"

#include <stdatomic.h>

#include "core/page.h"
#include "x86/apic.h"
#include "x86/insn.h"
#include "x86/msr.h"
#include "x86/paging.h"

bool apic_is_x2(void)
{
	return rdmsr(MSR_APIC_BASE) & APIC_BASE_X2APIC;
}

/* The page at which the platform keeps the xAPIC whatever the MSR says; 0: it moves as it should.
 */
static _Atomic u64 stays;

u64 apic_base(void)
{
	u64 page = atomic_load(&stays);

	return page ? page : rdmsr(MSR_APIC_BASE) & PTE_ADDR;
}

u32 apic_read(u32 reg)
{
	if (apic_is_x2())
		return (u32)rdmsr(MSR_X2APIC_FIRST + reg / 16);
	return *(volatile u32 *)phys_ptr(apic_base() + reg);
}

void apic_write(u32 reg, u32 value)
{
	if (apic_is_x2())
		wrmsr(MSR_X2APIC_FIRST + reg / 16, value);
	else
		*(volatile u32 *)phys_ptr(apic_base() + reg) = value;
}

bool apic_set_base(u64 value)
{
	u64 old = rdmsr(MSR_APIC_BASE), was = apic_base(), page = value & PTE_ADDR;
	u32 version = apic_read(APIC_VERSION);

	if (!phys_map(page, PAGE_SIZE) || !wrmsr_safe(MSR_APIC_BASE, value))
		return false;
	if (page != was && (old & value & APIC_BASE_ENABLE) &&
	    !((old | value) & APIC_BASE_X2APIC) &&
	    *(volatile u32 *)phys_ptr(page + APIC_VERSION) != version)
		atomic_store(&stays, was);
	return true;
}

u32 apic_id(void)
{
	u32 id = apic_read(APIC_ID);

	return apic_is_x2() ? id : id >> 24;
}

static void wait_idle(void)
{
	for (u32 i = 0; i < 100000 && (apic_read(APIC_ICR_LO) & ICR_PENDING); i++)
		cpu_pause();
}

void apic_send(u32 dest, u32 icr_lo)
{
	u32 high;

	if (apic_is_x2()) {
		wrmsr(MSR_X2APIC_ICR, (u64)dest << 32 | icr_lo);
		return;
	}
	wait_idle();
	high = apic_read(APIC_ICR_HI);
	apic_write(APIC_ICR_HI, dest << 24);
	apic_write(APIC_ICR_LO, icr_lo);
	wait_idle();
	apic_write(APIC_ICR_HI, high);
}
