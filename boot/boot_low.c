/* SPDX-License-Identifier: MIT */
#include "boot/boot_low.h"

#include "core/core.h"
#include "core/mp.h"
#include "core/page.h"
#include "lib/string.h"
#include "x86/insn.h"

extern u8 low_start[], low_end[], low_int15[], low_boot_drive[], low_leave[], low_jump[];
extern u8 low_gdt_ptr[], low_code16_desc[], low_linux_gdt[], low_linux_gdt_base[];
extern u8 low_ap32_ptr[], low_ap64_ptr[], low_leave32_ptr[], low_real_ptr[];
extern u8 low_ap_cr3[], low_ap_stack[], low_ap_pcpu[], low_ap_main[];
extern u8 low_leave_linux[], low_linux_params[], low_linux_entry[];
extern u8 low_old_int15[], low_e801_low[], low_e801_high[], low_e88[];
extern u8 low_drive[], low_sector_loaded[], low_e820_count[], low_e820[];

#define BDA_BASE_MEMORY_KIB 0x413
#define IVT_INT15	    (0x15 * 4)
#define E820_ENTRY_BYTES    20

/* The copy of a label of the blob. */
static void *var(const u8 *label)
{
	return phys_ptr(machine.low_base + (u64)(label - low_start));
}

static u32 address(const u8 *label)
{
	return (u32)(machine.low_base + (u64)(label - low_start));
}

#define SET(type, label, value) (*(volatile type *)var(label) = (type)(value))

static void add_base(const u8 *label)
{
	SET(u32, label, *(u32 *)var(label) + (u32)machine.low_base);
}

err_t boot_low_init(const struct mem_map *map)
{
	u64 limit = (u64) * (u16 *)phys_ptr(BDA_BASE_MEMORY_KIB) * 1024;

	if (limit == 0 || limit > KiB(640))
		limit = KiB(640);
	if (!mem_map_find_top(map, PAGE_SIZE, PAGE_SIZE, limit, &machine.low_base))
		return "no free page below 1 MiB";
	machine.low_size = PAGE_SIZE;
	memset(phys_ptr(machine.low_base), 0, PAGE_SIZE);
	memcpy(phys_ptr(machine.low_base), low_start, (size_t)(low_end - low_start));
	add_base(low_gdt_ptr);
	add_base(low_ap32_ptr);
	add_base(low_ap64_ptr);
	add_base(low_leave32_ptr);
	SET(u64, low_linux_gdt_base, address(low_linux_gdt));
	SET(u64, low_code16_desc,
	    *(u64 *)var(low_code16_desc) | (machine.low_base & 0xffffff) << 16);
	SET(u16, low_real_ptr + 2, machine.low_base >> 4);
	return OK;
}

void boot_low_set_ap(struct pcpu *p)
{
	SET(u32, low_ap_cr3, read_cr3());
	/* as after a call: 8 below a multiple of 16 */
	SET(u64, low_ap_stack, (uintptr_t)p->stack + STACK_SIZE - 8);
	SET(u64, low_ap_pcpu, (uintptr_t)p);
	SET(u64, low_ap_main, (uintptr_t)ap_main);
}

err_t boot_low_hook_memory(const struct mem_map *map)
{
	u64 room = machine.low_base + PAGE_SIZE - address(low_e820);
	u8 *out = var(low_e820);
	u16 low, high;

	if (map->count > room / E820_ENTRY_BYTES)
		return "the firmware's memory map has too many entries";
	for (u32 i = 0; i < map->count; i++, out += E820_ENTRY_BYTES) {
		memcpy(out, &map->range[i].base, 8);
		memcpy(out + 8, &map->range[i].size, 8);
		memcpy(out + 16, &map->range[i].type, 4);
	}
	mem_map_e801(map, &low, &high);
	SET(u32, low_e820_count, map->count);
	SET(u16, low_e801_low, low);
	SET(u16, low_e801_high, high);
	SET(u16, low_e88, mem_map_e88(map));
	SET(u32, low_old_int15, *(u32 *)phys_ptr(IVT_INT15));
	*(volatile u32 *)phys_ptr(IVT_INT15) =
		(u32)(machine.low_base >> 4) << 16 | (u32)(low_int15 - low_start);
	*(volatile u16 *)phys_ptr(BDA_BASE_MEMORY_KIB) = (u16)(machine.low_base / 1024);
	return OK;
}

void boot_low_set_drive(u8 drive, bool sector_loaded)
{
	SET(u8, low_drive, drive);
	SET(u8, low_sector_loaded, sector_loaded);
}

void boot_low_drive_entry(u16 *cs, u16 *ip)
{
	*cs = (u16)(machine.low_base >> 4);
	*ip = (u16)(low_boot_drive - low_start);
}

void boot_low_jump(u16 *cs, u16 *ip)
{
	SET(u16, low_real_ptr, *ip);
	SET(u16, low_real_ptr + 2, *cs);
	*cs = (u16)(machine.low_base >> 4);
	*ip = (u16)(low_jump - low_start);
}

u64 boot_low_linux_gdt(u32 *limit)
{
	*limit = 31;
	return address(low_linux_gdt);
}

void boot_low_leave(const struct low_linux *linux)
{
	void (*leave)(u64) = (void (*)(u64))(uintptr_t)address(low_leave);

	if (linux) {
		SET(u32, low_linux_params, linux->params);
		SET(u32, low_linux_entry, linux->entry);
		SET(u32, low_leave_linux, 1);
	}
	leave(machine.low_base);
	__builtin_unreachable();
}
