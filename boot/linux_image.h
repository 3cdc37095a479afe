/* SPDX-License-Identifier: MIT */
/*
 * A Linux kernel as guest: what its bzImage says, where it and its initrd go, and the "zero page"
 * it is given ("The Linux/x86 Boot Protocol", 2.00 to 2.15). Pure: no memory but that of the
 * arguments is read.
 */
#ifndef BOOT_LINUX_IMAGE_H
#define BOOT_LINUX_IMAGE_H

#include "hv/types.h"
#include "lib/mem_map.h"

#define LINUX_PARAMS_BYTES 4096
#define LINUX_HEADER_MAX   0x8f /* bytes of a setup header, at 1F1h of image and zero page alike */

struct linux_image {
	u32 version;	  /* of the boot protocol: 20Fh is 2.15 */
	u64 setup_bytes;  /* boot sector and real-mode code, which are not used */
	u64 pm_bytes;	  /* the protected-mode kernel behind them: what is to be copied */
	u64 init_bytes;	  /* memory it needs from its base until it knows the memory map */
	u64 pref_base;	  /* where it wants to be */
	u64 alignment;	  /* of its base, a power of two */
	bool relocatable; /* may be elsewhere than at pref_base */
	bool entry64;	  /* has the 64-bit entry at base + 200h */
	u64 cmdline_max;  /* characters, without the final NUL */
	u64 initrd_max;	  /* highest address a byte of the initrd may have */
	u8 header[LINUX_HEADER_MAX]; /* a copy of the setup header */
	u32 header_bytes;
	char error[120];
};

struct linux_range {
	u64 base, size; /* physical address and size, bytes; size 0: none */
};

struct linux_placement {
	u64 kernel_base; /* destination of pm_bytes bytes from image + setup_bytes; entry point */
	u64 initrd_base; /* 0 without an initrd; may be where it is already */
};

struct linux_params {
	u64 cmdline; /* physical address of the command line, NUL-terminated, below 4 GiB */
	struct linux_range initrd; /* where it is now */
	u64 kernel_base;
	u64 rsdp; /* physical address of ACPI's root pointer; 0: the kernel looks for it */
};

/*
 * Reads the header of a bzImage of size bytes. NULL, or one line that says what is wrong; it may
 * stand in out->error and begins with "module 1".
 */
const char *linux_image_parse(const void *img, size_t size, struct linux_image *out);

/*
 * Picks places in the RAM of a sane map, from which everything that must stay has been taken out,
 * the modules themselves excepted: they may be overwritten, but only so that moving first the
 * initrd and then the kernel, each by memmove, keeps both whole. All places lie below 4 GiB; an
 * initrd that is well where it is stays. kernel and initrd are the modules. NULL, or one line that
 * says what is wrong.
 */
const char *linux_place(const struct linux_image *image, const struct mem_map *ram,
			struct linux_range kernel, struct linux_range initrd,
			struct linux_placement *out);

/*
 * Builds the zero page: the image's header with the loader's fields filled, an 80x25 VGA text
 * screen, the memory map, and p. False: the map has more than 128 ranges, the command line or
 * initrd lies above 4 GiB.
 */
bool linux_params_fill(u8 page[LINUX_PARAMS_BYTES], const struct linux_image *image,
		       const struct mem_map *map, const struct linux_params *p);

#endif
