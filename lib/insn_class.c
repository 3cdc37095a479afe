/* SPDX-License-Identifier: MIT */
#include "lib/insn_class.h"

static void set_form(struct insn *i, enum insn_op op, enum insn_form form, u32 size)
{
	i->op = op;
	i->form = op == INSN_OTHER ? INSN_FORM_NONE : form;
	i->size = i->src_size = (u8)size;
}

/* Arithmetic by its three-bit number, as in opcodes 00-3F and in group 1. ADC and SBB are not ours.
 */
static enum insn_op arithmetic(u8 number)
{
	static const u8 ops[8] = {INSN_ADD, INSN_OR,  INSN_OTHER, INSN_OTHER,
				  INSN_AND, INSN_SUB, INSN_XOR,	  INSN_CMP};

	return (enum insn_op)ops[number & 7];
}

static void string_op(struct insn *i, enum insn_op op, enum insn_form form, u32 size, u8 seg)
{
	set_form(i, op, form, size);
	i->has_mem = true;
	i->mem.base = op == INSN_STOS ? 7 : 6;
	if (op == INSN_STOS)
		i->mem.seg = INSN_ES;
	else
		i->mem.seg = seg != INSN_NO_REG ? seg : INSN_DS;
}

static void classify_one(struct insn *i, enum insn_mode mode, u32 opsize, u8 seg)
{
	u8 c = i->opcode, sub = (i->modrm >> 3) & 7;
	u32 size = c & 1 ? opsize : 1; /* of nearly all opcodes */

	if (c < 0x40 && (c & 7) < 4) {
		set_form(i, arithmetic(c >> 3), c & 2 ? INSN_FORM_REG_RM : INSN_FORM_RM_REG, size);
		return;
	}
	if (c < 0x40 && (c & 7) < 6) { /* the accumulator: register 0 */
		set_form(i, arithmetic(c >> 3), INSN_FORM_RM_IMM, size);
		return;
	}
	switch (c) {
	case 0x63:
		if (mode != INSN_64)
			break;
		set_form(i, INSN_MOVSX, INSN_FORM_REG_RM, opsize);
		/* without REX.W it moves what the operand size says */
		i->src_size = opsize == 2 ? 2 : 4;
		break;
	case 0x80:
	case 0x81:
	case 0x82:
	case 0x83: set_form(i, arithmetic(sub), INSN_FORM_RM_IMM, size); break;
	case 0x84:
	case 0x85: set_form(i, INSN_TEST, INSN_FORM_RM_REG, size); break;
	case 0x86:
	case 0x87: set_form(i, INSN_XCHG, INSN_FORM_RM_REG, size); break;
	case 0x88:
	case 0x89:
	case 0xa2:
	case 0xa3: set_form(i, INSN_MOV, INSN_FORM_RM_REG, size); break;
	case 0x8a:
	case 0x8b:
	case 0xa0:
	case 0xa1: set_form(i, INSN_MOV, INSN_FORM_REG_RM, size); break;
	case 0xa4:
	case 0xa5: string_op(i, INSN_MOVS, INSN_FORM_NONE, size, seg); break;
	case 0xa8:
	case 0xa9: set_form(i, INSN_TEST, INSN_FORM_RM_IMM, size); break;
	case 0xaa:
	case 0xab: string_op(i, INSN_STOS, INSN_FORM_RM_REG, size, seg); break;
	case 0xac:
	case 0xad: string_op(i, INSN_LODS, INSN_FORM_REG_RM, size, seg); break;
	case 0xc6:
	case 0xc7: set_form(i, sub ? INSN_OTHER : INSN_MOV, INSN_FORM_RM_IMM, size); break;
	case 0xf4: set_form(i, INSN_HLT, INSN_FORM_NONE, 0); break;
	case 0xf6:
	case 0xf7: set_form(i, sub > 1 ? INSN_OTHER : INSN_TEST, INSN_FORM_RM_IMM, size); break;
	default:
		/* E4-E7 and EC-EF; no I/O is wider than 32 bits */
		if ((c & 0xf4) != 0xe4)
			break;
		set_form(i, c & 2 ? INSN_OUT : INSN_IN, c & 8 ? INSN_FORM_NONE : INSN_FORM_IMM,
			 size == 8 ? 4 : size);
		i->imm = (u8)i->imm;
	}
}

static void classify_0f(struct insn *i, enum insn_mode mode, u32 opsize)
{
	static const u8 bit_ops[4] = {INSN_BT, INSN_BTS, INSN_BTR, INSN_BTC};
	u8 c = i->opcode, sub = (i->modrm >> 3) & 7;

	switch (c) {
	case 0x01:
		if (sub == 4)
			set_form(i, INSN_SMSW, INSN_FORM_RM, i->has_mem ? 2 : opsize);
		else if (sub == 6)
			set_form(i, INSN_LMSW, INSN_FORM_RM, 2);
		break;
	case 0x06: set_form(i, INSN_CLTS, INSN_FORM_NONE, 0); break;
	case 0x20: set_form(i, INSN_MOV_FROM_CR, INSN_FORM_RM_REG, mode == INSN_64 ? 8 : 4); break;
	case 0x22: set_form(i, INSN_MOV_TO_CR, INSN_FORM_REG_RM, mode == INSN_64 ? 8 : 4); break;
	case 0x30: set_form(i, INSN_WRMSR, INSN_FORM_NONE, 0); break;
	case 0x32: set_form(i, INSN_RDMSR, INSN_FORM_NONE, 0); break;
	case 0xa2: set_form(i, INSN_CPUID, INSN_FORM_NONE, 0); break;
	case 0xa3:
	case 0xab:
	case 0xb3:
	case 0xbb:
		set_form(i, (enum insn_op)bit_ops[(c >> 3) & 3], INSN_FORM_RM_REG, opsize);
		break;
	case 0xba:
		if (sub >= 4)
			set_form(i, (enum insn_op)bit_ops[sub & 3], INSN_FORM_RM_IMM, opsize);
		break;
	case 0xb6:
	case 0xb7:
	case 0xbe:
	case 0xbf:
		set_form(i, c & 8 ? INSN_MOVSX : INSN_MOVZX, INSN_FORM_REG_RM, opsize);
		i->src_size = c & 1 ? 2 : 1;
		break;
	}
}

void insn_classify(struct insn *i, enum insn_map map, enum insn_mode mode, u32 opsize, u8 seg)
{
	if (map == INSN_MAP_ONE)
		classify_one(i, mode, opsize, seg);
	else if (map == INSN_MAP_0F)
		classify_0f(i, mode, opsize);
}
