/* SPDX-License-Identifier: MIT */
/* Which hypapps run, when they are asked, and their options. */
#include "hypapp_world.h"

static void check_runs(const char *cmdline, u32 a, u32 b)
{
	start(cmdline);
	assert_int_equal(inits[0], a);
	assert_int_equal(inits[1], b);
	assert_int_equal(inits[2], 1);
}

static void test_choice(void **state)
{
	(void)state;
	check_runs("hypapps=first", 1, 0);
	check_runs("x hypapps=second,first y", 1, 1);
	check_runs("hypapps=first hypapps=second", 0, 1);
	check_runs("hypapps=none", 0, 0);
	assert_string_equal(said, "");
	check_runs("hypapps=firs,second", 0, 1);
	assert_non_null(strstr(said, "number 1"));
	check_runs("hypapps=second,,firstx", 0, 1);
	assert_non_null(strstr(said, "number 3"));
	check_runs("hypapps=", 0, 0);
	check_runs("", 0, 0);
}

static void test_options(void **state)
{
	u64 n = 7;

	(void)state;
	start("hypapps=none hypapp.a.n=0x10 hypapp.a.on=yes hypapp.a.bits=WP+PG hypapp.a.bad=1x");
	assert_true(hypapp_option_is("hypapp.a.on", "yes"));
	assert_false(hypapp_option_is("hypapp.a.on", "ye"));
	assert_false(hypapp_option_is("hypapp.a.off", "yes"));
	assert_false(hypapp_option_number("hypapp.a.none", &n));
	assert_string_equal(said, "");
	assert_false(hypapp_option_number("hypapp.a.bad", &n));
	assert_non_null(strstr(said, "hypapp.a.bad"));
	assert_int_equal(n, 7);
	assert_true(hypapp_option_number("hypapp.a.n", &n));
	assert_int_equal(n, 16);
	assert_false(hypapp_option_bits("hypapp.a.on", CRM_CR0, &n));
	assert_int_equal(n, 16);
	assert_true(hypapp_option_bits("hypapp.a.bits", CRM_CR0, &n));
	assert_int_equal(n, CR0_WP | CR0_PG);
}

/* In their order, until one answers. */
static void test_asked(void **state)
{
	struct exit x = {.kind = EXIT_CPUID};
	struct cr_change c = {CRM_CR4, 9, 1};

	(void)state;
	start("hypapps=first,second");
	assert_int_equal(hypapps_on_exit(v, &x), EXIT_PASS);
	answer = EXIT_RETRY;
	assert_int_equal(hypapps_on_exit(v, &x), EXIT_RETRY);
	assert_int_equal(asked[0], 2);
	assert_int_equal(asked[1], 1);
	assert_int_equal(asked[2], 1);
	assert_false(hypapps_on_cr(v, &c)); /* the second refuses a 1 */
	assert_int_equal(asked[2], 1);
	c.new = 5;
	assert_true(hypapps_on_cr(v, &c));
	assert_int_equal(asked[2], 2);
}

static void test_hypercalls(void **state)
{
	(void)state;
	start("hypapps=second");
	assert_int_equal(hypapps_on_hypercall(v, HC_NS(1)), EXIT_PASS); /* it does not run */
	assert_int_equal(hypapps_on_hypercall(v, HC_NS(2)), EXIT_ADVANCE);
	assert_int_equal(hypapps_on_hypercall(v, HC_NS(2) + 15), EXIT_PASS);
	assert_int_equal(asked[1], 2);
	assert_int_equal(hypapps_on_hypercall(v, HC_NS(3)), EXIT_ADVANCE);
	assert_int_equal(asked[1], 2);
	v->gpr[GPR_RCX] = 1;
	assert_int_equal(hypapps_on_hypercall(v, HC_HYPAPP), EXIT_ADVANCE);
	assert_int_equal(v->gpr[GPR_RAX], 0);
	assert_int_equal(v->gpr[GPR_RBX], 'h' << 8 | 't' | 'i' << 16 | 'r' << 24);
	v->gpr[GPR_RCX] = 2;
	hypapps_on_hypercall(v, HC_HYPAPP);
	assert_int_equal(v->gpr[GPR_RAX], HC_ERANGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_choice),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_asked),
		cmocka_unit_test(test_hypercalls),
	};

	return RUN(tests);
}
