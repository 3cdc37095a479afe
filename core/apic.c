/* SPDX-License-Identifier: MIT */
#include "core/apic.h"

#include "core/page.h"
#include "x86/apic.h"
#include "x86/insn.h"
#include "x86/msr.h"
#include "x86/paging.h"

bool apic_is_x2(void)
{
	return rdmsr(MSR_APIC_BASE) & APIC_BASE_X2APIC;
}

u64 apic_base(void)
{
	return rdmsr(MSR_APIC_BASE) & PTE_ADDR;
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
