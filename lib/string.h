/* SPDX-License-Identifier: MIT */
/*
 * Memory and string functions. A hosted build takes the libc names from libc; the freestanding one
 * gets them from string.c, where compilers also look for memcpy, memmove, memset and memcmp.
 */
#ifndef LIB_STRING_H
#define LIB_STRING_H

#include "hv/types.h"

#if __STDC_HOSTED__
#include <string.h>
#else
void *memcpy(void *dst, const void *src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
#endif

/*
 * Reads a number: decimal, or hexadecimal after 0x. No sign, no leading blanks. On success *out is
 * the value and *end the first character after it (end may be NULL). False, with nothing stored: no
 * digit at s, or a value over 64 bits.
 */
bool str_to_u64(const char *s, const char **end, u64 *out);

#endif
