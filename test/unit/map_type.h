/* SPDX-License-Identifier: MIT */
#ifndef TEST_MAP_TYPE_H
#define TEST_MAP_TYPE_H

#include "lib/mem_map.h"

/* The type of the range that has this address; 0: none has. */
static inline u32 mem_map_type_at(const struct mem_map *m, u64 pa)
{
	for (u32 i = 0; i < m->count; i++) {
		const struct mem_range *r = &m->range[i];

		if (pa >= r->base && pa - r->base < r->size)
			return r->type;
	}
	return 0;
}

#endif
