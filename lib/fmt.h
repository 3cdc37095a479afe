/* SPDX-License-Identifier: MIT */
/*
 * A small snprintf: %s %c %d %u %x %X %% with the lengths l, ll and z, a width (digits or *), zero
 * padding and '-' for left-justified; a precision for %s only. Anything else is copied as it
 * stands.
 */
#ifndef LIB_FMT_H
#define LIB_FMT_H

#include <stdarg.h>
#include "hv/types.h"

/* The length of a u64 in a format, as uint64_t is another type on each target: "%" FMT64 "x" */
#ifdef __LP64__
#define FMT64 "l"
#else
#define FMT64 "ll"
#endif

/*
 * Writes at most size bytes with the final NUL (none when size is 0) and returns the length that
 * the whole text has without it: the text was cut when the result is >= size. Any context; takes no
 * lock.
 */
int fmt(char *buf, size_t size, const char *f, ...) __attribute__((format(printf, 3, 4)));
int fmt_va(char *buf, size_t size, const char *f, va_list ap) __attribute__((format(printf, 3, 0)));

#endif
