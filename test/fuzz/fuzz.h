/* SPDX-License-Identifier: MIT */
/* What all fuzz targets share: libFuzzer's entry point, and a reader of its input. */
#ifndef TEST_FUZZ_H
#define TEST_FUZZ_H

#include <stdlib.h>
#include <string.h>
#include "hv/types.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An input that is used up from the front; at its end all numbers are 0. */
struct input {
	const u8 *p;
	size_t left;
};

static inline u64 take(struct input *in, size_t bytes)
{
	u64 v = 0;

	if (bytes > in->left)
		bytes = in->left;
	if (bytes)
		memcpy(&v, in->p, bytes);
	in->p += bytes;
	in->left -= bytes;
	return v;
}

/* Overwrites up to 15 places of a well-formed buffer, as the input says. */
static inline void damage(u8 *buf, size_t size, struct input *in)
{
	for (u64 n = take(in, 1) % 16; n && in->left; n--) {
		size_t bytes = (size_t)1 << take(in, 1) % 4;
		size_t at = take(in, 2) % (size - 7);
		u64 v = take(in, bytes);

		memcpy(buf + at, &v, bytes);
	}
}

/* A broken promise of the code under test, as the sanitizers report theirs. */
#define MUST(cond)               \
	do {                     \
		if (!(cond))     \
			abort(); \
	} while (0)

#endif
