/* SPDX-License-Identifier: MIT */
/* What the boot loader told us, in no loader's words. Filled by boot/, read by core/. */
#ifndef HV_BOOT_INFO_H
#define HV_BOOT_INFO_H

#include "hv/types.h"
#include "lib/mem_map.h"

#define BOOT_MODULES_MAX 8
#define BOOT_RSDP_BYTES	 36 /* ACPI 2.0 and later; 1.0 fills 20 of them */

struct boot_module {
	u64 base, size; /* physical address and size, bytes */
	char cmdline[512];
};

struct boot_info {
	struct mem_map map; /* sane, see lib/mem_map.h; nothing of ours taken out */
	char cmdline[1024];
	u32 module_count;
	struct boot_module module[BOOT_MODULES_MAX];
	bool has_rsdp;		  /* the loader gave one; else it is for us to look for it */
	u8 rsdp[BOOT_RSDP_BYTES]; /* a copy: multiboot2 does not say where the original is */
	bool efi;		  /* the firmware is UEFI */
	u32 boot_drive;		  /* BIOS number (80h: first disk), BOOT_DRIVE_UNKNOWN: not told */
	const char *loader;	  /* "multiboot2" or "multiboot1" */
};

#define BOOT_DRIVE_UNKNOWN 0xffffffffu

#endif
