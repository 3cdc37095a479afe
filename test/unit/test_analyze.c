/* SPDX-License-Identifier: MIT */
/* The judgement of tools/analyze over all that can be known of a write to CR4. */
#include "unit.h"
#include "tools/analyze/analyze.h"
#include "x86/cr.h"

static const struct machine_facts nobody = {0};

static enum verdict verdict_of(struct access a)
{
	struct judgement j;

	judge(&a, &nobody, &j);
	assert_true(j.evidence[0]);
	assert_true((j.verdict == V_UNDECIDED) == (j.need != NULL));
	return j.verdict;
}

/* The scenario's exit, with what is known of it */
static struct access scenario(u64 has)
{
	return (struct access){.has = has,
			       .op = CRM_MOV_TO,
			       .cr = CRM_CR4,
			       .value = 0x2030,
			       .hw = 0x2020,
			       .owned = 0x2000,
			       .read = 0x2020,
			       .sets = CR4_PSE};
}

#define STATE (HAS_HW | HAS_OWNED | HAS_SHADOW)

/* Less than all of it never decides, and more never changes the verdict. */
static void test_evidence_needed(void **state)
{
	const u64 base = HAS_VALUE | STATE;

	(void)state;
	for (u64 has = 0; has < HAS_CPU; has++) {
		bool told = has & (HAS_READ | HAS_CODE);
		bool enough = ((has & (base & ~HAS_HW)) == (base & ~HAS_HW) && told) ||
			      (has & (STATE | HAS_READ)) == (STATE | HAS_READ);

		assert_int_equal(verdict_of(scenario(has)), enough ? V_PLATFORM : V_UNDECIDED);
	}
}

static void test_guest(void **state)
{
	struct access a = scenario(HAS_VALUE | STATE | HAS_READ);

	(void)state;
	a.read = 0x20;
	assert_int_equal(verdict_of(a), V_GUEST);
	a = scenario(HAS_VALUE | STATE | HAS_CODE);
	a.sets = CR4_PSE | CR4_VMXE;
	assert_int_equal(verdict_of(a), V_GUEST);
}

static void test_lamina(void **state)
{
	struct access a = scenario(HAS_VALUE | STATE | HAS_READ);

	(void)state;
	a.shadow = CR4_VMXE; /* shows it, and the read is what that gives */
	assert_int_equal(verdict_of(a), V_LAMINA);
	a = scenario(HAS_VALUE | STATE | HAS_READ);
	a.hw = 0x20;
	assert_int_equal(verdict_of(a), V_LAMINA);
}

/* Every value, mask and shadow of four bits: an exit without reason, or one that is due. */
static void test_l2(void **state)
{
	(void)state;
	for (u64 n = 0; n < 4096; n++) {
		struct access a = {.has = HAS_VALUE | HAS_OWNED | HAS_SHADOW,
				   .op = CRM_MOV_TO,
				   .cr = CRM_CR0,
				   .value = n & 15,
				   .owned = n >> 4 & 15,
				   .shadow = n >> 8};
		bool due = (a.value & a.owned) != (a.shadow & a.owned);

		assert_int_equal(verdict_of(a), due ? V_OK : V_PLATFORM);
	}
}

static void test_numbers(void **state)
{
	u64 v;

	(void)state;
	assert_non_null(analyze_number("0x2020", &v));
	assert_int_equal(v, 0x2020);
	assert_non_null(analyze_number("2020h,", &v));
	assert_int_equal(v, 0x2020);
	assert_non_null(analyze_number("ffffffffffffffff", &v));
	assert_true(v == ~0ULL);
	assert_null(analyze_number("10000000000000000", &v));
	assert_null(analyze_number("0x", &v));
	assert_null(analyze_number("20xy", &v));
	assert_null(analyze_number("", &v));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_evidence_needed), cmocka_unit_test(test_guest),
		cmocka_unit_test(test_lamina),		cmocka_unit_test(test_l2),
		cmocka_unit_test(test_numbers),
	};

	return RUN(tests);
}
