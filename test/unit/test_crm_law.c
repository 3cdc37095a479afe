/* SPDX-License-Identifier: MIT */
/*
 * The algebra of mask and shadow, shown by exhaustion. All of it is bitwise: if a lane's result
 * does not depend on its neighbours, then the 16 combinations of (hw, shadow, owned, value) in each
 * of 64 lanes are all cases there are.
 */
#include "crm_world.h"

/* What one lane holds, by the manual's words (Intel SDM vol. 3C, 25.6.6 and 26.3). */
struct lane {
	bool hw, shadow, owned, value;
};

static struct lane lane_of(u32 k)
{
	return (struct lane){.hw = k & 1, .shadow = k & 2, .owned = k & 4, .value = k & 8};
}

static bool lane_read(struct lane l)
{
	return l.owned ? l.shadow : l.hw;
}

static bool lane_exits(struct lane l)
{
	return l.owned && l.value != l.shadow;
}

static struct crm_cr cr_with(const struct crm_cr *others, u32 bit, struct lane l)
{
	u64 keep = ~BIT(bit);

	return (struct crm_cr){
		.hw = (others->hw & keep) | (u64)l.hw << bit,
		.shadow = (others->shadow & keep) | (u64)l.shadow << bit,
		.owned = (others->owned & keep) | (u64)l.owned << bit,
	};
}

static struct crm_cr random_cr(void)
{
	return (struct crm_cr){.hw = rnd(), .shadow = rnd(), .owned = rnd()};
}

/* L1, L2: each lane alone, all others 0. */
static void test_lanes(void **state)
{
	const struct crm_cr zero = {0};

	(void)state;
	for (u32 bit = 0; bit < 64; bit++)
		for (u32 k = 0; k < 16; k++) {
			struct lane l = lane_of(k);
			struct crm_cr c = cr_with(&zero, bit, l);

			assert_int_equal(crm_read(&c), (u64)lane_read(l) << bit);
			assert_int_equal(crm_write_exits(&c, (u64)l.value << bit), lane_exits(l));
		}
}

/* L1, L2: any neighbours, and the lane reads and exits as it does alone. */
static void test_lanes_are_independent(void **state)
{
	(void)state;
	for (u32 round = 0; round < 500; round++)
		for (u32 bit = 0; bit < 64; bit++)
			for (u32 k = 0; k < 16; k++) {
				struct lane l = lane_of(k);
				struct crm_cr others = random_cr(), c = cr_with(&others, bit, l);
				u64 rest = crm_read(&c) ^ rnd();
				u64 value = (crm_read(&c) & ~BIT(bit)) | (u64)l.value << bit;

				assert_int_equal(crm_read(&c) >> bit & 1, lane_read(l));
				assert_int_equal((crm_read(&c) ^ crm_read(&others)) & ~BIT(bit), 0);
				/* the neighbours are written as they read, so this lane decides */
				assert_int_equal(crm_write_exits(&c, value), lane_exits(l));
				/* any lane that exits makes the whole write exit */
				if (lane_exits(l))
					assert_true(crm_write_exits(
						&c, (rest & ~BIT(bit)) | (u64)l.value << bit));
			}
}

/* L2: the whole word exits iff some lane does. */
static void test_word_is_its_lanes(void **state)
{
	(void)state;
	for (u32 round = 0; round < 20000; round++) {
		struct crm_cr c = random_cr();
		u64 value = crm_read(&c) ^ rnd_bits(6), read = 0;
		bool exits = false;

		for (u32 bit = 0; bit < 64; bit++) {
			struct lane l = {c.hw >> bit & 1, c.shadow >> bit & 1, c.owned >> bit & 1,
					 value >> bit & 1};

			read |= (u64)lane_read(l) << bit;
			exits = exits || lane_exits(l);
		}
		assert_int_equal(crm_read(&c), read);
		assert_int_equal(crm_write_exits(&c, value), exits);
	}
}

/* L5, S15: what was read may always be written back. */
static void test_write_back_never_exits(void **state)
{
	(void)state;
	for (u32 round = 0; round < 100000; round++) {
		struct crm_cr c = random_cr();

		assert_false(crm_write_exits(&c, crm_read(&c)));
	}
}

/* S10, S11, S12, S22, L3, L6: crm_make in all 16 combinations of (view, owned, must1, must0). */
static void test_make_lanes(void **state)
{
	(void)state;
	for (u32 bit = 0; bit < 64; bit++)
		for (u32 k = 0; k < 16; k++) {
			bool view = k & 1, owned = k & 2, must1 = k & 4, must0 = k & 8;
			bool hw = (view || must1) && !must0;
			struct crm_limits l = {.must1 = (u64)must1 << bit,
					       .must0 = (u64)must0 << bit};
			struct crm_cr c = crm_make(&l, (u64)view << bit, (u64)owned << bit);

			if (must1 && must0)
				continue; /* no CPU demands both */
			assert_int_equal(c.hw, (u64)hw << bit);
			assert_int_equal(c.shadow, (u64)view << bit);
			assert_int_equal(c.owned, (u64)owned << bit);
			if (owned || hw == view)
				assert_int_equal(crm_read(&c), (u64)view << bit);
			if (!owned)
				assert_int_equal(crm_read(&c), c.hw);
		}
}

static void test_make_is_lanewise(void **state)
{
	(void)state;
	for (u32 round = 0; round < 20000; round++) {
		u64 must1 = rnd_bits(2), must0 = rnd() & ~must1, view = rnd(), owned = rnd();
		struct crm_limits l = {.must1 = must1, .must0 = must0};
		struct crm_cr whole = crm_make(&l, view, owned), sum = {0};

		for (u32 bit = 0; bit < 64; bit++) {
			u64 b = BIT(bit);
			struct crm_limits one = {.must1 = must1 & b, .must0 = must0 & b};
			struct crm_cr c = crm_make(&one, view & b, owned & b);

			sum.hw |= c.hw;
			sum.shadow |= c.shadow;
			sum.owned |= c.owned;
		}
		assert_memory_equal(&whole, &sum, sizeof(sum));
	}
}

/*
 * A CPU in guest mode whose CR4 lanes under test have no rules of their own, so that the
 * composition in crm_execute is seen bare: unowned lanes take the value, owned ones keep hw and
 * shadow.
 */
#define PLAIN_CR4 (CR4_TSD | CR4_DE | CR4_MCE | CR4_PCE | CR4_OSFXSR | CR4_UMIP | CR4_FSGSBASE)
#define PLAIN_CR0 (CR0_MP | CR0_EM | CR0_TS | CR0_NE | CR0_AM)

static struct crm_cpu plain_cpu(enum crm_name name, const struct crm_cr *c)
{
	struct crm_cpu cpu = bare_in(&modes[3], CRM_INTEL);
	u64 plain = name == CRM_CR0 ? PLAIN_CR0 : PLAIN_CR4;

	cpu.cr[name].hw = (cpu.cr[name].hw & ~plain) | (c->hw & plain);
	cpu.cr[name].shadow = (cpu.cr[name].shadow & ~plain) | (c->shadow & plain);
	cpu.cr[name].owned = c->owned & plain;
	return cpu;
}

static void check_composition(enum crm_name name, const struct crm_cr *c, u64 value)
{
	struct crm_cpu cpu = plain_cpu(name, c);
	const struct crm_cr *old = &cpu.cr[name];
	u64 plain = name == CRM_CR0 ? PLAIN_CR0 : PLAIN_CR4;
	u64 v = (old->hw & ~plain) | (value & plain);
	struct crm_insn i = mov_to(name == CRM_CR0 ? 0 : 4, v);
	struct crm_result r = crm_execute(&cpu, &i);

	assert_int_equal(crm_exits(&cpu, &i), crm_write_exits(old, v));
	if (crm_write_exits(old, v)) {
		assert_int_equal(r.verdict, CRM_EXIT);
		assert_memory_equal(&r.next, old, sizeof(*old));
		return;
	}
	assert_int_equal(r.verdict, CRM_OK);
	assert_int_equal(r.next.hw, (v & ~old->owned) | (old->hw & old->owned));
	assert_int_equal(r.next.shadow, old->shadow);
	assert_int_equal(r.next.owned, old->owned);
	assert_int_equal(crm_read(&r.next), v);
	assert_int_equal(r.value, v);
}

/* L2, L3: what crm_execute makes of each lane, both registers, with random neighbours. */
static void test_execute_lanes(void **state)
{
	(void)state;
	for (u32 round = 0; round < 200; round++)
		for (u32 bit = 0; bit < 32; bit++)
			for (u32 k = 0; k < 16; k++) {
				struct lane l = lane_of(k);
				struct crm_cr others = random_cr(), c = cr_with(&others, bit, l);
				u64 near = crm_read(&c), v = (u64)l.value << bit;

				check_composition(CRM_CR0, &c, (near & ~BIT(bit)) | v);
				check_composition(CRM_CR4, &c, (near & ~BIT(bit)) | v);
				check_composition(CRM_CR4, &c, (rnd() & ~BIT(bit)) | v);
			}
}

/* T2, T3 as functions of one lane, by the words of Intel SDM vol. 3C, 26.1.3. */
static bool lmsw_due_exit(struct lane l, u32 bit)
{
	if (bit > 3)
		return false;
	return bit == 0 ? l.owned && l.value && !l.shadow : l.owned && l.value != l.shadow;
}

/* T2, T3: LMSW and CLTS, all lanes of CR0, neighbours as they are. */
static void test_lmsw_clts_lanes(void **state)
{
	(void)state;
	for (u32 bit = 0; bit < 64; bit++)
		for (u32 k = 0; k < 16; k++) {
			struct lane l = lane_of(k);
			const struct crm_cr zero = {0};
			struct crm_cpu cpu = {.vendor = CRM_INTEL,
					      .cr[CRM_CR0] = cr_with(&zero, bit, l)};
			struct crm_insn lmsw = {.op = CRM_LMSW, .value = (u64)l.value << bit};
			struct crm_insn clts = {.op = CRM_CLTS};

			assert_int_equal(crm_exits(&cpu, &lmsw), lmsw_due_exit(l, bit));
			assert_int_equal(crm_exits(&cpu, &clts), bit == 3 && l.owned && l.shadow);
		}
}

/* T3: LMSW in all 2^16 combinations of the four lanes that it can touch. */
static void test_lmsw_all_words(void **state)
{
	(void)state;
	for (u32 k = 0; k < 1u << 16; k++) {
		struct crm_cr c = {.hw = k & 15, .shadow = k >> 4 & 15, .owned = k >> 8 & 15};
		u64 source = k >> 12 & 15;
		struct crm_cpu cpu = {.vendor = CRM_INTEL, .cr[CRM_CR0] = c};
		struct crm_insn i = {.op = CRM_LMSW, .value = source | (rnd() & ~15ULL)};
		bool exits = false;

		for (u32 bit = 0; bit < 4; bit++) {
			struct lane l = {c.hw >> bit & 1, c.shadow >> bit & 1, c.owned >> bit & 1,
					 source >> bit & 1};

			exits = exits || lmsw_due_exit(l, bit);
		}
		assert_int_equal(crm_exits(&cpu, &i), exits);
	}
}

/* S1, S2, the scenario's exit: with these fields the guest reads 0x20, and its 0x30 does not exit.
 */
static void test_scenario(void **state)
{
	struct crm_cr c = {.hw = 0x2020, .shadow = 0, .owned = 0x2000};

	(void)state;
	assert_int_equal(crm_read(&c), 0x20);
	assert_false(crm_write_exits(&c, 0x30));
	assert_true(crm_write_exits(&c, 0x2030));
	c.shadow = 0x20; /* only owned bits of the shadow count */
	assert_int_equal(crm_read(&c), 0x20);
	c.shadow = 0x2020; /* what a platform leaves that puts all of CR4 there */
	assert_int_equal(crm_read(&c), 0x2020);
	assert_false(crm_write_exits(&c, 0x2030));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lanes),
		cmocka_unit_test(test_lanes_are_independent),
		cmocka_unit_test(test_word_is_its_lanes),
		cmocka_unit_test(test_write_back_never_exits),
		cmocka_unit_test(test_make_lanes),
		cmocka_unit_test(test_make_is_lanewise),
		cmocka_unit_test(test_execute_lanes),
		cmocka_unit_test(test_lmsw_clts_lanes),
		cmocka_unit_test(test_lmsw_all_words),
		cmocka_unit_test(test_scenario),
	};

	return RUN_SEEDED(tests);
}
