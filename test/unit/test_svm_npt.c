/* SPDX-License-Identifier: MIT */
/*
 * Nested leaves. The memory type the guest gets is what it would get natively, whatever its PAT and
 * the MTRRs say. The two tables are the manual's.
 */
#include "svm_world.h"
#include "lib/mtrr.h"

struct svm_caps svm_caps;

enum type { UC, WC, WP, WT, WB, UC_MINUS, TYPES };

/* What PAT and MTRRs make together; UC- is gone then, and "CD" counts as UC (AMD APM vol. 2, table
 * 7-10, which is 15-20 too). */
static const u8 native[TYPES][UC_MINUS] = {
	/*            UC  WC  WP  WT  WB: MTRR */
	[UC] = {UC, UC, UC, UC, UC}, [UC_MINUS] = {UC, WC, UC, UC, UC}, [WC] = {WC, WC, WC, WC, WC},
	[WP] = {UC, UC, WP, UC, WP}, [WT] = {UC, UC, UC, WT, WT},	[WB] = {UC, WC, WP, WT, WB},
};

/* What the guest's PAT and the nested leaf's make together (AMD APM vol. 2, table 15-19) */
static const u8 nested[TYPES][TYPES] = {
	/*            UC  WC  WP  WT  WB  UC-: nested */
	[UC] = {UC, UC, UC, UC, UC, UC}, [UC_MINUS] = {UC, WC, UC, UC, UC, UC_MINUS},
	[WC] = {WC, WC, WC, WC, WC, WC}, [WP] = {UC, UC, WP, UC, WP, UC},
	[WT] = {UC, UC, UC, WT, WT, UC}, [WB] = {UC, WC, WP, WT, WB, UC_MINUS},
};

static const u8 mtrr[] = {
	[UC] = MTRR_UC, [WC] = MTRR_WC, [WP] = MTRR_WP, [WT] = MTRR_WT, [WB] = MTRR_WB};

/* PAT encodings (AMD APM vol. 2, table 7-8) */
static enum type pat_type(u64 pat, u32 index)
{
	static const u8 of[] = {UC, WC, TYPES, TYPES, WT, WP, WB, UC_MINUS};
	enum type t = of[pat >> 8 * index & 7];

	assert_int_equal(pat >> 8 * index & 0xf8, 0);
	assert_true(t != TYPES);
	return t;
}

/* Which entry of the PAT a leaf names, by the bits of a long-mode page table. */
static u32 pat_index(u64 leaf, u32 level)
{
	return (u32)((leaf >> 3 & 3) | (leaf >> (level > 1 ? 12 : 7) & 1) << 2);
}

static void test_types(void **state)
{
	(void)state;
	for (u32 level = 1; level <= 3; level++)
		for (enum type m = UC; m <= WB; m++) {
			u64 leaf = npt_format.leaf(HPA(0x40000000), SLAT_READ, mtrr[m], level);
			enum type host = pat_type(NPT_PAT, pat_index(leaf, level));

			assert_int_equal(host, m);
			for (enum type guest = UC; guest < TYPES; guest++)
				assert_int_equal(native[nested[guest][host]][m], native[guest][m]);
		}
	/* leaves that are all WB would not do: UC- over a WC range, as with XP's display drivers */
	assert_int_not_equal(native[nested[UC_MINUS][WB]][WC], native[UC_MINUS][WC]);
	/* Lamina's own tables, and pointers in nested ones, name entry 0 */
	assert_int_equal(pat_type(NPT_PAT, 0), WB);
	for (u32 i = 0; i < 8; i++)
		pat_type(NPT_PAT, i);
}

static void test_rights(void **state)
{
	(void)state;
	for (u32 level = 1; level <= 3; level++) {
		u64 e = npt_format.leaf(HPA(0x80000000), SLAT_READ | SLAT_WRITE | SLAT_EXEC,
					MTRR_WB, level);

		svm_caps.nx = true;
		assert_int_equal(e, 0x80000007 | (level > 1 ? 0x80 : 0));
		e = npt_format.leaf(HPA(0x80000000), SLAT_READ, MTRR_WB, level);
		assert_int_equal(e, 0x8000000080000005 | (level > 1 ? 0x80 : 0));
		svm_caps.nx = false;
		e = npt_format.leaf(HPA(0x80000000), SLAT_READ, MTRR_WB, level);
		assert_int_equal(e >> 63, 0);
		assert_int_equal(npt_format.leaf(HPA(0x80000000), 0, MTRR_WB, level), 0);
	}
}

static void test_flush(void **state)
{
	(void)state;
	world_restart();
	vmcb_write(v, VMCB_CLEAN, 0x7ff);
	svm_slat_root(v, HPA(0x7000));
	assert_int_equal(vmcb_read(v, VMCB_N_CR3), 0x7000);
	assert_int_equal(vmcb_read(v, VMCB_CLEAN), 0x7ff & ~BIT(4));
	svm_caps.features = 0;
	svm_tlb_flush(v, false);
	assert_int_equal(vmcb_read(v, VMCB_TLB_CONTROL), 1);
	svm_caps.features = BIT(6);
	svm_tlb_flush(v, true);
	assert_int_equal(vmcb_read(v, VMCB_TLB_CONTROL), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_rights),
		cmocka_unit_test(test_flush),
	};

	return RUN(tests);
}
