/* SPDX-License-Identifier: MIT */
/*
 * Maps of physical memory in the shape of the BIOS's E820 (ACPI specification 6.4, 15.1). All
 * addresses and sizes are bytes. Pure: nothing here touches the memory that is described.
 *
 * "Sane" below means: sorted, no overlaps, no empty range, neighbours of one type merged, as
 * mem_map_sanitize() and mem_map_set() leave a map. A hole (no range) is no RAM.
 */
#ifndef LIB_MEM_MAP_H
#define LIB_MEM_MAP_H

#include "hv/types.h"

#define MEM_MAP_MAX 128

#define E820_RAM      1u
#define E820_RESERVED 2u
#define E820_ACPI     3u
#define E820_NVS      4u
#define E820_BAD      5u

struct mem_range {
	u64 base, size;
	u32 type;
};

struct mem_map {
	u32 count;
	struct mem_range range[MEM_MAP_MAX];
};

/*
 * Appends a range as it is, in no order. An empty one is left out, one that would pass 2^64 - 1 is
 * cut there. False: the map is full.
 */
bool mem_map_add(struct mem_map *m, u64 base, u64 size, u32 type);

/*
 * Makes any map sane. Where ranges overlap the more restrictive type wins: BAD over all unknown
 * types and RESERVED over NVS over ACPI over RAM. False, with m unchanged: more than MEM_MAP_MAX
 * ranges.
 */
bool mem_map_sanitize(struct mem_map *m);

/*
 * Makes [base, base + size) of a sane map the given type, whatever it was; the map stays sane.
 * False, with m unchanged: more than MEM_MAP_MAX ranges.
 */
bool mem_map_set(struct mem_map *m, u64 base, u64 size, u32 type);

/*
 * The highest (lowest) block of RAM in a sane map that has this size and alignment (a power of two)
 * and ends at or below limit (starts at or above floor). False: there is none, or size is 0.
 */
bool mem_map_find_top(const struct mem_map *m, u64 size, u64 align, u64 limit, u64 *base);
bool mem_map_find_bottom(const struct mem_map *m, u64 size, u64 align, u64 floor, u64 *base);

/* True when all of [base, base + size) is RAM in a sane map. */
bool mem_map_is_ram(const struct mem_map *m, u64 base, u64 size);

/* What INT 15h AX=E801h returns: KiB from 1 to 16 MiB (at most 3C00h), 64 KiB blocks from 16 MiB to
 * 4 GiB */
void mem_map_e801(const struct mem_map *m, u16 *kib_1m_16m, u16 *blocks_64k_above_16m);

/* What INT 15h AH=88h returns: KiB of RAM from 1 MiB, at most 63 MiB as on most firmware */
u16 mem_map_e88(const struct mem_map *m);

/* Bytes of RAM in a sane map. */
u64 mem_map_ram_total(const struct mem_map *m);

#endif
