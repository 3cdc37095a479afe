/* SPDX-License-Identifier: MIT */
#ifndef TEST_FUZZ_SANE_H
#define TEST_FUZZ_SANE_H

#include "fuzz.h"
#include "lib/mem_map.h"

/* The promise of lib/mem_map.h about maps it has made. */
static inline void must_be_sane(const struct mem_map *m)
{
	MUST(m->count <= MEM_MAP_MAX);
	for (u32 i = 0; i < m->count; i++) {
		const struct mem_range *r = &m->range[i];

		MUST(r->size && r->base + r->size > r->base);
		MUST(!i || r[-1].base + r[-1].size <= r->base);
		MUST(!i || r[-1].base + r[-1].size < r->base || r[-1].type != r->type);
	}
}

#endif
