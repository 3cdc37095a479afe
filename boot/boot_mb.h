/* SPDX-License-Identifier: MIT */
/* Reads what a multiboot loader hands over ("Multiboot2 Specification" 2.0, "Multiboot
 * Specification" 0.6.96). */
#ifndef BOOT_BOOT_MB_H
#define BOOT_BOOT_MB_H

#include "hv/boot_info.h"
#include "lib/phys_map.h"

#define BOOT_MB2_MAGIC 0x36d76289u
#define BOOT_MB1_MAGIC 0x2badb002u

/*
 * Fills *out from the information at info, of which max bytes may be read; whatever that points to
 * in physical memory (multiboot1) is read by map. magic is what the loader left in EAX. NULL on
 * success, else one line that says what is wrong, and *out is not to be used. Trusts nothing it
 * reads; strings too long for their place are cut. Pure.
 */
const char *boot_mb_parse(u32 magic, const void *info, size_t max, phys_map_fn map,
			  struct boot_info *out);

#endif
