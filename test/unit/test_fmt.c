/* SPDX-License-Identifier: MIT */
/* The formatter against libc's snprintf, conversion by conversion and size by size. */
#include "unit.h"
#include "lib/fmt.h"

#define CHECK(...)                                                        \
	do {                                                              \
		char want[128], got[128];                                 \
		int want_len = snprintf(want, sizeof(want), __VA_ARGS__); \
		int got_len = fmt(got, sizeof(got), __VA_ARGS__);         \
		assert_string_equal(got, want);                           \
		assert_int_equal(got_len, want_len);                      \
	} while (0)

static void test_integers(void **state)
{
	static const s64 values[] = {0,	  1,	-1,	   9,	      10,	 99,
				     255, 4096, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		long long ll = values[i];
		int d = (int)values[i];
		u32 u = (u32)values[i];

		CHECK("%d|%5d|%-5d|%05d|%1d", d, d, d, d, d);
		CHECK("%u|%12u|%-12u|%012u", u, u, u, u);
		CHECK("%x|%X|%12x|%-12x|%08x", u, u, u, u, u);
		CHECK("%lld|%llu|%llx|%llX", ll, (unsigned long long)ll, (unsigned long long)ll,
		      (unsigned long long)ll);
		CHECK("%25lld|%-25lld|%025lld|%020llx", ll, ll, ll, (unsigned long long)ll);
		CHECK("%" FMT64 "x %zu %zx", (u64)values[i], (size_t)values[i], (size_t)values[i]);
		CHECK("%*d|%*d|%*llx", 9, d, -9, d, 18, (unsigned long long)ll);
	}
}

static void test_text(void **state)
{
	(void)state;
	CHECK("plain");
	CHECK("%%|%c|%3c|%-3c|", 'x', 'y', 'z');
	CHECK("%s|%10s|%-10s|%2s|", "abc", "abc", "abc", "abc");
	CHECK("%.2s|%.0s|%10.2s|%-10.9s|", "abc", "abc", "abc", "abc");
	CHECK("%s%s", "", "");
}

/* A string without an end is read only as far as the precision says: the sanitizer watches. */
static void test_precision_bounds(void **state)
{
	char *raw = malloc(3), out[8];

	(void)state;
	memcpy(raw, "xyz", 3);
	assert_int_equal(fmt(out, sizeof(out), "%.3s", raw), 3);
	assert_string_equal(out, "xyz");
	free(raw);
}

/* What is not ours comes out as it stands, and takes no argument. The formats are kept from the
 * compiler. */
static void test_unknown(void **state)
{
	static const char *volatile formats[] = {"%y", "%", "100%", "%5", "%ll", "%-08q."};
	char out[32];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		const char *f = formats[i];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
		assert_int_equal(fmt(out, sizeof(out), f), strlen(f));
#pragma GCC diagnostic pop
		assert_string_equal(out, f);
	}
}

/* The length does not depend on the size; never a byte past it; the text is cut, and ended. */
static void test_sizes(void **state)
{
	static const char want[] = "value -42 of name.";

	(void)state;
	for (size_t size = 0; size < 32; size++) {
		char got[40];
		size_t kept = size > sizeof(want) ? sizeof(want) : size;

		memset(got, '#', sizeof(got));
		assert_int_equal(fmt(got, size, "value %d of %s.", -42, "name"), sizeof(want) - 1);
		if (kept) {
			assert_memory_equal(got, want, kept - 1);
			assert_int_equal(got[kept - 1], 0);
		}
		for (size_t i = kept; i < sizeof(got); i++)
			assert_int_equal(got[i], '#');
	}
	assert_int_equal(fmt(NULL, 0, "%s", "abc"), 3);
}

static void test_random(void **state)
{
	(void)state;
	for (u32 i = 0; i < 100000; i++) {
		unsigned long long v = rnd() >> rnd_below(64);
		int width = (int)rnd_below(40) - 20;

		CHECK("[%*llx][%*lld][%0*llu]", width, v, width, (long long)v, abs(width), v);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_integers),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_precision_bounds),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_random),
	};

	return RUN_SEEDED(tests);
}
