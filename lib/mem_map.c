/* SPDX-License-Identifier: MIT */
#include "lib/mem_map.h"
#include "lib/string.h"

static u64 min_u64(u64 a, u64 b)
{
	return a < b ? a : b;
}

static u64 max_u64(u64 a, u64 b)
{
	return a > b ? a : b;
}

static u64 end_of(u64 base, u64 size)
{
	return base + min_u64(size, UINT64_MAX - base);
}

static u64 range_end(const struct mem_range *r)
{
	return end_of(r->base, r->size);
}

/* Of two types the more restrictive has the higher rank. Unknown types rank between RESERVED and
 * BAD. */
static u64 rank(u32 type)
{
	switch (type) {
	case E820_RAM: return 1;
	case E820_ACPI: return 2;
	case E820_NVS: return 3;
	case E820_RESERVED: return 4;
	case E820_BAD: return 5 + BIT(32);
	default: return 5 + (u64)type;
	}
}

bool mem_map_add(struct mem_map *m, u64 base, u64 size, u32 type)
{
	size = end_of(base, size) - base;
	if (!size)
		return true;
	if (m->count == MEM_MAP_MAX)
		return false;
	m->range[m->count++] = (struct mem_range){base, size, type};
	return true;
}

/* Appends [base, end), which lies above all that m has, merging it with a neighbour of the same
 * type. */
static bool append(struct mem_map *m, u64 base, u64 end, u32 type)
{
	struct mem_range *last = m->count ? &m->range[m->count - 1] : NULL;

	if (base >= end)
		return true;
	if (last && last->type == type && range_end(last) == base) {
		last->size += end - base;
		return true;
	}
	return mem_map_add(m, base, end - base, type);
}

/*
 * The most restrictive type at pa (0: none), and how far it is known to hold: the next start or end
 * of any range above pa.
 */
static u32 type_and_border(const struct mem_map *m, u64 pa, u64 *border)
{
	u32 type = 0;

	*border = UINT64_MAX;
	for (u32 i = 0; i < m->count; i++) {
		const struct mem_range *r = &m->range[i];
		u64 end = range_end(r);

		if (r->base > pa) {
			*border = min_u64(*border, r->base);
		} else if (end > pa) {
			*border = min_u64(*border, end);
			if (!type || rank(r->type) > rank(type))
				type = r->type;
		}
	}
	return type;
}

bool mem_map_sanitize(struct mem_map *m)
{
	struct mem_map out = {0};
	u64 border;

	for (u64 pa = 0; pa != UINT64_MAX; pa = border) {
		u32 type = type_and_border(m, pa, &border);

		if (type && !append(&out, pa, border, type))
			return false;
	}
	*m = out;
	return true;
}

bool mem_map_set(struct mem_map *m, u64 base, u64 size, u32 type)
{
	struct mem_map out = {0};
	u64 end = end_of(base, size);
	bool ok = true;

	for (u32 i = 0; i < m->count; i++) {
		const struct mem_range *r = &m->range[i];

		ok = ok && append(&out, r->base, min_u64(range_end(r), base), r->type);
	}
	ok = ok && append(&out, base, end, type);
	for (u32 i = 0; i < m->count; i++) {
		const struct mem_range *r = &m->range[i];

		ok = ok && append(&out, max_u64(r->base, end), range_end(r), r->type);
	}
	if (ok)
		*m = out;
	return ok;
}

bool mem_map_find_top(const struct mem_map *m, u64 size, u64 align, u64 limit, u64 *base)
{
	for (u32 i = m->count; size && i-- > 0;) {
		const struct mem_range *r = &m->range[i];
		u64 end = min_u64(range_end(r), limit);

		if (r->type != E820_RAM || end < size || align_down(end - size, align) < r->base)
			continue;
		*base = align_down(end - size, align);
		return true;
	}
	return false;
}

bool mem_map_find_bottom(const struct mem_map *m, u64 size, u64 align, u64 floor, u64 *base)
{
	for (u32 i = 0; size && i < m->count; i++) {
		const struct mem_range *r = &m->range[i];
		u64 low = max_u64(r->base, floor);
		u64 start = align_up(low, align);

		/* start < low: aligning passed 2^64 */
		if (r->type != E820_RAM || start < low || start >= range_end(r) ||
		    range_end(r) - start < size)
			continue;
		*base = start;
		return true;
	}
	return false;
}

/* Bytes of RAM from pa on without a gap. */
static u64 ram_run(const struct mem_map *m, u64 pa)
{
	for (u32 i = 0; i < m->count; i++) {
		const struct mem_range *r = &m->range[i];

		if (r->type == E820_RAM && pa >= r->base && pa - r->base < r->size)
			return r->size - (pa - r->base);
	}
	return 0;
}

bool mem_map_is_ram(const struct mem_map *m, u64 base, u64 size)
{
	return ram_run(m, base) >= size;
}

void mem_map_e801(const struct mem_map *m, u16 *kib_1m_16m, u16 *blocks_64k_above_16m)
{
	*kib_1m_16m = (u16)(min_u64(ram_run(m, MiB(1)), MiB(15)) / KiB(1));
	*blocks_64k_above_16m = (u16)(min_u64(ram_run(m, MiB(16)), GiB(4) - MiB(16)) / KiB(64));
}

u16 mem_map_e88(const struct mem_map *m)
{
	return (u16)(min_u64(ram_run(m, MiB(1)), MiB(63)) / KiB(1));
}

u64 mem_map_ram_total(const struct mem_map *m)
{
	u64 total = 0;

	for (u32 i = 0; i < m->count; i++) {
		if (m->range[i].type == E820_RAM)
			total += m->range[i].size;
	}
	return total;
}
