/* SPDX-License-Identifier: MIT */
/* The freestanding string functions, built here under other names, against libc's. */
#include "unit.h"

/* The names that unit.mk gives the functions under test. */
void *hv_memcpy(void *dst, const void *src, size_t n);
void *hv_memmove(void *dst, const void *src, size_t n);
void *hv_memset(void *dst, int c, size_t n);
int hv_memcmp(const void *a, const void *b, size_t n);
size_t hv_strlen(const char *s);
int hv_strcmp(const char *a, const char *b);
int hv_strncmp(const char *a, const char *b, size_t n);
char *hv_strchr(const char *s, int c);
bool str_to_u64(const char *s, const char **end, u64 *out);

static int sign(int x)
{
	return (x > 0) - (x < 0);
}

/* Every size, offset and overlap up to a few words, in a buffer that shows stray writes. */
static void test_moves(void **state)
{
	u8 want[96], got[96];

	(void)state;
	for (u32 src = 0; src < 40; src++) {
		for (u32 dst = 0; dst < 40; dst++) {
			for (u32 n = 0; n <= 40; n++) {
				for (u32 i = 0; i < sizeof(want); i++)
					want[i] = got[i] = (u8)(i * 7 + 1);
				memmove(want + dst, want + src, n);
				assert_true(hv_memmove(got + dst, got + src, n) == got + dst);
				assert_memory_equal(want, got, sizeof(want));
			}
		}
	}
}

static void test_memcpy_memset(void **state)
{
	u8 want[96], got[96], src[64];

	(void)state;
	for (u32 i = 0; i < sizeof(src); i++)
		src[i] = (u8)(i * 11 + 3);
	for (u32 off = 0; off < 16; off++) {
		for (u32 n = 0; n <= 48; n++) {
			memset(want, 0x55, sizeof(want));
			memset(got, 0x55, sizeof(got));
			memcpy(want + off, src + n % 9, n);
			assert_true(hv_memcpy(got + off, src + n % 9, n) == got + off);
			assert_memory_equal(want, got, sizeof(want));
			memset(want + off, (int)n * 5 + 0x1180, n);
			assert_true(hv_memset(got + off, (int)n * 5 + 0x1180, n) == got + off);
			assert_memory_equal(want, got, sizeof(want));
		}
	}
}

static void test_compare(void **state)
{
	char a[8], b[8];

	(void)state;
	for (u32 round = 0; round < 200000; round++) {
		u32 n = (u32)rnd_below(8);

		for (u32 i = 0; i < 7; i++) {
			a[i] = "\0a\xff"[rnd_below(3)];
			b[i] = "\0a\xff"[rnd_below(3)];
		}
		a[7] = b[7] = 0;
		assert_int_equal(sign(hv_memcmp(a, b, n)), sign(memcmp(a, b, n)));
		assert_int_equal(sign(hv_strcmp(a, b)), sign(strcmp(a, b)));
		assert_int_equal(sign(hv_strncmp(a, b, n)), sign(strncmp(a, b, n)));
		assert_int_equal(hv_strlen(a), strlen(a));
		assert_true(hv_strchr(a, b[0]) == strchr(a, b[0]));
		assert_true(hv_strchr(a, 'x') == strchr(a, 'x'));
	}
}

static void test_numbers(void **state)
{
	static const struct {
		const char *s;
		bool ok;
		u64 v;
		char end;
	} cases[] = {
		{"0", true, 0, 0},
		{"18446744073709551615", true, UINT64_MAX, 0},
		{"18446744073709551616", false, 0, 0},
		{"99999999999999999999999", false, 0, 0},
		{"0xffffffffffffffff", true, UINT64_MAX, 0},
		{"0x10000000000000000", false, 0, 0},
		{"0xABCDEFabcdef", true, 0xabcdefabcdef, 0},
		{"0XaBcD,", true, 0xabcd, ','},
		{"0x", false, 0, 0},
		{"0xg", false, 0, 0},
		{"", false, 0, 0},
		{" 1", false, 0, 0},
		{"-1", false, 0, 0},
		{"+1", false, 0, 0},
		{"12a", true, 12, 'a'},
		{"00012", true, 12, 0},
		{"a", false, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *end = NULL;
		u64 v = 77;

		assert_int_equal(str_to_u64(cases[i].s, &end, &v), cases[i].ok);
		assert_int_equal(v, cases[i].ok ? cases[i].v : 77);
		if (cases[i].ok)
			assert_int_equal(*end, cases[i].end);
		else
			assert_null(end);
		assert_int_equal(str_to_u64(cases[i].s, NULL, &v), cases[i].ok);
	}
}

static void test_numbers_random(void **state)
{
	char text[32];

	(void)state;
	for (u32 round = 0; round < 100000; round++) {
		u64 want = rnd() >> rnd_below(64), got = ~want;

		snprintf(text, sizeof(text), round % 2 ? "%llu" : "0x%llx",
			 (unsigned long long)want);
		assert_true(str_to_u64(text, NULL, &got));
		assert_int_equal(got, want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_moves),	       cmocka_unit_test(test_memcpy_memset),
		cmocka_unit_test(test_compare),	       cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_numbers_random),
	};

	return RUN_SEEDED(tests);
}
