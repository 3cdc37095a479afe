/* SPDX-License-Identifier: MIT */
/*
 * kallsyms FILE: the symbols that a Linux kernel, not compressed, carries for its own messages, one
 * a line as in /proc/kallsyms: address, type, name. They are packed (scripts/kallsyms.c of
 * Linux 4.20 to 6.3, 64-bit): offsets from an address, that address, their number, the names as
 * bytes that stand for tokens, a marker for each 256th name, perhaps their order, the tokens, and
 * where each token starts. Exit code 1: there is nothing of the kind.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOKENS	   256u
#define PER_MARKER 256u
#define NAME_MAX   512u
#define ALIGN	   8u /* of every table */

static const uint8_t *file;
static size_t size;

static uint32_t u32_at(size_t at)
{
	uint32_t v = 0;

	if (at + sizeof(v) <= size)
		memcpy(&v, file + at, sizeof(v));
	return v;
}

static size_t up(size_t at)
{
	return (at + ALIGN - 1) / ALIGN * ALIGN;
}

/* Where the tokens start, given where that for '0' is: '0' strings further down. */
static size_t tokens_start(size_t zero)
{
	size_t at = zero;

	for (unsigned int i = 0; i < '0'; i++) {
		if (at < 2)
			return 0;
		for (at--; at && file[at - 1]; at--)
			;
	}
	return at;
}

/* The index behind the tokens: each one's start, 16 bits. Is it there? */
static bool index_fits(size_t tokens)
{
	size_t at = tokens, index;
	uint16_t start[TOKENS], in_file;

	for (unsigned int i = 0; i < TOKENS; i++) {
		const uint8_t *end = memchr(file + at, 0, size - at);

		if (!end || at - tokens > UINT16_MAX)
			return false;
		start[i] = (uint16_t)(at - tokens);
		at = (size_t)(end - file) + 1;
	}
	index = up(at);
	for (unsigned int i = 0; i < TOKENS; i++) {
		if (index + 2 * i + 2 > size)
			return false;
		memcpy(&in_file, file + index + 2 * i, sizeof(in_file));
		if (in_file != start[i])
			return false;
	}
	return true;
}

/* The digits stand for themselves. */
static size_t find_tokens(void)
{
	static const char digits[] = "0\0001\0002\0003\0004\0005\0006\0007\0008\0009";
	const uint8_t *p = file;

	while ((p = memmem(p, size - (size_t)(p - file), digits, sizeof(digits)))) {
		size_t at = tokens_start((size_t)(p - file));

		if (at && at % ALIGN == 0 && index_fits(at))
			return at;
		p++;
	}
	return 0;
}

/* A name is its length, one byte or two, and so many tokens. */
static size_t next_name(size_t at, size_t *first, unsigned int *len)
{
	*len = file[at++];
	if (*len & 0x80)
		*len = (*len & 0x7f) | (unsigned int)file[at++] << 7;
	*first = at;
	return at + *len;
}

/* Do n names start there, and have the markers behind them right? */
static bool names_fit(size_t names, size_t tokens, uint32_t n)
{
	size_t at = names, first, markers;
	unsigned int len;

	for (uint32_t i = 0; i < n; i++) {
		at = next_name(at, &first, &len);
		if (!len || at >= tokens)
			return false;
	}
	markers = up(at);
	at = names;
	for (uint32_t i = 0; i < n; i++) {
		if (i % PER_MARKER == 0 && at - names != u32_at(markers + i / PER_MARKER * 4))
			return false;
		at = next_name(at, &first, &len);
	}
	return true;
}

static size_t find_names(size_t tokens, uint32_t *n)
{
	for (size_t at = tokens / ALIGN * ALIGN; at > 2 * ALIGN; at -= ALIGN) {
		*n = u32_at(at - ALIGN);
		if (*n > 1000 && *n < tokens - at && !u32_at(at - ALIGN + 4) &&
		    names_fit(at, tokens, *n))
			return at;
	}
	return 0;
}

static void expand(size_t first, unsigned int len, size_t tokens, size_t index, char *out)
{
	size_t n = 0;

	for (unsigned int i = 0; i < len; i++) {
		uint16_t start;

		memcpy(&start, file + index + 2 * file[first + i], sizeof(start));
		for (const uint8_t *c = file + tokens + start; *c && n < NAME_MAX - 1; c++)
			out[n++] = (char)*c;
	}
	out[n] = 0;
}

static bool print_all(void)
{
	size_t tokens = find_tokens(), names, index, offsets, at, first;
	uint64_t base;
	uint32_t n;
	unsigned int len;
	char name[NAME_MAX];

	names = tokens ? find_names(tokens, &n) : 0;
	if (!names)
		return false;
	index = tokens;
	for (unsigned int i = 0; i < TOKENS; i++)
		index += strlen((const char *)file + index) + 1;
	index = up(index);
	memcpy(&base, file + names - 2 * ALIGN, sizeof(base));
	offsets = names - 2 * ALIGN - up(4 * (size_t)n);
	at = names;
	for (uint32_t i = 0; i < n; i++) {
		int32_t offset = (int32_t)u32_at(offsets + 4 * (size_t)i);

		at = next_name(at, &first, &len);
		expand(first, len, tokens, index, name);
		/* not negative: a per-CPU variable's, absolute */
		printf("%016llx %c %s\n",
		       (unsigned long long)(offset < 0 ? base - 1 - (int64_t)offset
						       : (uint64_t)offset),
		       name[0], name + 1);
	}
	return true;
}

int main(int argc, char **argv)
{
	struct stat st;
	int fd;

	if (argc != 2 || (fd = open(argv[1], O_RDONLY)) < 0 || fstat(fd, &st) || !st.st_size) {
		fprintf(stderr, "usage: kallsyms FILE\n");
		return 1;
	}
	size = (size_t)st.st_size;
	file = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (file == MAP_FAILED || !print_all()) {
		fprintf(stderr, "%s: no symbols of a Linux kernel\n", argv[1]);
		return 1;
	}
	return 0;
}
