/* SPDX-License-Identifier: MIT */
/*
 * Raw bytes, the last of a case. At CPL 0 what would leave the box or end the machine is taken out:
 * as the CPU may begin to decode anywhere, no such byte is in them at all. No jump goes backward,
 * so that there is an end.
 */
#include "testkernel/fuzz/gen.h"
#include "testkernel/quirks.h"

#define RAW_BYTES 16
#define NOP	  0x90
#define LOCK	  0xf0
#define NOP_0F	  0x40 /* behind 0Fh, CMOVO; where 0Fh is no opcode, INC or REX */

static bool in(const u8 *list, u32 n, u8 byte)
{
	while (n--)
		if (list[n] == byte)
			return true;
	return false;
}

#define IS_IN(list, byte) in(list, sizeof(list), byte)

/* HLT, CLI, POPF, IRET, ports */
static const u8 no_kernel[] = {0xf4, 0xfa, 0x9d, 0xcf, 0xee, 0xef, 0xe6, 0xe7,
			       0xec, 0xed, 0xe4, 0xe5, 0x6c, 0x6d, 0x6e, 0x6f};
/* Loads of segments, far calls and jumps, prefixes that reach beyond 64 KiB or into the code */
static const u8 no_real[] = {0x07, 0x17, 0x1f, 0x8e, 0xc4, 0xc5, 0x9a, 0xea, 0xcb, 0xca, 0xff, 0x66,
			     0x67, 0x2e, 0xa1, 0xa9, 0xb2, 0xb4, 0xb5, 0xe8, 0xe9, 0xc2, 0xc3};

/* Behind 0Fh: descriptor tables, MOV to CR and DR, MSRs, what differs from time to time */
static const u8 no_kernel_0f[] = {0x00, 0x01, 0x22, 0x23, 0x30, 0x31, 0x32,
				  0x33, 0xa2, 0xc7, 0x05, 0x07, 0x35};
static const u8 no_user_0f[] = {0x01, 0x31, 0x33, 0xa2, 0xc7};

/* Behind 0Fh: BT, BTS, BTR, BTC */
static const u8 bit_tests[] = {0xa3, 0xab, 0xb3, 0xba, 0xbb};

/* Shifts and rotates: at a page fault of one QEMU pushes any flags, VM and what lies above too */
static const u8 shifts[] = {0xc0, 0xc1, 0xd0, 0xd1, 0xd2, 0xd3};

static bool refused(const struct gen *g, u8 before, u8 byte)
{
	if (quirk_here(TCG_LAZY_FLAGS) && IS_IN(shifts, byte))
		return true;
	if (before == 0x0f && IS_IN(bit_tests, byte) && quirk_here(TCG_BIT_TEST_FLAGS))
		return true;
	if ((byte == LOCK || (before == 0x0f && byte == 0x38)) && quirk_here(TCG_ENDS_ITSELF))
		return true;
	if (g->mode->cpl == 3)
		return before == 0x0f && IS_IN(no_user_0f, byte);
	if (g->c->run.mode == BOX_REAL_MODE && IS_IN(no_real, byte))
		return true;
	return IS_IN(no_kernel, byte) || (before == 0x0f && IS_IN(no_kernel_0f, byte));
}

static bool jumps_short(u8 byte)
{
	return (byte & 0xf0) == 0x70 || (byte & 0xfc) == 0xe0 || byte == 0xeb;
}

bool gen_raw(struct gen *g)
{
	u32 n = 1 + gen_below(g, RAW_BYTES);
	u8 before = NOP;

	gen_byte(g, NOP);
	while (n--) {
		u8 byte = (u8)gen_random(g);

		if (gen_once_in(g, 8))
			byte = 0x0f;
		if (jumps_short(before))
			byte &= 0x3f;
		if (refused(g, before, byte))
			byte = before == 0x0f ? NOP_0F : NOP;
		gen_byte(g, byte);
		before = byte;
	}
	g->last = true;
	return true;
}
