/* SPDX-License-Identifier: MIT */
/*
 * A decoder for the x86 instructions that Lamina emulates or steps over: the length of every
 * instruction, and the operands of those in enum insn_op. Encodings: "Intel SDM vol. 2", chapter 2
 * and appendix A; "AMD APM vol. 3", chapter 1 and appendix A. Where the two differ it follows
 * Intel: a 66h prefix does not shorten a near branch in 64-bit mode.
 *
 * Pure. It reads the bytes given and decides nothing about faults: reserved encodings may have a
 * length.
 */
#ifndef LIB_INSN_H
#define LIB_INSN_H

#include "hv/types.h"

#define INSN_MAX_BYTES 15

enum insn_mode { INSN_16, INSN_32, INSN_64 }; /* the code segment's default size */

enum insn_op {
	INSN_OTHER, /* only length, lock and rep are meant */
	INSN_MOV,   /* r/m <-> r, r/m <- immediate, moffs <-> accumulator */
	INSN_MOVZX,
	INSN_MOVSX, /* and MOVSXD */
	INSN_XCHG,  /* r/m <-> r */
	INSN_STOS,
	INSN_LODS,
	INSN_MOVS, /* mem is the source; the destination is ES:rDI */
	INSN_ADD,
	INSN_OR,
	INSN_AND,
	INSN_SUB,
	INSN_XOR,
	INSN_CMP,
	INSN_TEST,
	INSN_BT, /* with a register bit offset mem is the start of the bit string */
	INSN_BTS,
	INSN_BTR,
	INSN_BTC,
	INSN_MOV_FROM_CR, /* reg is the control register, rm the general one */
	INSN_MOV_TO_CR,
	INSN_LMSW,
	INSN_SMSW,
	INSN_CLTS,
	INSN_CPUID,
	INSN_HLT,
	INSN_RDMSR,
	INSN_WRMSR,
	INSN_IN, /* from the port in imm (form INSN_FORM_IMM) or DX, to or from the accumulator */
	INSN_OUT,
};

/* Which operands there are, destination first. "rm" is mem or, without has_mem, the register rm. */
enum insn_form {
	INSN_FORM_NONE,
	INSN_FORM_RM,
	INSN_FORM_RM_REG,
	INSN_FORM_REG_RM,
	INSN_FORM_RM_IMM,
	INSN_FORM_IMM,
};

enum insn_seg { INSN_ES, INSN_CS, INSN_SS, INSN_DS, INSN_FS, INSN_GS };

#define INSN_NO_REG 0xffu
#define INSN_RIP    16u /* as a base: the address of the next instruction */

/* seg:[base + index * scale + disp], the sum cut to insn.addr_size bytes */
struct insn_mem {
	u8 base, index; /* register numbers 0-15, INSN_RIP, INSN_NO_REG */
	u8 scale;	/* 1, 2, 4, 8 */
	u8 seg;		/* enum insn_seg: an override, else the default */
	s64 disp;
};

struct insn_reg {
	u8 number; /* 0-15 in the encoding's order: AX CX DX BX SP BP SI DI R8 ... */
	bool high; /* bits 15:8 of it: AH CH DH BH */
};

struct insn {
	enum insn_op op;
	enum insn_form form;
	u8 opcode, modrm;      /* for messages; opcode is its last byte */
	u8 length;	       /* bytes */
	u8 size;	       /* of the operands, bytes: 1, 2, 4, 8 */
	u8 src_size;	       /* of the source; differs from size for MOVZX and MOVSX */
	u8 addr_size;	       /* bytes: 2, 4, 8 */
	bool lock, rep, repne; /* prefixes F0h, F3h, F2h (of the last two the later one) */
	bool has_mem;
	struct insn_mem mem;
	struct insn_reg reg, rm;
	s64 imm; /* sign-extended; port numbers are not */
};

/*
 * Decodes the instruction at bytes, of which n may be read. Returns its length; 0 for an undefined
 * or unsupported (AMD XOP) one, or one of more than 15 bytes; -1 when it does not end within n
 * bytes. *out is valid only with a length.
 */
int insn_decode(const u8 *bytes, size_t n, enum insn_mode mode, struct insn *out);

#endif
