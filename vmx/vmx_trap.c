/* SPDX-License-Identifier: MIT */
/* The MSR and I/O bitmaps, one pair for all CPUs (Intel SDM vol. 3C, 25.6.4 and 25.6.9). */
#include "vmx/vmx.h"

#include "core/page.h"
#include "hv/assert.h"
#include "x86/insn.h"

static u8 *msr_bitmap;
static u8 *io_bitmap;

err_t vmx_trap_init(void)
{
	if (!msr_bitmap)
		msr_bitmap = page_alloc(1);
	if (!io_bitmap)
		io_bitmap = page_alloc(2);
	return msr_bitmap && io_bitmap ? OK : "too little memory for the bitmaps";
}

hpa_t vmx_msr_bitmap(void)
{
	return page_hpa(msr_bitmap);
}

hpa_t vmx_io_bitmap(u32 half)
{
	return page_hpa(io_bitmap + half * PAGE_SIZE);
}

void vmx_trap_events(struct vcpu *v, u32 exceptions, bool interrupts)
{
	u64 pin = vmread(VMCS_PIN_CONTROLS) & ~PIN_INTR_EXITING;

	vmwrite(VMCS_EXCEPTION_BITMAP, exceptions | v->exceptions);
	vmwrite(VMCS_PIN_CONTROLS, pin | (interrupts ? PIN_INTR_EXITING : 0));
}

/* It counts at the TSC's rate over two to the power of IA32_VMX_MISC[4:0] (Intel SDM vol.
 * 3C, 26.5.1). */
bool vmx_timer(struct vcpu *v, u64 ticks)
{
	u64 pin = vmread(VMCS_PIN_CONTROLS) & ~PIN_TIMER;
	u64 count = ticks >> (vmx_caps.misc & 31);

	(void)v;
	if (!(vmx_caps.pin >> 32 & PIN_TIMER))
		return false;
	vmwrite(VMCS_PREEMPTION_TIMER, count < 0xffffffff ? count : 0xffffffff);
	vmwrite(VMCS_PIN_CONTROLS, ticks ? pin | PIN_TIMER : pin);
	return true;
}

/* Reads in the first half, writes in the second; low MSRs, then those from C0000000h. */
void vmx_trap_msr(u32 msr, bool read, bool write)
{
	u32 high = msr >= 0xc0000000;
	u32 bit = (msr & 0x1fff) + high * 0x2000;

	ASSERT((msr & ~0x1fffu) == (high ? 0xc0000000 : 0));
	bit_set(msr_bitmap, bit, read);
	bit_set(msr_bitmap + 2048, bit, write);
}

void vmx_trap_port(u16 port, bool on)
{
	bit_set(io_bitmap, port, on);
}
