/* SPDX-License-Identifier: MIT */
/*
 * Guest-physical accesses that the second-level tables refuse: our own memory, the trapped local
 * APIC page, and devices above RAM that are mapped when first touched.
 */
#include "core/apic.h"
#include "core/core.h"
#include "core/exit_handlers.h"
#include "hv/gmem.h"
#include "core/page.h"
#include "core/panic.h"
#include "core/sipi.h"
#include "core/slat.h"
#include "core/trace.h"
#include "lib/fmt.h"
#include "lib/insn.h"
#include "x86/rflags.h"

static u64 reg_operand(struct vcpu *v, const struct insn_reg *r)
{
	u64 value = r->number == GPR_RSP ? backend->state_get(v, REG_RSP) : v->gpr[r->number];

	return r->high ? value >> 8 : value;
}

/* The value that the instruction stores at its memory operand, which holds `old`. False: it is none
 * of those a system uses to write to a local APIC. */
static bool stored_value(struct vcpu *v, const struct insn *i, u32 old, u32 *out)
{
	u32 src = i->form == INSN_FORM_RM_IMM ? (u32)i->imm : (u32)reg_operand(v, &i->reg);

	switch (i->op) {
	case INSN_MOV:
	case INSN_XCHG: *out = src; return true;
	case INSN_OR: *out = old | src; return true;
	case INSN_AND: *out = old & src; return true;
	case INSN_XOR: *out = old ^ src; return true;
	default: return false;
	}
}

/* Flags of AND, OR and XOR (Intel SDM vol. 1, 3.4.3.1; AF is undefined). */
static void set_logic_flags(struct vcpu *v, u32 result)
{
	u64 f = backend->state_get(v, REG_RFLAGS) &
		~(RFLAGS_CF | RFLAGS_PF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF);

	f |= result ? 0 : RFLAGS_ZF;
	f |= result >> 31 ? RFLAGS_SF : 0;
	f |= __builtin_parity(result & 0xff) ? 0 : RFLAGS_PF;
	backend->state_set(v, REG_RFLAGS, f);
}

/* What the instruction leaves behind besides memory. */
static void write_back(struct vcpu *v, const struct insn *i, u32 old, u32 stored)
{
	if (i->op == INSN_XCHG && i->reg.number == GPR_RSP)
		backend->state_set(v, REG_RSP, old);
	else if (i->op == INSN_XCHG)
		v->gpr[i->reg.number] = old;
	else if (i->op != INSN_MOV)
		set_logic_flags(v, stored);
}

/*
 * A write to a page at which some CPU has its local APIC. Another CPU's store goes to what it has
 * there itself. 32-bit stores are carried out here; for what no system
 * does (other sizes, other instructions) the trap gives way, so that the guest gets what hardware
 * gives it.
 */
static enum exit_answer apic_write_exit(struct vcpu *v, const struct exit *x)
{
	u32 reg = x->slat.gpa.v & (PAGE_SIZE - 1);
	volatile u32 *word = phys_ptr(x->slat.gpa.v);
	struct exit done = *x;
	struct insn insn;
	u32 old, value;

	if (!sipi_trapping()) /* another CPU has just lifted the trap */
		return EXIT_RETRY;
	if (v->event_set) /* an event was being delivered with its stack here: no instruction */
		return inject_gp(v);
	old = reg % 16 == 0 ? *word : 0;
	done.length = gmem_insn(v, x->rip, &insn);
	if (!done.length || insn.size != 4 || reg % 16 || !stored_value(v, &insn, old, &value)) {
		sipi_give_up_trap();
		return EXIT_RETRY;
	}
	write_back(v, &insn, old, value);
	backend->advance(v, &done);
	if (!apic_is_x2() && align_down(x->slat.gpa.v, PAGE_SIZE) == apic_base())
		sipi_write_xapic(v, reg, value);
	else
		*word = value;
	sipi_check_mail(v);
	return EXIT_RETRY;
}

/* Does the instruction store to its memory operand, and do nothing else that would have to be done?
 */
static bool is_plain_store(const struct insn *i)
{
	return i->has_mem && i->op >= INSN_MOV && i->op <= INSN_BTC && i->op != INSN_STOS &&
	       i->op != INSN_LODS && i->op != INSN_MOVS;
}

/* A plain store to our page below 1 MiB or to an IOMMU is dropped, like one to ROM; anything else
 * there gets #GP. */
static enum exit_answer protected_write(struct vcpu *v, const struct exit *x)
{
	struct exit done = *x;
	struct insn insn;

	done.length = gmem_insn(v, x->rip, &insn);
	atomic_fetch_add(&machine.protected, 1);
	if (v->event_set || !done.length || !is_plain_store(&insn))
		return inject_gp(v);
	backend->advance(v, &done);
	return EXIT_RETRY;
}

enum exit_answer exit_slat(struct vcpu *v, const struct exit *x)
{
	u64 gpa = x->slat.gpa.v;

	trace_values(v, TRACE_WHAT(TRACE_EXIT, EXIT_SLAT, 1), &gpa);
	if (x->slat.misconfigured)
		panic("second-level tables misconfigured for guest address %" FMT64 "x", gpa);
	if (slat_decoy(gpa)) {
		atomic_fetch_add(&machine.protected, 1);
		return EXIT_RETRY;
	}
	if (sipi_owns_page(gpa) && (x->slat.access & SLAT_WRITE))
		return apic_write_exit(v, x);
	if (slat_is_write_protected(gpa) && (x->slat.access & SLAT_WRITE))
		return protected_write(v, x);
	if (slat_map_missing(gpa))
		return EXIT_RETRY;
	return inject_gp(v);
}
