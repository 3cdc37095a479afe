/* SPDX-License-Identifier: MIT */
/*
 * Two levels: L1 runs L2 with a mask and a shadow of its own, on L0, which owns bits too. What L0
 * has to load, by the rules S4 and S5, is written down here and shown to give L2 exactly what L1
 * asked for; and what goes wrong if a platform loads something else.
 */
#include "crm_world.h"

/* L0's part: the register for L2, from what L1 has for it (L1's view of L2's real value, L1's
 * shadow and mask) and from what L0 forces and owns. */
static struct crm_cr compose(const struct crm_limits *l0, const struct crm_cr *l1, u64 l0_owned)
{
	struct crm_cr c = crm_make(l0, l1->hw, l0_owned);

	c.shadow = (l1->shadow & l1->owned) | (l1->hw & ~l1->owned);
	c.owned = l1->owned | l0_owned;
	return c;
}

/* S4: L0 gets a write that is none of L1's: L2's bits are the new ones, those of L1 stay. */
static u64 l1_value_after(const struct crm_cr *l1, u64 value)
{
	return (value & ~l1->owned) | (l1->hw & l1->owned);
}

struct levels {
	struct crm_limits l0;
	u64 l0_owned;
	struct crm_cr l1;
};

static struct levels random_levels(void)
{
	struct levels v = {.l0.must1 = rnd_bits(3)};

	v.l0.must0 = rnd_bits(3) & ~v.l0.must1;
	v.l0_owned = rnd_bits((u32)rnd_below(4)) | v.l0.must1 | v.l0.must0;
	v.l1 = (struct crm_cr){.hw = rnd(), .shadow = rnd(), .owned = rnd_bits((u32)rnd_below(4))};
	return v;
}

/* S5, L1: all 64 combinations of the six inputs of a lane, in all lanes: L2 reads what L1 arranged.
 */
static void test_l2_reads_l1s_arrangement(void **state)
{
	(void)state;
	for (u32 bit = 0; bit < 64; bit++)
		for (u32 k = 0; k < 64; k++) {
			u64 b = BIT(bit);
			struct crm_limits l0 = {.must1 = k & 1 ? b : 0, .must0 = k & 2 ? b : 0};
			struct crm_cr l1 = {k & 8 ? b : 0, k & 16 ? b : 0, k & 32 ? b : 0};
			u64 l0_owned = (k & 4 ? b : 0) | l0.must1 | l0.must0;
			struct crm_cr c;

			if (l0.must1 & l0.must0)
				continue;
			c = compose(&l0, &l1, l0_owned);
			assert_int_equal(crm_read(&c), crm_read(&l1));
			assert_int_equal(c.owned, l0_owned | l1.owned);
			assert_int_equal(c.hw, (l1.hw | l0.must1) & ~l0.must0);
		}
}

/* S5: a write that L1 is to see always exits to L0; one that exits, and is not L1's, is L0's. */
static void test_l2_writes_reach_l1(void **state)
{
	u32 l1s = 0, l0s = 0;

	(void)state;
	for (u32 round = 0; round < 50000; round++) {
		struct levels v = random_levels();
		struct crm_cr c = compose(&v.l0, &v.l1, v.l0_owned);
		u64 value = crm_read(&c) ^ rnd_bits(6);

		if (crm_write_exits(&v.l1, value)) {
			assert_true(crm_write_exits(&c, value));
			l1s++;
		} else if (crm_write_exits(&c, value)) {
			assert_true((value ^ c.shadow) & v.l0_owned & ~v.l1.owned);
			l0s++;
		}
	}
	assert_true(l1s > 1000 && l0s > 1000);
}

/* S3, S4, L3: a write that is L0's alone succeeds: L2 reads it back, L1 finds it in its field, and
 * the bits L1 owns are as L1 left them. */
static void test_l0s_writes_succeed(void **state)
{
	u32 done = 0;

	(void)state;
	for (u32 round = 0; round < 50000; round++) {
		struct levels v = random_levels();
		struct crm_cr c = compose(&v.l0, &v.l1, v.l0_owned), next;
		u64 value = crm_read(&c) ^ rnd_bits(5), kept = v.l1.hw & v.l1.owned;

		if (crm_write_exits(&v.l1, value))
			continue;
		v.l1.hw = l1_value_after(&v.l1, value);
		next = compose(&v.l0, &v.l1, v.l0_owned);
		assert_int_equal(crm_read(&next), value);
		assert_int_equal(v.l1.hw & v.l1.owned, kept);
		assert_int_equal((v.l1.hw ^ value) & ~v.l1.owned, 0);
		assert_int_equal(next.hw & v.l0.must1, v.l0.must1);
		if (!crm_write_exits(&c, value)) { /* the CPU has done the same by itself */
			c.hw = (value & ~c.owned) | (c.hw & c.owned);
			assert_int_equal(c.hw, next.hw);
			assert_int_equal(crm_read(&c), value);
		}
		done++;
	}
	assert_true(done > 5000);
}

/* S1, S2: the platform's fault, exactly: a shadow that was loaded with L1's whole register shows L2
 * the bits that L1 hides, in all of them and nowhere else, and L2's next write brings them along.
 */
static void test_whole_register_as_shadow(void **state)
{
	u32 wrong = 0;

	(void)state;
	for (u32 round = 0; round < 20000; round++) {
		struct levels v = random_levels();
		struct crm_cr good = compose(&v.l0, &v.l1, v.l0_owned), bad = good;
		u64 leaked;

		bad.shadow = v.l1.hw;
		leaked = (v.l1.hw ^ v.l1.shadow) & v.l1.owned;
		assert_int_equal(crm_read(&bad) ^ crm_read(&good), leaked);
		/* and it is the exit that must not be: L1's own rule says that it is none, or that
		 * the value is not what the guest can have read */
		assert_int_equal(crm_write_exits(&v.l1, crm_read(&bad)), leaked != 0);
		assert_false(crm_write_exits(&v.l1, crm_read(&good)));
		wrong += leaked != 0;
	}
	assert_true(wrong > 10000);
}

/* S7: a guest hypervisor that may set VMXE reads the VMXE that it wrote, though L0's is always set.
 */
static void test_guest_reads_its_vmxe(void **state)
{
	(void)state;
	for (u32 k = 0; k < 4; k++) {
		struct mode m = {"64-bit", PAGED, CR4_PAE | (k & 1 ? CR4_VMXE : 0), LONG, true};
		struct crm_cpu bare = bare_in(&m, CRM_INTEL), g;
		struct crm_insn i = mov_to(4, CR4_PAE | (k & 2 ? CR4_VMXE : 0));
		bool exited;

		bare.cr4_allowed |= CR4_VMXE;
		g = guest_of(&bare, 0, 0, CR4_GUEST);
		assert_int_equal(run_guest(&g, &i, &exited).verdict, CRM_OK);
		assert_int_equal(exited, (k & 1) != (k >> 1));
		assert_int_equal(crm_read(&g.cr[CRM_CR4]), i.value);
		assert_int_equal(g.cr[CRM_CR4].hw, CR4_PAE | CR4_VMXE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_l2_reads_l1s_arrangement),
		cmocka_unit_test(test_l2_writes_reach_l1),
		cmocka_unit_test(test_l0s_writes_succeed),
		cmocka_unit_test(test_whole_register_as_shadow),
		cmocka_unit_test(test_guest_reads_its_vmxe),
	};

	return RUN_SEEDED(tests);
}
