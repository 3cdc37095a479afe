/* SPDX-License-Identifier: MIT */
/* The guest's registers by their common names. */
#include "svm/svm.h"

#include "core/event.h"
#include "hv/gmem.h"
#include "hv/assert.h"
#include "x86/cr.h"
#include "x86/insn.h"
#include "x86/msr.h"
#include "x86/rflags.h"
#include "x86/seg.h"

/* Activity and pending debug exceptions are VT-x's; on AMD-V a CPU waits in Lamina, and a trap that
 * is due is injected. */
static const u32 field_of[REG_SEG0] = {
	[REG_RIP] = VMCB_RIP,
	[REG_RSP] = VMCB_RSP,
	[REG_RFLAGS] = VMCB_RFLAGS,
	[REG_CR0] = VMCB_CR0,
	[REG_CR2] = VMCB_CR2,
	[REG_CR3] = VMCB_CR3,
	[REG_CR4] = VMCB_CR4,
	[REG_EFER] = VMCB_EFER,
	[REG_PAT] = VMCB_PAT,
	[REG_DR6] = VMCB_DR6,
	[REG_DR7] = VMCB_DR7,
	[REG_DEBUGCTL] = VMCB_DEBUGCTL,
	[REG_GDTR_BASE] = VMCB_GDTR_BASE,
	[REG_GDTR_LIMIT] = VMCB_GDTR_LIMIT,
	[REG_IDTR_BASE] = VMCB_IDTR_BASE,
	[REG_IDTR_LIMIT] = VMCB_IDTR_LIMIT,
	[REG_STAR] = VMCB_STAR,
	[REG_LSTAR] = VMCB_LSTAR,
	[REG_CSTAR] = VMCB_CSTAR,
	[REG_FMASK] = VMCB_SFMASK,
	[REG_KERNEL_GS_BASE] = VMCB_KERNEL_GS_BASE,
	[REG_SYSENTER_CS] = VMCB_SYSENTER_CS,
	[REG_SYSENTER_ESP] = VMCB_SYSENTER_ESP,
	[REG_SYSENTER_EIP] = VMCB_SYSENTER_EIP,
};

static u64 *soft_cr(struct vcpu *v, enum cpu_reg r)
{
	struct svm_vcpu *m = svm_of(v);

	switch (r) {
	case REG_CR0_SHADOW: return &m->cr[CRM_CR0].shadow;
	case REG_CR0_OWNED: return &m->cr[CRM_CR0].owned;
	case REG_CR4_SHADOW: return &m->cr[CRM_CR4].shadow;
	case REG_CR4_OWNED: return &m->cr[CRM_CR4].owned;
	default: return NULL;
	}
}

/* Selector, attributes, limit and base of a segment register are 16 bytes. */
static u32 field(enum cpu_reg r)
{
	static const u32 part[SEG_PARTS] = {
		[SEG_SEL] = VMCB_ES_SEL,
		[SEG_BASE] = VMCB_ES_BASE,
		[SEG_LIMIT] = VMCB_ES_LIMIT,
		[SEG_AR] = VMCB_ES_ATTR,
	};
	static const u8 slot[SEG_COUNT] = {0, 1, 2, 3, 4, 5, 7, 9};
	u32 i = r - REG_SEG0;

	ASSERT(r < REG_COUNT);
	if (r < REG_SEG0)
		return field_of[r];
	return part[i % SEG_PARTS] + slot[i / SEG_PARTS] * 16u;
}

/* Attributes lie in twelve bits (AMD APM vol. 2, 15.5.1); the CPL has a field of its own. */
static u64 get_segment(struct vcpu *v, enum cpu_reg r)
{
	u64 value = vmcb_read(v, field(r));

	if ((r - REG_SEG0) % SEG_PARTS != SEG_AR)
		return value;
	if (r == REG_SEG(SEG_SS, SEG_AR))
		value = (value & ~0x60ULL) | vmcb_read(v, VMCB_CPL) << 5;
	value = (value & 0xff) | (value & 0xf00) << 4;
	return value & SEG_AR_P ? value : value | SEG_AR_UNUSABLE;
}

static void set_segment(struct vcpu *v, enum cpu_reg r, u64 value)
{
	if ((r - REG_SEG0) % SEG_PARTS == SEG_AR) {
		if (r == REG_SEG(SEG_SS, SEG_AR))
			vmcb_write(v, VMCB_CPL, SEG_AR_DPL(value));
		value = value & SEG_AR_UNUSABLE ? 0 : (value & 0xff) | (value >> 4 & 0xf00);
	}
	vmcb_write(v, field(r), value);
}

/* VT-x's form: bit 0 the shadow of STI or MOV SS, bit 3 NMIs blocked */
static u64 interruptibility(struct vcpu *v)
{
	return (vmcb_read(v, VMCB_SHADOW) & 1) | (svm_of(v)->nmi_masked ? BIT(3) : 0);
}

/* With nested paging the CPU reads them when it needs them (AMD APM vol. 2, 15.25.10). */
static u64 read_pdpte(struct vcpu *v, u32 i)
{
	u64 pdpte = 0;

	gmem_read_phys((vmcb_read(v, VMCB_CR3) & 0xffffffe0) + i * 8, &pdpte, sizeof(pdpte));
	return pdpte;
}

/*
 * QEMU's emulation loses its way at an exit with LME set and PAE clear: it loads the host's CR0
 * first, and finds long mode without PAE. While paging is off LME means nothing, so the hardware
 * does not get it there.
 */
static u64 hardware_efer(struct vcpu *v, u64 efer)
{
	bool keep = svm_caps.tcg && !(vmcb_read(v, VMCB_CR0) & CR0_PG);

	return (keep ? efer & ~EFER_LME : efer) | EFER_SVME;
}

u64 svm_state_get(struct vcpu *v, enum cpu_reg r)
{
	const u64 *soft;

	if (r >= REG_SEG0)
		return get_segment(v, r);
	if (r == REG_EFER)
		return (vmcb_read(v, VMCB_EFER) & ~EFER_SVME) | svm_of(v)->lme;
	if (field_of[r])
		return vmcb_read(v, field_of[r]);
	soft = soft_cr(v, r);
	if (soft)
		return *soft;
	if (r >= REG_PDPTE0 && r <= REG_PDPTE3)
		return read_pdpte(v, r - REG_PDPTE0);
	return r == REG_INTERRUPTIBILITY ? interruptibility(v) : 0;
}

void svm_state_set(struct vcpu *v, enum cpu_reg r, u64 value)
{
	u64 *soft = soft_cr(v, r);

	if (soft) {
		*soft = value;
	} else if (r >= REG_SEG0) {
		set_segment(v, r, value);
	} else if (r == REG_INTERRUPTIBILITY) {
		vmcb_write(v, VMCB_SHADOW, value & 1);
		svm_of(v)->nmi_masked = value & BIT(3);
	} else if (r == REG_EFER) {
		svm_of(v)->lme = value & EFER_LME;
		vmcb_write(v, VMCB_EFER, hardware_efer(v, value));
	} else if (field(r)) {
		if (r == REG_CR2) /* Bochs's VMRUN does not load it */
			write_cr2(value);
		vmcb_write(v, field(r), value);
	}
	if (soft || r == REG_CR0 || r == REG_CR4)
		svm_cr_intercept(v);
}

/* The trap that TF asks for behind the instruction; another event comes instead of it. */
static void arm_single_step(struct vcpu *v)
{
	if (v->event_set)
		return;
	vmcb_write(v, VMCB_DR6, vmcb_read(v, VMCB_DR6) | DR6_BS);
	svm_inject(v, (struct event){.type = EVENT_EXCEPTION, .vector = VECTOR_DB});
}

__attribute__((noinline)) static void advance_slowly(struct vcpu *v, const struct exit *x)
{
	vmcb_write(v, VMCB_RIP, gmem_next_rip(v, x));
	vmcb_write(v, VMCB_RFLAGS, vmcb_read(v, VMCB_RFLAGS) & ~RFLAGS_RF);
	if (event_single_step(vmcb_read(v, VMCB_RFLAGS), vmcb_read(v, VMCB_DEBUGCTL)))
		arm_single_step(v);
}

void svm_advance(struct vcpu *v, const struct exit *x)
{
	u64 rip = x->rip + x->length;

	vmcb_write(v, VMCB_SHADOW, 0);
	/* the lower half has wrapped, a trap is due, or RF ends with the instruction */
	if ((u32)rip < x->length || (vmcb_read(v, VMCB_RFLAGS) & (RFLAGS_TF | RFLAGS_RF)))
		advance_slowly(v, x);
	else
		vmcb_write(v, VMCB_RIP, rip);
}
