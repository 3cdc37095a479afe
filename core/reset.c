/* SPDX-License-Identifier: MIT */
#include "core/reset.h"

#include "core/core.h"
#include "core/cr.h"
#include "lib/string.h"
#include "x86/cr.h"
#include "x86/insn.h"
#include "x86/rflags.h"
#include "x86/seg.h"

#define AR_DATA16 (SEG_AR_TYPE_DATA_RW | SEG_AR_S | SEG_AR_P)
#define AR_CODE16 (SEG_AR_TYPE_CODE_RX | SEG_AR_S | SEG_AR_P)
#define AR_CODE32 (SEG_AR_TYPE_CODE_RX | SEG_AR_S | SEG_AR_P | SEG_AR_DB | SEG_AR_G)
#define AR_DATA32 (SEG_AR_TYPE_DATA_RW | SEG_AR_S | SEG_AR_P | SEG_AR_DB | SEG_AR_G)
#define DR6_RESET 0xffff0ff0ULL
#define DR7_RESET 0x400ULL

void set_segment(struct vcpu *v, enum cpu_seg s, u16 sel, u64 base, u32 limit, u32 ar)
{
	backend->state_set(v, REG_SEG(s, SEG_SEL), sel);
	backend->state_set(v, REG_SEG(s, SEG_BASE), base);
	backend->state_set(v, REG_SEG(s, SEG_LIMIT), limit);
	backend->state_set(v, REG_SEG(s, SEG_AR), ar);
}

void set_flat_segments(struct vcpu *v, u16 code, u16 data)
{
	for (u32 s = SEG_ES; s <= SEG_GS; s++)
		set_segment(v, s, data, 0, 0xffffffff, AR_DATA32);
	set_segment(v, SEG_CS, code, 0, 0xffffffff, AR_CODE32);
}

static void reset_segments(struct vcpu *v)
{
	for (u32 s = SEG_ES; s <= SEG_GS; s++)
		set_segment(v, s, 0, 0, 0xffff, s == SEG_CS ? AR_CODE16 : AR_DATA16);
	set_segment(v, SEG_CS, 0xf000, 0xffff0000, 0xffff, AR_CODE16);
	set_segment(v, SEG_LDTR, 0, 0, 0xffff, SEG_AR_TYPE_LDT | SEG_AR_P);
	set_segment(v, SEG_TR, 0, 0, 0xffff, SEG_AR_TYPE_TSS_BUSY | SEG_AR_P);
	backend->state_set(v, REG_GDTR_BASE, 0);
	backend->state_set(v, REG_GDTR_LIMIT, 0xffff);
	backend->state_set(v, REG_IDTR_BASE, 0);
	backend->state_set(v, REG_IDTR_LIMIT, 0xffff);
}

static void reset_debug(struct vcpu *v)
{
	write_dr0(0);
	write_dr1(0);
	write_dr2(0);
	write_dr3(0);
	backend->state_set(v, REG_DR6, DR6_RESET);
	backend->state_set(v, REG_DR7, DR7_RESET);
	backend->state_set(v, REG_DEBUGCTL, 0);
	backend->state_set(v, REG_PENDING_DEBUG, 0);
}

void reset_init(struct vcpu *v)
{
	memset(v->gpr, 0, sizeof(v->gpr));
	v->gpr[GPR_RDX] = cpuid(1, 0).eax;
	reset_segments(v);
	reset_debug(v);
	backend->state_set(v, REG_CR2, 0);
	cr_reset(v, CR0_RESET, 0);
	backend->state_set(v, REG_CR3, 0);
	backend->state_set(v, REG_EFER, 0);
	backend->state_set(v, REG_SYSENTER_CS, 0);
	backend->state_set(v, REG_SYSENTER_ESP, 0);
	backend->state_set(v, REG_SYSENTER_EIP, 0);
	backend->state_set(v, REG_RFLAGS, RFLAGS_FIXED);
	backend->state_set(v, REG_RSP, 0);
	backend->state_set(v, REG_RIP, 0xfff0);
	backend->state_set(v, REG_INTERRUPTIBILITY, 0);
	backend->state_set(v, REG_ACTIVITY, ACTIVITY_ACTIVE);
	backend->inject(v, (struct event){.type = EVENT_NONE});
	backend->tlb_flush(v, false);
}

void reset_real_mode(struct vcpu *v, u16 cs, u16 ip)
{
	reset_init(v);
	cr_reset(v, CR0_ET, 0);
	set_segment(v, SEG_CS, cs, (u64)cs << 4, 0xffff, AR_CODE16);
	backend->state_set(v, REG_IDTR_LIMIT, 0x3ff);
	backend->state_set(v, REG_RIP, ip);
}

void reset_sipi(struct vcpu *v, u8 vector)
{
	set_segment(v, SEG_CS, (u16)(vector << 8), (u64)vector << 12, 0xffff, AR_CODE16);
	backend->state_set(v, REG_RIP, 0);
	backend->state_set(v, REG_ACTIVITY, ACTIVITY_ACTIVE);
	backend->state_set(v, REG_INTERRUPTIBILITY, 0);
}
