/* SPDX-License-Identifier: MIT */
#include "lib/string.h"

/*
 * Without the attribute gcc recognises these loops and replaces them by calls to themselves. clang
 * needs none: it does not do so in freestanding code.
 */
#ifdef __clang__
#define PLAIN_LOOPS
#else
#define PLAIN_LOOPS __attribute__((optimize("no-tree-loop-distribute-patterns")))
#endif

/* A machine word at any address: x86 loads and stores it in one go, aligned or not. */
typedef uintptr_t __attribute__((may_alias, aligned(1))) word_t;

static PLAIN_LOOPS void copy_up(u8 *d, const u8 *s, size_t n)
{
	for (; n >= sizeof(word_t); n -= sizeof(word_t)) {
		*(word_t *)d = *(const word_t *)s;
		d += sizeof(word_t);
		s += sizeof(word_t);
	}
	while (n--)
		*d++ = *s++;
}

static PLAIN_LOOPS void copy_down(u8 *d, const u8 *s, size_t n)
{
	for (; n >= sizeof(word_t); n -= sizeof(word_t))
		*(word_t *)(d + n - sizeof(word_t)) = *(const word_t *)(s + n - sizeof(word_t));
	while (n--)
		d[n] = s[n];
}

PLAIN_LOOPS void *memcpy(void *dst, const void *src, size_t n)
{
	copy_up(dst, src, n);
	return dst;
}

PLAIN_LOOPS void *memmove(void *dst, const void *src, size_t n)
{
	/* One comparison for both cases in which upwards is safe: dst below src, or past its end.
	 */
	if ((uintptr_t)dst - (uintptr_t)src >= n)
		copy_up(dst, src, n);
	else
		copy_down(dst, src, n);
	return dst;
}

PLAIN_LOOPS void *memset(void *dst, int c, size_t n)
{
	word_t w = (word_t)-1 / 0xff * (u8)c;
	u8 *d = dst;

	for (; n >= sizeof(w); n -= sizeof(w), d += sizeof(w))
		*(word_t *)d = w;
	while (n--)
		*d++ = (u8)c;
	return dst;
}

PLAIN_LOOPS int memcmp(const void *a, const void *b, size_t n)
{
	const u8 *x = a, *y = b;

	for (; n; n--, x++, y++) {
		if (*x != *y)
			return *x - *y;
	}
	return 0;
}

PLAIN_LOOPS size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return (u8)*a - (u8)*b;
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n && *a && *a == *b; n--) {
		a++;
		b++;
	}
	return n ? (u8)*a - (u8)*b : 0;
}

char *strchr(const char *s, int c)
{
	for (; *s != (char)c; s++) {
		if (!*s)
			return NULL;
	}
	return (char *)s;
}

/* The value of a digit, or 16 for any other character. */
static u32 digit(char c)
{
	if (c >= '0' && c <= '9')
		return (u32)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (u32)(c - 'a' + 10);
	if (c >= 'A' && c <= 'F')
		return (u32)(c - 'A' + 10);
	return 16;
}

bool str_to_u64(const char *s, const char **end, u64 *out)
{
	u32 base = 10;
	u64 v = 0;

	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
		base = 16;
		s += 2;
	}
	if (digit(*s) >= base)
		return false;
	for (; digit(*s) < base; s++) {
		if (__builtin_mul_overflow(v, base, &v) || __builtin_add_overflow(v, digit(*s), &v))
			return false;
	}
	if (end)
		*end = s;
	*out = v;
	return true;
}
