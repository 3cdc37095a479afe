/* SPDX-License-Identifier: MIT */
/* The guest's registers by their common names. */
#include "vmx/vmx.h"

#include "core/event.h"
#include "hv/gmem.h"
#include "hv/assert.h"
#include "x86/insn.h"
#include "x86/msr.h"

static const u16 field_of[REG_SEG0] = {
	[REG_RIP] = VMCS_GUEST_RIP,
	[REG_RSP] = VMCS_GUEST_RSP,
	[REG_RFLAGS] = VMCS_GUEST_RFLAGS,
	[REG_CR0] = VMCS_GUEST_CR0,
	[REG_CR0_SHADOW] = VMCS_CR0_SHADOW,
	[REG_CR0_OWNED] = VMCS_CR0_MASK,
	[REG_CR3] = VMCS_GUEST_CR3,
	[REG_CR4] = VMCS_GUEST_CR4,
	[REG_CR4_SHADOW] = VMCS_CR4_SHADOW,
	[REG_CR4_OWNED] = VMCS_CR4_MASK,
	[REG_EFER] = VMCS_GUEST_EFER,
	[REG_PAT] = VMCS_GUEST_PAT,
	[REG_DR7] = VMCS_GUEST_DR7,
	[REG_DEBUGCTL] = VMCS_GUEST_DEBUGCTL,
	[REG_GDTR_BASE] = VMCS_GUEST_GDTR_BASE,
	[REG_GDTR_LIMIT] = VMCS_GUEST_GDTR_LIMIT,
	[REG_IDTR_BASE] = VMCS_GUEST_IDTR_BASE,
	[REG_IDTR_LIMIT] = VMCS_GUEST_IDTR_LIMIT,
	[REG_SYSENTER_CS] = VMCS_GUEST_SYSENTER_CS,
	[REG_SYSENTER_ESP] = VMCS_GUEST_SYSENTER_ESP,
	[REG_SYSENTER_EIP] = VMCS_GUEST_SYSENTER_EIP,
	[REG_PDPTE0] = VMCS_GUEST_PDPTE0,
	[REG_PDPTE0 + 1] = VMCS_GUEST_PDPTE1,
	[REG_PDPTE0 + 2] = VMCS_GUEST_PDPTE2,
	[REG_PDPTE3] = VMCS_GUEST_PDPTE3,
	[REG_INTERRUPTIBILITY] = VMCS_GUEST_INTERRUPTIBILITY,
	[REG_ACTIVITY] = VMCS_GUEST_ACTIVITY,
	[REG_PENDING_DEBUG] = VMCS_GUEST_PENDING_DEBUG,
};

/* The segment fields of each kind lie two apart, in the order of enum cpu_seg. */
static u32 field(enum cpu_reg r)
{
	static const u16 part[SEG_PARTS] = {
		[SEG_SEL] = VMCS_GUEST_ES_SEL,
		[SEG_BASE] = VMCS_GUEST_ES_BASE,
		[SEG_LIMIT] = VMCS_GUEST_ES_LIMIT,
		[SEG_AR] = VMCS_GUEST_ES_AR,
	};
	u32 i = r - REG_SEG0;

	ASSERT(r < REG_COUNT);
	if (r < REG_SEG0)
		return field_of[r];
	return part[i % SEG_PARTS] + i / SEG_PARTS * 2;
}

/* No entry or exit changes these: they are the guest's. */
static u32 msr_of(enum cpu_reg r)
{
	if (r == REG_KERNEL_GS_BASE)
		return MSR_KERNEL_GS_BASE;
	return r >= REG_STAR && r <= REG_FMASK ? MSR_STAR + (u32)(r - REG_STAR) : 0;
}

u64 vmx_state_get(struct vcpu *v, enum cpu_reg r)
{
	(void)v;
	if (r == REG_CR2) /* nor this */
		return read_cr2();
	if (r == REG_DR6)
		return read_dr6();
	if (msr_of(r))
		return rdmsr(msr_of(r));
	return vmread(field(r));
}

void vmx_state_set(struct vcpu *v, enum cpu_reg r, u64 value)
{
	(void)v;
	if (r == REG_CR0)
		vmx_set_cr0(value);
	else if (r == REG_CR2)
		write_cr2(value);
	else if (r == REG_DR6)
		write_dr6(value);
	else if (msr_of(r))
		wrmsr(msr_of(r), value);
	else
		vmwrite(field(r), value);
	if (r == REG_EFER) {
		/* the entry control must equal EFER.LMA (Intel SDM vol. 3C, 27.3.1.1) */
		u64 entry = vmread(VMCS_ENTRY_CONTROLS) & ~ENTRY_CTL_IA32E;

		vmwrite(VMCS_ENTRY_CONTROLS, value & EFER_LMA ? entry | ENTRY_CTL_IA32E : entry);
	}
}

/* The trap that TF asks for behind the instruction (Intel SDM vol. 3C, 27.3.1.5). */
static void arm_single_step(void)
{
	vmwrite(VMCS_GUEST_PENDING_DEBUG, vmread(VMCS_GUEST_PENDING_DEBUG) | PENDING_DEBUG_BS);
}

__attribute__((noinline)) static void advance_slowly(struct vcpu *v, const struct exit *x)
{
	vmwrite(VMCS_GUEST_RIP, gmem_next_rip(v, x));
	vmwrite(VMCS_GUEST_RFLAGS, vmread(VMCS_GUEST_RFLAGS) & ~RFLAGS_RF);
	if (event_single_step(vmread(VMCS_GUEST_RFLAGS), vmread(VMCS_GUEST_DEBUGCTL)))
		arm_single_step();
}

void vmx_advance(struct vcpu *v, const struct exit *x)
{
	u64 rip = x->rip + x->length;
	u64 blocking = vmread(VMCS_GUEST_INTERRUPTIBILITY);

	if (blocking & (INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS))
		vmwrite(VMCS_GUEST_INTERRUPTIBILITY,
			blocking & ~(INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS));
	/* the lower half has wrapped, a trap is due, or RF ends with the instruction */
	if ((u32)rip < x->length || (vmread(VMCS_GUEST_RFLAGS) & (RFLAGS_TF | RFLAGS_RF)))
		advance_slowly(v, x);
	else
		vmwrite(VMCS_GUEST_RIP, rip);
}
