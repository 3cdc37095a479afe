/* SPDX-License-Identifier: MIT */
/* What the loader tells (Multiboot2 specification 3.6), copied before anything overwrites it. */
#ifndef TESTKERNEL_MB2_H
#define TESTKERNEL_MB2_H

#include "hv/types.h"
#include "lib/mem_map.h"

struct mb2 {
	const char *cmdline; /* "" if there is none */
	const void *rsdp;    /* NULL if there is none */
	struct mem_map map;  /* in the loader's order */
};

extern struct mb2 mb2;

/* False: not started by a Multiboot2 loader, or its information is larger than there is room for.
 */
bool mb2_init(u32 magic, const void *info);

/* The value of the word `key=value` on the command line, up to size - 1 characters; false: absent.
 */
bool mb2_option(const char *key, char *value, size_t size);

#endif
