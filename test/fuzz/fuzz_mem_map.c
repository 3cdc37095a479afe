/* SPDX-License-Identifier: MIT */
/* Any bytes as operations on a memory map. */
#include "sane.h"

#include "test/unit/map_type.h"

/* Addresses of every size, often equal or next to each other. */
static u64 address(struct input *in)
{
	u64 v = take(in, 2);

	return (v & 0xff) << (v >> 8 & 63);
}

static void find(const struct mem_map *m, struct input *in)
{
	u64 size = address(in), align = BIT(take(in, 1) % 64), edge = address(in), base;

	if (mem_map_find_top(m, size, align, edge, &base))
		MUST(base % align == 0 && base + size <= edge && mem_map_is_ram(m, base, size));
	if (mem_map_find_bottom(m, size, align, edge, &base))
		MUST(base % align == 0 && base >= edge && mem_map_is_ram(m, base, size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	struct mem_map m = {0};
	u16 kib, blocks;

	for (u64 n = take(&in, 1); n; n--) {
		u64 base = address(&in), bytes = address(&in);

		mem_map_add(&m, base, bytes, (u32)take(&in, 1) % 8 + 1);
	}
	if (!mem_map_sanitize(&m))
		return 0;
	must_be_sane(&m);
	while (in.left) {
		u64 base = address(&in), bytes = address(&in);
		u32 type = (u32)take(&in, 1) % 8 + 1;

		if (mem_map_set(&m, base, bytes, type) && bytes && base != UINT64_MAX)
			MUST(mem_map_type_at(&m, base) == type);
		must_be_sane(&m);
		find(&m, &in);
	}
	mem_map_e801(&m, &kib, &blocks);
	MUST(kib <= 0x3c00 && mem_map_e88(&m) <= 0xfc00);
	return 0;
}
