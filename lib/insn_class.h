/* SPDX-License-Identifier: MIT */
/* The second half of the decoder in insn.c: what an instruction means. For insn.c alone. */
#ifndef LIB_INSN_CLASS_H
#define LIB_INSN_CLASS_H

#include "lib/insn.h"

enum insn_map { INSN_MAP_ONE, INSN_MAP_0F, INSN_MAP_0F38, INSN_MAP_0F3A };

/*
 * Sets op, form, size and src_size of an instruction whose opcode, ModRM and immediate are known,
 * and mem of the string instructions. opsize is the operand size in bytes, seg the segment override
 * or INSN_NO_REG. What Lamina does not emulate stays INSN_OTHER.
 */
void insn_classify(struct insn *i, enum insn_map map, enum insn_mode mode, u32 opsize, u8 seg);

#endif
