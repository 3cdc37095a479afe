/* SPDX-License-Identifier: MIT */
/* The memory the firmware and the loader say there is (ACPI specification 6.4, 15.1). */
#include "testkernel/groups.h"
#include "testkernel/lamina.h"
#include "testkernel/mb2.h"
#include "testkernel/realmode.h"
#include "testkernel/smp.h"
#include "testkernel/tap.h"
#include "testkernel/cases/mem.h"
#include "lib/string.h"

#define SMAP	    0x534d4150u
#define E820_ENTRY  20u
#define MAX_ENTRIES 64

static struct mem_map e820; /* as INT 15h AX=E820h gives it, in its order */

static bool next_entry(u32 *next)
{
	struct rm_regs r = {
		.eax = 0xe820, .ebx = *next, .ecx = E820_ENTRY, .edx = SMAP, .edi = RM_BUFFER};
	u64 base, size;
	u32 type;

	memset((void *)(uintptr_t)RM_BUFFER, 0xcc, 2 * E820_ENTRY);
	realmode_int(0x15, &r);
	check(!(r.eflags & RM_CARRY) && r.eax == SMAP && r.ecx >= E820_ENTRY,
	      "E820 after %x: EAX %x ECX %x flags %x", *next, r.eax, r.ecx, r.eflags);
	if (r.eflags & RM_CARRY || r.eax != SMAP)
		return false;
	memcpy(&base, (void *)(uintptr_t)RM_BUFFER, sizeof(base));
	memcpy(&size, (void *)(uintptr_t)(RM_BUFFER + 8), sizeof(size));
	memcpy(&type, (void *)(uintptr_t)(RM_BUFFER + 16), sizeof(type));
	note("E820 %016lx-%016lx type %u", base, base + size, type);
	mem_map_add(&e820, base, size, type);
	*next = r.ebx;
	return r.ebx != 0;
}

static void read_e820(void)
{
	u32 next = 0, n = 0;

	e820.count = 0;
	while (next_entry(&next) && ++n < MAX_ENTRIES)
		;
	check(n < MAX_ENTRIES, "the list does not end");
	for (u32 i = 1; i < e820.count; i++) {
		const struct mem_range *a = &e820.range[i - 1], *b = &e820.range[i];

		check(a->base + a->size <= b->base, "entries %u and %u: %lx-%lx and %lx", i - 1, i,
		      a->base, a->base + a->size, b->base);
	}
	tap("INT 15h E820: the list is sorted, without overlap, and ends");
}

static void compare_maps(void)
{
	struct mem_map a = e820;

	check(mem_map_sanitize(&a), "too many entries");
	check(a.count == mb2.map.count, "%u ranges, the loader has %u", a.count, mb2.map.count);
	for (u32 i = 0; i < a.count && i < mb2.map.count; i++) {
		const struct mem_range *x = &a.range[i], *y = &mb2.map.range[i];

		check(x->base == y->base && x->size == y->size && x->type == y->type,
		      "range %u: %lx+%lx type %u, the loader has %lx+%lx type %u", i, x->base,
		      x->size, x->type, y->base, y->size, y->type);
	}
	tap("INT 15h E820 and the loader's map are the same");
}

/* The end of RAM below 4 GiB. */
static u64 ram_end(void)
{
	u64 end = 0;

	for (u32 i = 0; i < e820.count; i++) {
		const struct mem_range *r = &e820.range[i];

		if (r->type == E820_RAM && r->base < GiB(4) && r->base + r->size > end)
			end = r->base + r->size;
	}
	return end;
}

/* The older calls may count the firmware's tables at the end of RAM, not Lamina's memory. */
static void older_calls(void)
{
	u64 limit = align_up(ram_end(), MiB(1)), hv;
	struct rm_regs r = {.eax = 0xe801};
	u64 kib, blocks;

	if (lamina_here() && lamina_info(HC_INFO_HV_BASE, &hv) && hv < limit)
		limit = hv;
	realmode_int(0x15, &r);
	kib = (u16)r.ecx ? (u16)r.ecx : (u16)r.eax;
	blocks = (u16)r.edx ? (u16)r.edx : (u16)r.ebx;
	note("E801: %lu KiB from 1 MiB, %lu blocks of 64 KiB from 16 MiB", kib, blocks);
	check(!(r.eflags & RM_CARRY), "E801: flags %x", r.eflags);
	check(kib >= 1024 && kib <= 15 * 1024, "E801: %lu KiB", kib);
	check(MiB(16) + blocks * KiB(64) <= limit, "E801: %lu blocks, limit %lx", blocks, limit);
	check(MiB(16) + (blocks + 64) * KiB(64) > ram_end(), "E801: %lu blocks of RAM to %lx",
	      blocks, ram_end());
	r = (struct rm_regs){.eax = 0x8800};
	realmode_int(0x15, &r);
	kib = (u16)r.eax;
	note("88h: %lu KiB from 1 MiB", kib);
	check(!(r.eflags & RM_CARRY), "88h: flags %x", r.eflags);
	check(kib >= 1024 && MiB(1) + KiB(kib) <= limit, "88h: %lu KiB, limit %lx", kib, limit);
	tap("INT 15h E801 and 88h agree with E820");
}

static bool usable_overlap(const struct mem_map *m, u64 base, u64 size)
{
	for (u32 i = 0; i < m->count; i++) {
		const struct mem_range *r = &m->range[i];

		if (r->type == E820_RAM && r->base < base + size && base < r->base + r->size)
			return true;
	}
	return false;
}

static void check_taken(enum hc_info base_item, enum hc_info size_item)
{
	u64 base, size;

	if (!lamina_info(base_item, &base) || !lamina_info(size_item, &size)) {
		check(false, "no HC_INFO item %u", base_item);
		return;
	}
	note("Lamina's memory: %lx-%lx", base, base + size);
	check(size && !usable_overlap(&e820, base, size), "E820 has RAM in %lx+%lx", base, size);
	check(size && !usable_overlap(&mb2.map, base, size), "the loader has RAM in %lx+%lx", base,
	      size);
}

void group_mem(void)
{
	read_e820();
	compare_maps();
	older_calls();
	check(mem_map_ram_total(&mb2.map) >= MiB(16), "%lx bytes of RAM",
	      mem_map_ram_total(&mb2.map));
	if (lamina_here()) {
		check_taken(HC_INFO_HV_BASE, HC_INFO_HV_SIZE);
		check_taken(HC_INFO_LOW_BASE, HC_INFO_LOW_SIZE);
	}
	tap("no RAM of any map is Lamina's");
	mem_mtrr();
}
