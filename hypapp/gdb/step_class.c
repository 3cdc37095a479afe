/* SPDX-License-Identifier: MIT */
#include "hypapp/gdb/step_class.h"

static bool is_prefix(u8 b)
{
	switch (b) {
	case 0x26:
	case 0x2e:
	case 0x36:
	case 0x3e:
	case 0x64:
	case 0x65:
	case 0x66:
	case 0x67:
	case 0xf0:
	case 0xf2:
	case 0xf3: return true;
	default: return false;
	}
}

static bool is_string(u8 b)
{
	return (b >= 0x6c && b <= 0x6f) || (b >= 0xa4 && b <= 0xa7) || (b >= 0xaa && b <= 0xaf);
}

static enum step_class two_bytes(u8 b)
{
	switch (b) {
	case 0x05: return STEP_SYSCALL;
	case 0x07: return STEP_SYSRET;
	case 0x34: return STEP_SYSENTER;
	case 0x21:
	case 0x23: return STEP_MOV_DR;
	default: return STEP_PLAIN;
	}
}

/* Intel SDM vol. 2D, appendix A, table A-2. */
static enum step_class one_byte(u8 b, bool code64)
{
	switch (b) {
	case 0x9c: return STEP_PUSHF;
	case 0x9d: return STEP_POPF;
	case 0xcc: return STEP_INT3;
	case 0xcd: return STEP_INT_N;
	case 0xce: return code64 ? STEP_PLAIN : STEP_INTO;
	case 0xcf: return STEP_IRET;
	case 0xf1: return STEP_INT1;
	case 0xf4: return STEP_HLT;
	case 0xfa: return STEP_CLI;
	case 0xfb: return STEP_STI;
	case 0x17: return code64 ? STEP_PLAIN : STEP_LOADS_SS;
	default: return STEP_PLAIN;
	}
}

enum step_class step_classify(const u8 *b, size_t n, enum insn_mode mode)
{
	const u8 mod_rm_reg = 0x38, ss = 2 << 3;
	bool rep = false;
	size_t i = 0;

	for (; i < n && is_prefix(b[i]); i++)
		rep |= (b[i] & 0xfe) == 0xf2;
	if (i < n && mode == INSN_64 && (b[i] & 0xf0) == 0x40)
		i++;
	if (i >= n)
		return STEP_PLAIN;
	if (b[i] == 0x0f)
		return i + 1 < n ? two_bytes(b[i + 1]) : STEP_PLAIN;
	if (b[i] == 0x8e)
		return i + 1 < n && (b[i + 1] & mod_rm_reg) == ss ? STEP_LOADS_SS : STEP_PLAIN;
	if (is_string(b[i]))
		return rep ? STEP_STRING : STEP_PLAIN;
	return one_byte(b[i], mode == INSN_64);
}
