/* SPDX-License-Identifier: MIT */
#include "boot/linux_image.h"
#include "lib/fmt.h"
#include "lib/string.h"

/* Offsets, the same in the image's first sectors and in the zero page. */
enum {
	HDR_START = 0x1f1, /* setup_sects */
	HDR_SYSSIZE = 0x1f4,
	HDR_BOOT_FLAG = 0x1fe,
	HDR_JUMP_OFFSET = 0x201, /* the header ends that far behind the next byte */
	HDR_MAGIC = 0x202,
	HDR_VERSION = 0x206,
	HDR_TYPE_OF_LOADER = 0x210,
	HDR_LOADFLAGS = 0x211,
	HDR_CODE32_START = 0x214,
	HDR_RAMDISK_IMAGE = 0x218,
	HDR_RAMDISK_SIZE = 0x21c,
	HDR_CMD_LINE_PTR = 0x228,
	HDR_INITRD_ADDR_MAX = 0x22c,
	HDR_ALIGNMENT = 0x230,
	HDR_RELOCATABLE = 0x234,
	HDR_XLOADFLAGS = 0x236,
	HDR_CMDLINE_SIZE = 0x238,
	HDR_PREF_ADDRESS = 0x258,
	HDR_INIT_SIZE = 0x260,
	HDR_END_200 = 0x224 /* of protocol 2.00, the oldest */
};

/* Offsets in the zero page alone. */
enum {
	ZP_ORIG_VIDEO_MODE = 0x06,
	ZP_ORIG_VIDEO_COLS = 0x07,
	ZP_ORIG_VIDEO_EGA_BX = 0x0a,
	ZP_ORIG_VIDEO_LINES = 0x0e,
	ZP_ORIG_VIDEO_ISVGA = 0x0f,
	ZP_ORIG_VIDEO_POINTS = 0x10,
	ZP_EXT_MEM_K = 0x02,
	ZP_RSDP = 0x70,
	ZP_ALT_MEM_K = 0x1e0,
	ZP_E820_ENTRIES = 0x1e8,
	ZP_E820_TABLE = 0x2d0,
	ZP_E820_MAX = 128
};

#define LOADED_HIGH	   0x01u /* in loadflags */
#define CAN_USE_HEAP	   0x80u
#define XLF_KERNEL_64	   0x01u
#define LOADER_UNDEFINED   0xffu
#define DEFAULT_BASE	   MiB(1)
#define DEFAULT_INITRD_MAX 0x37ffffffu
#define DEFAULT_CMDLINE	   255u

struct e820_entry {
	u64 base, size;
	u32 type;
} __attribute__((packed));

static u64 get(const u8 *p, u32 off, size_t bytes)
{
	u64 v = 0;

	memcpy(&v, p + off, bytes);
	return v;
}

static void put(u8 *p, u32 off, u64 v, size_t bytes)
{
	memcpy(p + off, &v, bytes);
}

/* A header field, or def where the image's header is too old to have it. */
static u64 field(const struct linux_image *image, u32 off, size_t bytes, u64 def)
{
	u32 in_copy = off - HDR_START;

	return in_copy + bytes <= image->header_bytes ? get(image->header, in_copy, bytes) : def;
}

static const char *copy_header(const u8 *img, size_t size, struct linux_image *out)
{
	u32 end;

	if (size < HDR_END_200 || get(img, HDR_MAGIC, 4) != 0x53726448 /* "HdrS" */)
		return "module 1 is no Linux kernel: no HdrS signature";
	if (get(img, HDR_BOOT_FLAG, 2) != 0xaa55)
		return "module 1 is no Linux kernel: no boot sector signature";
	out->version = (u32)get(img, HDR_VERSION, 2);
	if (out->version < 0x200)
		return "module 1 is a Linux kernel with a damaged header: boot protocol before 2.00";
	end = HDR_MAGIC + img[HDR_JUMP_OFFSET];
	if (end < HDR_END_200 || end > size)
		return "module 1 is a Linux kernel with a damaged header: its length is wrong";
	out->header_bytes = end - HDR_START;
	if (out->header_bytes > LINUX_HEADER_MAX)
		out->header_bytes = LINUX_HEADER_MAX;
	memcpy(out->header, img + HDR_START, out->header_bytes);
	return NULL;
}

static const char *read_sizes(size_t size, struct linux_image *out)
{
	u64 sectors = out->header[0] ? out->header[0] : 4;
	u64 claimed;

	out->setup_bytes = (sectors + 1) * 512;
	claimed = out->setup_bytes + field(out, HDR_SYSSIZE, 4, 0) * 16;
	/* Before 2.04 only the low half of syssize is there, which is no use for a big kernel. */
	if (out->version < 0x204)
		claimed = out->setup_bytes + 1;
	/* The last paragraph need not be full: old kernels leave it so. */
	if (claimed <= out->setup_bytes || align_up(size, 16) < claimed) {
		fmt(out->error, sizeof(out->error),
		    "module 1 is truncated: header says %llu bytes, file has %llu",
		    (unsigned long long)claimed, (unsigned long long)size);
		return out->error;
	}
	out->pm_bytes = size - out->setup_bytes;
	if (out->version >= 0x204 && out->pm_bytes > claimed - out->setup_bytes)
		out->pm_bytes = claimed - out->setup_bytes;
	return NULL;
}

const char *linux_image_parse(const void *img, size_t size, struct linux_image *out)
{
	const char *err;

	memset(out, 0, sizeof(*out));
	err = copy_header(img, size, out);
	if (err)
		return err;
	if (!(field(out, HDR_LOADFLAGS, 1, 0) & LOADED_HIGH))
		return "module 1 is a Linux zImage, which loads low: only a bzImage can be started";
	err = read_sizes(size, out);
	if (err)
		return err;
	out->relocatable = out->version >= 0x205 && field(out, HDR_RELOCATABLE, 1, 0);
	out->alignment = out->relocatable ? field(out, HDR_ALIGNMENT, 4, 0) : PAGE_SIZE;
	if (!out->alignment || (out->alignment & (out->alignment - 1)))
		return "module 1 is a Linux kernel with a damaged header: bad kernel_alignment";
	if (out->alignment < PAGE_SIZE)
		out->alignment = PAGE_SIZE;
	out->pref_base = out->version >= 0x20a ? field(out, HDR_PREF_ADDRESS, 8, 0) : DEFAULT_BASE;
	out->init_bytes = out->version >= 0x20a ? field(out, HDR_INIT_SIZE, 4, 0) : 0;
	/* A kernel before 2.10 does not say what it needs to unpack itself: four times its size is
	 * plenty. */
	if (!out->init_bytes)
		out->init_bytes = 4 * out->pm_bytes;
	if (out->init_bytes < out->pm_bytes)
		out->init_bytes = out->pm_bytes;
	out->cmdline_max =
		out->version >= 0x206 ? field(out, HDR_CMDLINE_SIZE, 4, 0) : DEFAULT_CMDLINE;
	out->initrd_max = out->version >= 0x203 ? field(out, HDR_INITRD_ADDR_MAX, 4, 0) : 0;
	if (!out->initrd_max)
		out->initrd_max = DEFAULT_INITRD_MAX;
	out->entry64 = out->version >= 0x20c && (field(out, HDR_XLOADFLAGS, 2, 0) & XLF_KERNEL_64);
	return NULL;
}

static bool overlap(u64 a, u64 a_size, u64 b, u64 b_size)
{
	return a < b + b_size && b < a + a_size;
}

static bool below_4g(u64 base, u64 size)
{
	return base < GiB(4) && size <= GiB(4) - base;
}

static bool place_kernel(const struct linux_image *image, const struct mem_map *ram, u64 *base)
{
	u64 floor = image->pref_base > MiB(1) ? image->pref_base : MiB(1);
	u64 size = image->init_bytes;

	*base = image->pref_base;
	if (!(*base & (image->alignment - 1)) && below_4g(*base, size) &&
	    mem_map_is_ram(ram, *base, size))
		return true;
	/* Never below its preferred place: from there a kernel unpacks itself to that place all the
	 * same. */
	return image->relocatable &&
	       mem_map_find_bottom(ram, size, image->alignment, floor, base) &&
	       below_4g(*base, size);
}

const char *linux_place(const struct linux_image *image, const struct mem_map *ram,
			struct linux_range kernel, struct linux_range initrd,
			struct linux_placement *out)
{
	u64 limit = image->initrd_max < GiB(4) ? image->initrd_max + 1 : GiB(4);
	struct mem_map free = *ram;

	out->initrd_base = 0;
	if (!place_kernel(image, ram, &out->kernel_base))
		return "there is no place in memory for the Linux kernel of module 1";
	if (!initrd.size)
		return NULL;
	out->initrd_base = initrd.base;
	if (!(initrd.base & (PAGE_SIZE - 1)) && initrd.base < limit &&
	    initrd.size <= limit - initrd.base && mem_map_is_ram(ram, initrd.base, initrd.size) &&
	    !overlap(initrd.base, initrd.size, out->kernel_base, image->init_bytes))
		return NULL;
	/* The kernel's module is still needed when the initrd moves. */
	if (!mem_map_set(&free, out->kernel_base, image->init_bytes, E820_RESERVED) ||
	    !mem_map_set(&free, kernel.base, kernel.size, E820_RESERVED) ||
	    !mem_map_find_top(&free, initrd.size, PAGE_SIZE, limit, &out->initrd_base))
		return "there is no place in memory for the initrd of module 2";
	return NULL;
}

/* An 80x25 VGA text screen, as the firmware leaves it. */
static void fill_screen(u8 *page)
{
	put(page, ZP_ORIG_VIDEO_MODE, 3, 1);
	put(page, ZP_ORIG_VIDEO_COLS, 80, 1);
	put(page, ZP_ORIG_VIDEO_EGA_BX, 3, 2); /* 256 KiB of video memory */
	put(page, ZP_ORIG_VIDEO_LINES, 25, 1);
	put(page, ZP_ORIG_VIDEO_ISVGA, 1, 1);
	put(page, ZP_ORIG_VIDEO_POINTS, 16, 2);
}

static void fill_memory(u8 *page, const struct mem_map *map)
{
	u16 low, blocks;

	for (u32 i = 0; i < map->count; i++) {
		const struct mem_range *r = &map->range[i];
		struct e820_entry e = {r->base, r->size, r->type};

		memcpy(page + ZP_E820_TABLE + i * sizeof(e), &e, sizeof(e));
	}
	put(page, ZP_E820_ENTRIES, map->count, 1);
	mem_map_e801(map, &low, &blocks);
	put(page, ZP_EXT_MEM_K, mem_map_e88(map), 2);
	put(page, ZP_ALT_MEM_K, low < 0x3c00 ? low : low + (u32)blocks * 64, 4);
}

bool linux_params_fill(u8 page[LINUX_PARAMS_BYTES], const struct linux_image *image,
		       const struct mem_map *map, const struct linux_params *p)
{
	if (map->count > ZP_E820_MAX || p->cmdline >= GiB(4) || p->kernel_base >= GiB(4) ||
	    p->initrd.base >= GiB(4) || p->initrd.size >= GiB(4))
		return false;
	memset(page, 0, LINUX_PARAMS_BYTES);
	memcpy(page + HDR_START, image->header, image->header_bytes);
	put(page, HDR_TYPE_OF_LOADER, LOADER_UNDEFINED, 1);
	/* The heap is for real-mode code, which does not run. */
	put(page, HDR_LOADFLAGS, get(page, HDR_LOADFLAGS, 1) & ~(u64)CAN_USE_HEAP, 1);
	put(page, HDR_CODE32_START, p->kernel_base, 4);
	put(page, HDR_RAMDISK_IMAGE, p->initrd.size ? p->initrd.base : 0, 4);
	put(page, HDR_RAMDISK_SIZE, p->initrd.size, 4);
	put(page, HDR_CMD_LINE_PTR, p->cmdline, 4);
	put(page, ZP_RSDP, p->rsdp, 8);
	fill_screen(page);
	fill_memory(page, map);
	return true;
}
