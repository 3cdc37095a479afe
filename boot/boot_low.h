/* SPDX-License-Identifier: MIT */
/* The page below 1 MiB: AP start-up code, the guest's INT 15h map, the boot of a drive. Bring-up
 * only, except boot_low_set_ap and boot_low_jump. */
#ifndef BOOT_BOOT_LOW_H
#define BOOT_BOOT_LOW_H

#include "hv/err.h"
#include "hv/pcpu.h"
#include "hv/types.h"
#include "lib/mem_map.h"

struct low_linux {
	u32 entry;  /* 32-bit entry point, physical */
	u32 params; /* zero page, physical */
};

/* Choose the page, copy the code. `map`: where RAM is free. Sets machine.low_base. */
err_t boot_low_init(const struct mem_map *map);

/* The next AP that starts runs ap_main(p). Any CPU, one AP at a time. */
void boot_low_set_ap(struct pcpu *p);

/* INT 15h answers with this map from now on, INT 12h with the page taken off. */
err_t boot_low_hook_memory(const struct mem_map *map);

/* What to boot: BIOS drive number; its first sector is already at 7C00h or is to be read. */
void boot_low_set_drive(u8 drive, bool sector_loaded);

/* CS and IP of the code that boots the drive; CS << 4 is its base. */
void boot_low_drive_entry(u16 *cs, u16 *ip);

/* A far jump to cs:ip; they become its own. For an emulator that does not enter a guest in real
 * mode whose CS has bits 1:0 set. */
void boot_low_jump(u16 *cs, u16 *ip);

/* Physical address of a GDT with Linux's boot segments 10h and 18h, and its limit. */
u64 boot_low_linux_gdt(u32 *limit);

/* Leave long mode and start the guest without Lamina; linux NULL: boot the drive. */
_Noreturn void boot_low_leave(const struct low_linux *linux);

#endif
