/* SPDX-License-Identifier: MIT */
/* From the code before a write: which bits can the guest have set itself? All others of the value
 * it has read. */
#include "verdict/verdict.h"

/* Does the instruction leave register gpr alone, and the way to the next instruction too? */
static bool harmless(const struct insn *i, u8 gpr)
{
	bool writes_reg = i->form == INSN_FORM_REG_RM && i->reg.number == gpr;
	bool writes_rm = (i->form == INSN_FORM_RM_REG || i->form == INSN_FORM_RM_IMM) &&
			 !i->has_mem && i->rm.number == gpr;

	switch (i->op) {
	case INSN_CMP:
	case INSN_TEST:
	case INSN_BT:
	case INSN_CLTS: return true;
	case INSN_MOV_TO_CR: return true;
	case INSN_CPUID: return gpr > 3;
	case INSN_OTHER: return i->length == 1 && i->opcode == 0x90; /* NOP */
	case INSN_MOV:
	case INSN_OR:
	case INSN_AND:
	case INSN_XOR:
	case INSN_ADD:
	case INSN_SUB: return !writes_reg && !writes_rm;
	default: return false;
	}
}

/* The bit that BTS and its like choose. */
static u64 bit_of(const struct insn *i)
{
	return BIT((u64)i->imm & (i->size * 8u - 1));
}

/* What the instruction does to register gpr is known. */
static bool change(struct access *a, const struct insn *i, u8 gpr)
{
	u64 set = 0, clear = 0;

	if (harmless(i, gpr))
		return true;
	if (i->form != INSN_FORM_RM_IMM || i->has_mem || i->rm.number != gpr || i->rm.high)
		return false;
	switch (i->op) {
	case INSN_OR: set = (u64)i->imm; break;
	case INSN_AND: clear = ~(u64)i->imm & (i->size < 8 ? BIT(i->size * 8) - 1 : ~0ULL); break;
	case INSN_BTS: set = bit_of(i); break;
	case INSN_BTR: clear = bit_of(i); break;
	case INSN_XOR: set = clear = (u64)i->imm; break;
	case INSN_BTC: set = clear = bit_of(i); break;
	default: return false;
	}
	a->sets |= set;
	a->clears |= clear;
	return true;
}

/* The instructions from `at` on end at n, and the first is the read. */
static bool from_here(struct access *a, const u8 *bytes, size_t at, size_t n, enum insn_mode mode,
		      u8 gpr)
{
	struct insn i;
	bool first = true;

	a->sets = a->clears = 0;
	while (at < n) {
		int length = insn_decode(bytes + at, n - at, mode, &i);

		if (length <= 0)
			return false;
		if (first) {
			if (i.op != INSN_MOV_FROM_CR ||
			    i.reg.number != (a->cr == CRM_CR4 ? 4 : 0) || i.rm.number != gpr)
				return false;
		} else if (!change(a, &i, gpr)) {
			return false;
		}
		first = false;
		at += (size_t)length;
	}
	return at == n && !first;
}

void judge_code(struct access *a, const u8 *bytes, size_t n, enum insn_mode mode, u8 gpr)
{
	for (size_t at = n; at-- > 0;) {
		if (from_here(a, bytes, at, n, mode, gpr)) {
			a->has |= HAS_CODE;
			return;
		}
	}
	a->sets = a->clears = 0;
}
