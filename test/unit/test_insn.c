/* SPDX-License-Identifier: MIT */
/* The decoder by examples, and what no other decoder can tell: truncated input, the flags, the
 * segments. */
#include "unit.h"
#include "lib/insn.h"

struct example {
	const char *bytes; /* hexadecimal */
	enum insn_mode mode;
	enum insn_op op;
	enum insn_form form;
	u8 size, src_size;
	s64 imm;
	u8 reg, rm; /* numbers; +16: a high half */
	bool has_mem;
	struct insn_mem mem;
};

#define HIGH(r) (16 + (r))
#define NO	INSN_NO_REG
#define MEM(b, i, s, seg_, d)                                             \
	true,                                                             \
	{                                                                 \
		.base = b, .index = i, .scale = s, .seg = seg_, .disp = d \
	}

static const struct example examples[] = {
	/* the local APIC's registers, as kernels reach them */
	{"890c2500b3e0fe", INSN_64, INSN_MOV, INSN_FORM_RM_REG, 4, 4, 0, 1, 0,
	 MEM(NO, NO, 1, INSN_DS, -0x11f4d00)},
	{"89b700035fff", INSN_64, INSN_MOV, INSN_FORM_RM_REG, 4, 4, 0, 6, 0,
	 MEM(7, NO, 1, INSN_DS, -0xa0fd00)},
	{"c7050003e0fe00450000", INSN_32, INSN_MOV, INSN_FORM_RM_IMM, 4, 4, 0x4500, 0, 0,
	 MEM(NO, NO, 1, INSN_DS, -0x11ffd00)},
	{"a30003e0fe", INSN_32, INSN_MOV, INSN_FORM_RM_REG, 4, 4, 0, 0, 0,
	 MEM(NO, NO, 1, INSN_DS, -0x11ffd00)},
	{"a18003e0fe", INSN_32, INSN_MOV, INSN_FORM_REG_RM, 4, 4, 0, 0, 0,
	 MEM(NO, NO, 1, INSN_DS, -0x11ffc80)},
	{"8b0518000000", INSN_64, INSN_MOV, INSN_FORM_REG_RM, 4, 4, 0, 0, 0,
	 MEM(INSN_RIP, NO, 1, INSN_DS, 0x18)},
	{"67668b07", INSN_16, INSN_MOV, INSN_FORM_REG_RM, 4, 4, 0, 0, 0, MEM(7, NO, 1, INSN_DS, 0)},
	/* halves, REX, segments */
	{"8827", INSN_64, INSN_MOV, INSN_FORM_RM_REG, 1, 1, 0, HIGH(0), 0,
	 MEM(7, NO, 1, INSN_DS, 0)},
	{"408827", INSN_64, INSN_MOV, INSN_FORM_RM_REG, 1, 1, 0, 4, 0, MEM(7, NO, 1, INSN_DS, 0)},
	{"4d8b44ac10", INSN_64, INSN_MOV, INSN_FORM_REG_RM, 8, 8, 0, 8, 0,
	 MEM(12, 5, 4, INSN_DS, 0x10)},
	{"8b4500", INSN_32, INSN_MOV, INSN_FORM_REG_RM, 4, 4, 0, 0, 0, MEM(5, NO, 1, INSN_SS, 0)},
	{"8b0424", INSN_32, INSN_MOV, INSN_FORM_REG_RM, 4, 4, 0, 0, 0, MEM(4, NO, 1, INSN_SS, 0)},
	{"418b0424", INSN_64, INSN_MOV, INSN_FORM_REG_RM, 4, 4, 0, 0, 0,
	 MEM(12, NO, 1, INSN_DS, 0)},
	{"3e8b4500", INSN_32, INSN_MOV, INSN_FORM_REG_RM, 4, 4, 0, 0, 0, MEM(5, NO, 1, INSN_DS, 0)},
	{"3e8b4500", INSN_64, INSN_MOV, INSN_FORM_REG_RM, 4, 4, 0, 0, 0, MEM(5, NO, 1, INSN_SS, 0)},
	{"418b4500", INSN_64, INSN_MOV, INSN_FORM_REG_RM, 4, 4, 0, 0, 0,
	 MEM(13, NO, 1, INSN_DS, 0)},
	{"658b0424", INSN_32, INSN_MOV, INSN_FORM_REG_RM, 4, 4, 0, 0, 0, MEM(4, NO, 1, INSN_GS, 0)},
	{"8b42fe", INSN_16, INSN_MOV, INSN_FORM_REG_RM, 2, 2, 0, 0, 0, MEM(5, 6, 1, INSN_SS, -2)},
	{"268b0e3412", INSN_16, INSN_MOV, INSN_FORM_REG_RM, 2, 2, 0, 1, 0,
	 MEM(NO, NO, 1, INSN_ES, 0x1234)},
	{"8cc8", INSN_32, INSN_OTHER, INSN_FORM_NONE, 0, 0, 0, 0, 0, false, {0}},
	/* extension, arithmetic, bits */
	{"0fb607", INSN_32, INSN_MOVZX, INSN_FORM_REG_RM, 4, 1, 0, 0, 0, MEM(7, NO, 1, INSN_DS, 0)},
	{"480fbfc1", INSN_64, INSN_MOVSX, INSN_FORM_REG_RM, 8, 2, 0, 0, 1, false, {0}},
	{"4863c1", INSN_64, INSN_MOVSX, INSN_FORM_REG_RM, 8, 4, 0, 0, 1, false, {0}},
	{"6663c1", INSN_64, INSN_MOVSX, INSN_FORM_REG_RM, 2, 2, 0, 0, 1, false, {0}},
	{"0fb6c4", INSN_32, INSN_MOVZX, INSN_FORM_REG_RM, 4, 1, 0, 0, HIGH(0), false, {0}},
	{"f0830f80", INSN_32, INSN_OR, INSN_FORM_RM_IMM, 4, 4, -128, 1, 0,
	 MEM(7, NO, 1, INSN_DS, 0)},
	{"668127fff0", INSN_32, INSN_AND, INSN_FORM_RM_IMM, 2, 2, -0xf01, 4, 0,
	 MEM(7, NO, 1, INSN_DS, 0)},
	{"f70700100000", INSN_32, INSN_TEST, INSN_FORM_RM_IMM, 4, 4, 0x1000, 0, 0,
	 MEM(7, NO, 1, INSN_DS, 0)},
	{"f71f", INSN_32, INSN_OTHER, INSN_FORM_NONE, 0, 0, 0, 0, 0, true, {0}},
	{"1007", INSN_32, INSN_OTHER, INSN_FORM_NONE, 0, 0, 0, 0, 0, true, {0}},
	{"f00fba2f0c", INSN_32, INSN_BTS, INSN_FORM_RM_IMM, 4, 4, 12, 5, 0,
	 MEM(7, NO, 1, INSN_DS, 0)},
	{"0fa307", INSN_32, INSN_BT, INSN_FORM_RM_REG, 4, 4, 0, 0, 0, MEM(7, NO, 1, INSN_DS, 0)},
	{"8707", INSN_32, INSN_XCHG, INSN_FORM_RM_REG, 4, 4, 0, 0, 0, MEM(7, NO, 1, INSN_DS, 0)},
	/* strings */
	{"f348ab", INSN_64, INSN_STOS, INSN_FORM_RM_REG, 8, 8, 0, 0, 0, MEM(7, NO, 1, INSN_ES, 0)},
	{"64aa", INSN_32, INSN_STOS, INSN_FORM_RM_REG, 1, 1, 0, 0, 0, MEM(7, NO, 1, INSN_ES, 0)},
	{"64a5", INSN_32, INSN_MOVS, INSN_FORM_NONE, 4, 4, 0, 0, 0, MEM(6, NO, 1, INSN_FS, 0)},
	{"ad", INSN_16, INSN_LODS, INSN_FORM_REG_RM, 2, 2, 0, 0, 0, MEM(6, NO, 1, INSN_DS, 0)},
	/* control registers and what exits */
	{"0f20e2", INSN_32, INSN_MOV_FROM_CR, INSN_FORM_RM_REG, 4, 4, 0, 4, 2, false, {0}},
	{"440f20c0", INSN_64, INSN_MOV_FROM_CR, INSN_FORM_RM_REG, 8, 8, 0, 8, 0, false, {0}},
	{"410f22c7", INSN_64, INSN_MOV_TO_CR, INSN_FORM_REG_RM, 8, 8, 0, 0, 15, false, {0}},
	{"0f2204", INSN_32, INSN_MOV_TO_CR, INSN_FORM_REG_RM, 4, 4, 0, 0, 4, false, {0}},
	{"0f01f3", INSN_16, INSN_LMSW, INSN_FORM_RM, 2, 2, 0, 6, 3, false, {0}},
	{"0f01363412", INSN_16, INSN_LMSW, INSN_FORM_RM, 2, 2, 0, 6, 0,
	 MEM(NO, NO, 1, INSN_DS, 0x1234)},
	{"480f01e0", INSN_64, INSN_SMSW, INSN_FORM_RM, 8, 8, 0, 4, 0, false, {0}},
	{"480f0120", INSN_64, INSN_SMSW, INSN_FORM_RM, 2, 2, 0, 4, 0, MEM(0, NO, 1, INSN_DS, 0)},
	{"0f01c1", INSN_64, INSN_OTHER, INSN_FORM_NONE, 0, 0, 0, 0, 0, false, {0}},
	{"660f78c00102", INSN_64, INSN_OTHER, INSN_FORM_NONE, 0, 0, 0, 0, 0, false, {0}},
	{"f20f78c10102", INSN_32, INSN_OTHER, INSN_FORM_NONE, 0, 0, 0, 0, 0, false, {0}},
	{"660f7800", INSN_64, INSN_OTHER, INSN_FORM_NONE, 0, 0, 0, 0, 0, true, {0}},
	{"0f78c0", INSN_64, INSN_OTHER, INSN_FORM_NONE, 0, 0, 0, 0, 0, false, {0}},
	{"62f17d48c20105", INSN_64, INSN_OTHER, INSN_FORM_NONE, 0, 0, 0, 0, 0, true, {0}},
	{"62f3fd48030105", INSN_64, INSN_OTHER, INSN_FORM_NONE, 0, 0, 0, 0, 0, true, {0}},
	{"62f57c485801", INSN_64, INSN_OTHER, INSN_FORM_NONE, 0, 0, 0, 0, 0, true, {0}},
	{"62f67c485801", INSN_64, INSN_OTHER, INSN_FORM_NONE, 0, 0, 0, 0, 0, true, {0}},
	{"0f06", INSN_16, INSN_CLTS, INSN_FORM_NONE, 0, 0, 0, 0, 0, false, {0}},
	{"0fa2", INSN_32, INSN_CPUID, INSN_FORM_NONE, 0, 0, 0, 0, 0, false, {0}},
	{"f4", INSN_32, INSN_HLT, INSN_FORM_NONE, 0, 0, 0, 0, 0, false, {0}},
	{"0f30", INSN_64, INSN_WRMSR, INSN_FORM_NONE, 0, 0, 0, 0, 0, false, {0}},
	{"0f32", INSN_64, INSN_RDMSR, INSN_FORM_NONE, 0, 0, 0, 0, 0, false, {0}},
	{"e4cf", INSN_32, INSN_IN, INSN_FORM_IMM, 1, 1, 0xcf, 0, 0, false, {0}},
	{"48ef", INSN_64, INSN_OUT, INSN_FORM_NONE, 4, 4, 0, 0, 0, false, {0}},
};

static u32 bytes_of(const char *hex, u8 *out)
{
	u32 n = 0;

	for (; hex[0] && hex[1]; hex += 2) {
		char pair[3] = {hex[0], hex[1], 0};

		out[n++] = (u8)strtoul(pair, NULL, 16);
	}
	return n;
}

static void assert_reg(struct insn_reg got, u8 want)
{
	assert_int_equal(got.number, want & 15);
	assert_int_equal(got.high, want >= 16);
}

static void assert_example(const struct example *e, const struct insn *i)
{
	assert_int_equal(i->op, e->op);
	assert_int_equal(i->form, e->form);
	assert_int_equal(i->has_mem, e->has_mem);
	if (e->op == INSN_OTHER)
		return;
	assert_int_equal(i->size, e->size);
	assert_int_equal(i->src_size, e->src_size);
	assert_int_equal(i->imm, e->imm);
	assert_reg(i->reg, e->reg);
	assert_reg(i->rm, e->rm);
	if (!e->has_mem)
		return;
	assert_int_equal(i->mem.base, e->mem.base);
	assert_int_equal(i->mem.index, e->mem.index);
	assert_int_equal(i->mem.scale, e->mem.scale);
	assert_int_equal(i->mem.seg, e->mem.seg);
	assert_int_equal(i->mem.disp, e->mem.disp);
}

/* The bytes given are all of the instruction, so a length of fewer is as wrong as one of more. */
static void test_examples(void **state)
{
	(void)state;
	for (size_t n = 0; n < ARRAY_SIZE(examples); n++) {
		struct insn insn;
		u8 bytes[32];
		u32 given = bytes_of(examples[n].bytes, bytes);
		int len = insn_decode(bytes, given, examples[n].mode, &insn);

		if (len != (int)given)
			fail_msg("%s has length %d", examples[n].bytes, len);
		assert_int_equal(len, insn.length);
		assert_example(&examples[n], &insn);
	}
}

/* Every instruction says -1 for each of its own beginnings, and reads no byte more: these are heap
 * blocks. */
static void test_truncated(void **state)
{
	(void)state;
	for (u32 round = 0; round < 60000; round++) {
		enum insn_mode mode = (enum insn_mode)rnd_below(3);
		struct insn insn, again;
		u8 bytes[INSN_MAX_BYTES];
		int len;

		for (u32 i = 0; i < sizeof(bytes); i++)
			bytes[i] = (u8)rnd();
		len = insn_decode(bytes, sizeof(bytes), mode, &insn);
		for (int n = 0; n < len; n++) {
			u8 *cut = malloc(n ? (size_t)n : 1);

			memcpy(cut, bytes, (size_t)n);
			assert_int_equal(insn_decode(cut, (size_t)n, mode, &again), -1);
			free(cut);
		}
		if (len <= 0)
			continue;
		assert_int_equal(insn_decode(bytes, (size_t)len, mode, &again), len);
		assert_memory_equal(&again.mem, &insn.mem, sizeof(insn.mem));
	}
}

static void test_too_long(void **state)
{
	struct insn insn;
	u8 bytes[32];

	(void)state;
	memset(bytes, 0x66, sizeof(bytes));
	bytes[14] = 0x90;
	assert_int_equal(insn_decode(bytes, 32, INSN_32, &insn), 15);
	bytes[14] = 0x04; /* ADD AL, imm8: its operand would be byte 16 */
	assert_int_equal(insn_decode(bytes, 32, INSN_32, &insn), 0);
	assert_int_equal(insn_decode(bytes, 15, INSN_32, &insn), 0);
	assert_int_equal(insn_decode(bytes, 14, INSN_32, &insn), -1);
}

static void test_prefixes(void **state)
{
	struct insn i;

	(void)state;
	assert_int_equal(insn_decode((const u8 *)"\xf0\x01\x07", 3, INSN_32, &i), 3);
	assert_true(i.lock && !i.rep && !i.repne);
	assert_int_equal(insn_decode((const u8 *)"\xf2\xf3\xa4", 3, INSN_32, &i), 3);
	assert_true(!i.lock && i.rep && !i.repne);
	assert_int_equal(insn_decode((const u8 *)"\xf3\xf2\xa4", 3, INSN_32, &i), 3);
	assert_true(!i.lock && !i.rep && i.repne);
	/* A REX that is not the last prefix does not count */
	assert_int_equal(insn_decode((const u8 *)"\x48\x66\x89\x07", 4, INSN_64, &i), 4);
	assert_int_equal(i.size, 2);
	assert_int_equal(insn_decode((const u8 *)"\x66\x48\x89\x07", 4, INSN_64, &i), 4);
	assert_int_equal(i.size, 8);
	assert_int_equal(insn_decode((const u8 *)"\x67\x89\x07", 3, INSN_64, &i), 3);
	assert_int_equal(i.addr_size, 4);
}

/* Undefined in 64-bit mode, or everywhere, or not ours. */
static void test_undefined(void **state)
{
	static const u8 not_in_64[] = {0x06, 0x07, 0x0e, 0x16, 0x17, 0x1e, 0x1f, 0x27, 0x2f, 0x37,
				       0x3f, 0x60, 0x61, 0x82, 0x9a, 0xce, 0xd4, 0xd5, 0xd6, 0xea};
	static const char *const nowhere[] = {"0f04",	  "0f0a",	 "0f24c0",   "0f36",
					      "0f39",	  "0fa6c0",	 "f0c5f877", "66c5f877",
					      "8fe87800", "62f179485801"};
	struct insn insn;
	u8 bytes[15] = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(not_in_64); i++) {
		bytes[0] = not_in_64[i];
		assert_int_equal(insn_decode(bytes, 15, INSN_64, &insn), 0);
		assert_true(insn_decode(bytes, 15, INSN_32, &insn) > 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(nowhere); i++) {
		memset(bytes, 0, sizeof(bytes));
		bytes_of(nowhere[i], bytes);
		for (enum insn_mode mode = INSN_16; mode <= INSN_64; mode++)
			assert_int_equal(insn_decode(bytes, 15, mode, &insn), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_examples),  cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_too_long),  cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_undefined),
	};

	return RUN_SEEDED(tests);
}
