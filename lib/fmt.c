/* SPDX-License-Identifier: MIT */
#include "lib/fmt.h"
#include "lib/string.h"

struct sink {
	char *buf;
	size_t size;
	size_t len;
};

struct spec {
	bool left, zero;
	size_t bytes; /* of the argument, for %d, %u and %x */
	size_t width;
	size_t precision; /* for %s: at most so many characters */
};

static void put(struct sink *o, char c)
{
	if (o->len + 1 < o->size)
		o->buf[o->len] = c;
	o->len++;
}

static void put_many(struct sink *o, char c, size_t n)
{
	while (n--)
		put(o, c);
}

/* Writes a sign (or "") and a body, padded to the width: zeros go between the two. */
static void put_field(struct sink *o, const struct spec *sp, const char *sign, const char *s,
		      size_t n)
{
	size_t all = n + strlen(sign);
	size_t pad = sp->width > all ? sp->width - all : 0;

	if (!sp->left && !sp->zero)
		put_many(o, ' ', pad);
	while (*sign)
		put(o, *sign++);
	if (!sp->left && sp->zero)
		put_many(o, '0', pad);
	while (n--)
		put(o, *s++);
	if (sp->left)
		put_many(o, ' ', pad);
}

static void put_number(struct sink *o, const struct spec *sp, const char *sign, u64 v, char kind)
{
	const char *digits = kind == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
	u32 base = kind == 'x' || kind == 'X' ? 16 : 10;
	char tmp[20]; /* 2^64 - 1 has 20 decimal digits */
	size_t i = sizeof(tmp);

	do {
		tmp[--i] = digits[v % base];
		v /= base;
	} while (v);
	put_field(o, sp, sign, tmp + i, sizeof(tmp) - i);
}

static void put_string(struct sink *o, const struct spec *sp, const char *s)
{
	struct spec blank = *sp;
	size_t n = 0;

	if (!s)
		s = "(null)";
	while (n < sp->precision && s[n])
		n++;
	blank.zero = false;
	put_field(o, &blank, "", s, n);
}

/* An own type, as va_list may be an array, of which a callee could not be given the address. */
struct args {
	va_list ap;
};

static u64 take_unsigned(struct args *a, size_t bytes)
{
	return bytes == 8 ? va_arg(a->ap, u64) : va_arg(a->ap, u32);
}

static s64 take_signed(struct args *a, size_t bytes)
{
	return bytes == 8 ? va_arg(a->ap, s64) : va_arg(a->ap, s32);
}

static size_t parse_number(const char **f)
{
	size_t n = 0;

	for (; **f >= '0' && **f <= '9'; (*f)++)
		n = n < 10000 ? n * 10 + (size_t)(**f - '0') : n;
	return n;
}

static void parse_width(const char **f, struct spec *sp, struct args *a)
{
	if (**f == '*') {
		s64 n = take_signed(a, sizeof(int));

		sp->left |= n < 0;
		sp->width = (size_t)(n < 0 ? -n : n);
		(*f)++;
	} else {
		sp->width = parse_number(f);
	}
	if (**f == '.') {
		(*f)++;
		sp->precision = parse_number(f);
	}
}

/* Moves *f from behind the '%' to the conversion character. */
static void parse_spec(const char **f, struct spec *sp, struct args *a)
{
	for (; **f == '-' || **f == '0'; (*f)++) {
		sp->left |= **f == '-';
		sp->zero |= **f == '0';
	}
	parse_width(f, sp, a);
	if ((*f)[0] == 'l' && (*f)[1] == 'l') {
		sp->bytes = 8;
		*f += 2;
	} else if (**f == 'l' || **f == 'z') {
		sp->bytes = sizeof(size_t); /* a long is as wide on every x86 target of Lamina */
		(*f)++;
	}
}

/* False: no conversion of ours, nothing was taken from the arguments. */
static bool convert(struct sink *o, char kind, const struct spec *sp, struct args *a)
{
	s64 v;

	switch (kind) {
	case '%': put(o, '%'); return true;
	case 's': put_string(o, sp, va_arg(a->ap, const char *)); return true;
	case 'c': {
		char c = (char)va_arg(a->ap, int);

		put_field(o, sp, "", &c, 1);
		return true;
	}
	case 'd':
		v = take_signed(a, sp->bytes);
		put_number(o, sp, v < 0 ? "-" : "", v < 0 ? 0 - (u64)v : (u64)v, kind);
		return true;
	case 'u':
	case 'x':
	case 'X': put_number(o, sp, "", take_unsigned(a, sp->bytes), kind); return true;
	default: return false;
	}
}

int fmt_va(char *buf, size_t size, const char *f, va_list ap)
{
	struct sink o = {.buf = buf, .size = size};
	struct args a;

	va_copy(a.ap, ap);
	while (*f) {
		struct spec sp = {.bytes = sizeof(int), .precision = SIZE_MAX};
		const char *start = f;

		if (*f++ != '%') {
			put(&o, *start);
			continue;
		}
		parse_spec(&f, &sp, &a);
		if (*f && convert(&o, *f, &sp, &a)) {
			f++;
			continue;
		}
		while (start < f)
			put(&o, *start++);
	}
	va_end(a.ap);
	if (size)
		buf[o.len < size ? o.len : size - 1] = 0;
	return (int)o.len;
}

int fmt(char *buf, size_t size, const char *f, ...)
{
	va_list ap;
	int n;

	va_start(ap, f);
	n = fmt_va(buf, size, f, ap);
	va_end(ap);
	return n;
}
