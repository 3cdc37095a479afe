/* SPDX-License-Identifier: MIT */
/*
 * Stands in for cmocka, which is not at hand for 32 bit: the part of its interface that the tests
 * use, and its TAP output. A failed assertion ends its test.
 */
#ifndef CMOCKA_SHIM_H
#define CMOCKA_SHIM_H

#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct CMUnitTest {
	const char *name;
	void (*run)(void **state);
};

static jmp_buf shim_failed;

#define cmocka_unit_test(f) \
	{                   \
#f, f       \
	}

#define shim_check(ok, ...)                                      \
	do {                                                     \
		if (!(ok)) {                                     \
			printf("# %s:%d: ", __FILE__, __LINE__); \
			printf(__VA_ARGS__);                     \
			printf("\n");                            \
			longjmp(shim_failed, 1);                 \
		}                                                \
	} while (0)

#define assert_true(x)	   shim_check(x, "%s", #x)
#define assert_false(x)	   shim_check(!(x), "not %s", #x)
#define assert_null(x)	   shim_check(!(x), "%s is not NULL", #x)
#define assert_non_null(x) shim_check(x, "%s is NULL", #x)
#define fail_msg(...)	   shim_check(0, __VA_ARGS__)
#define assert_int_equal(a, b)                                                      \
	do {                                                                        \
		uint64_t shim_a = (uint64_t)(a), shim_b = (uint64_t)(b);            \
		shim_check(shim_a == shim_b, "%s is %#llx, not %#llx", #a,          \
			   (unsigned long long)shim_a, (unsigned long long)shim_b); \
	} while (0)
#define assert_string_equal(a, b)    shim_check(!strcmp(a, b), "%s is \"%s\", not \"%s\"", #a, a, b)
#define assert_memory_equal(a, b, n) shim_check(!memcmp(a, b, n), "%s differs from %s", #a, #b)

static inline int shim_one(const struct CMUnitTest *t)
{
	if (setjmp(shim_failed))
		return 1;
	t->run(NULL);
	return 0;
}

static inline int shim_run(const char *group, const struct CMUnitTest *t, size_t n,
			   int (*setup)(void **state))
{
	int failed = 0;

	printf("# %s\n1..%zu\n", group, n);
	if (setup && setup(NULL))
		return -1;
	for (size_t i = 0; i < n; i++) {
		int bad = shim_one(&t[i]);

		failed += bad;
		printf("%sok %zu - %s\n", bad ? "not " : "", i + 1, t[i].name);
	}
	return failed;
}

#define cmocka_run_group_tests(tests, setup, teardown) \
	shim_run(#tests, tests, sizeof(tests) / sizeof((tests)[0]), setup)

#endif
