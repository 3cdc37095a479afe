/* SPDX-License-Identifier: MIT */
#include "testkernel/lapic.h"
#include "testkernel/asm.h"
#include "testkernel/cpu.h"
#include "x86/msr.h"
#include "x86/paging.h"

#define SVR_ENABLE 0x100
#define DFR_FLAT   0xffffffffu

bool lapic_x2apic(void)
{
	return rdmsr(MSR_APIC_BASE) & APIC_BASE_X2APIC;
}

u64 lapic_find(void)
{
	u64 page = rdmsr(MSR_APIC_BASE) & PTE_ADDR;
	u32 version = *(volatile u32 *)(uintptr_t)(page + APIC_VERSION);

	return version && version != 0xffffffff ? page : LAPIC_PAGE;
}

static volatile u32 *mmio(u32 reg)
{
	return (volatile u32 *)(uintptr_t)(this_cpu()->lapic_page + reg);
}

u32 lapic_read(u32 reg)
{
	return this_cpu()->x2apic ? (u32)rdmsr(MSR_X2APIC_FIRST + reg / 16) : *mmio(reg);
}

void lapic_write(u32 reg, u32 v)
{
	if (this_cpu()->x2apic)
		wrmsr(MSR_X2APIC_FIRST + reg / 16, v);
	else
		*mmio(reg) = v;
}

void lapic_eoi(void)
{
	lapic_write(APIC_EOI, 0);
}

u32 lapic_cpuid_id(void)
{
	if (cpuid(0, 0).eax >= 0xb && cpuid(0xb, 0).ebx)
		return cpuid(0xb, 0).edx;
	return cpuid(1, 0).ebx >> 24;
}

void lapic_enable(u32 index)
{
	if (!this_cpu()->x2apic) {
		lapic_write(APIC_DFR, DFR_FLAT);
		lapic_write(APIC_LDR, 1u << (24 + index));
	}
	lapic_write(APIC_SVR, SVR_ENABLE | VEC_SPUR);
	lapic_write(APIC_TPR, 0);
}

void lapic_enter_x2apic(void)
{
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | APIC_BASE_X2APIC);
	this_cpu()->x2apic = true;
	lapic_enable(this_cpu()->index);
}

void lapic_send(u32 dest, u32 low)
{
	if (this_cpu()->x2apic) {
		wrmsr(MSR_X2APIC_ICR, (u64)dest << 32 | low);
		return;
	}
	lapic_write(APIC_ICR_HI, dest << 24);
	lapic_write(APIC_ICR_LO, low);
	while (lapic_read(APIC_ICR_LO) & ICR_PENDING)
		cpu_pause();
}

u32 lapic_logical(u32 index, u32 apic_id)
{
	return this_cpu()->x2apic ? apic_id >> 4 << 16 | 1u << (apic_id & 15) : 1u << index;
}

static bool vector_bit(u32 reg, u8 vector)
{
	return lapic_read(reg + vector / 32 * 16) >> vector % 32 & 1;
}

bool lapic_pending(u8 vector)
{
	return vector_bit(APIC_IRR0, vector);
}

bool lapic_in_service(u8 vector)
{
	return vector_bit(APIC_ISR0, vector);
}
