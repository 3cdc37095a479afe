/* SPDX-License-Identifier: MIT */
#include "core/claim.h"

#include "boot/boot_move.h"
#include "boot/boot_low.h"
#include "core/core.h"
#include "core/layout.h"
#include "core/mp.h"
#include "core/page.h"
#include "core/serial.h"
#include "core/trace.h"
#include "hv/hypapp.h"
#include "iommu/iommu.h"
#include "lib/fmt.h"

extern u8 image_start[], image_end[];

#define PAGES_PER_CPU (sizeof(struct pcpu) / PAGE_SIZE + 1 + 3) /* and the VMCS and its kin */
#define PAGES_FIXED   24 /* roots, bitmaps, decoy, tables of split 2 MiB pages */
#define PAGES_LATER   48 /* second-level tables of devices above RAM */
#define TABLES_PER_GIB \
	3 /* our own, the second-level one, the IOMMU's, when there are no 1 GiB pages */

static u64 image_size(void)
{
	return (u64)(image_end - image_start);
}

static u64 region_size(void)
{
	u64 gibs = align_up(machine.ram_top < GiB(4) ? GiB(4) : machine.ram_top, PAGE_1G) / PAGE_1G;
	u64 cpus = machine.cpus.count ? machine.cpus.count : 1;
	u64 per_cpu = PAGES_PER_CPU + trace_ring_size() / PAGE_SIZE;
	u64 pages = PAGES_FIXED + PAGES_LATER + per_cpu * cpus + TABLES_PER_GIB * gibs +
		    hypapps_pages() + iommu_pages();

	return align_up(align_up(image_size(), PAGE_SIZE) + pages * PAGE_SIZE, PAGE_2M);
}

/* Where RAM is free to be taken: not the modules, not the image itself. */
static bool free_map(struct mem_map *m)
{
	*m = machine.boot.map;
	for (u32 i = 0; i < machine.boot.module_count; i++)
		if (!mem_map_set(m, align_down(machine.boot.module[i].base, PAGE_SIZE),
				 align_up(machine.boot.module[i].size, PAGE_SIZE) + PAGE_SIZE,
				 E820_RESERVED))
			return false;
	return mem_map_set(m, LOAD_PA, align_up(image_size(), PAGE_2M), E820_RESERVED);
}

/* The guest sees what is ours as reserved: a hole could be given to a device. */
static bool hide_from_guest(void)
{
	return mem_map_set(&machine.guest_map, machine.hv_base, machine.hv_size, E820_RESERVED) &&
	       mem_map_set(&machine.guest_map, machine.low_base, machine.low_size, E820_RESERVED);
}

err_t claim_memory(void)
{
	static struct mem_map map;
	u64 size = region_size();
	u64 base, cr3;

	if (!free_map(&map))
		return "the firmware's memory map has too many entries";
	if (!mem_map_find_top(&map, size, PAGE_2M, GiB(4), &base))
		return "too little memory";
	machine.hv_base = base;
	machine.hv_size = size;
	page_init(HPA(base), size, image_size());
	cr3 = page_tables_build(HPA(base), align_up(image_size(), PAGE_2M), machine.ram_top);
	if (!cr3)
		return "too little memory for page tables";
	if (!hide_from_guest())
		return "the firmware's memory map has too many entries";
	say("memory 0x%" FMT64 "x-0x%" FMT64 "x (%u KiB) taken", base, base + size - 1,
	    (u32)((size + machine.low_size) / 1024));
	boot_move(phys_ptr(base), image_start, align_up(image_size(), 8), cr3);
	return OK;
}

err_t claim_cpus(void)
{
	err_t err = mp_alloc();

	return err ? err : boot_low_hook_memory(&machine.guest_map);
}
