/* SPDX-License-Identifier: MIT */
/* A damaged kernel, cut somewhere, with a machine to place it in. */
#include "fuzz.h"
#include "boot/linux_image.h"

static bool apart(u64 a, u64 a_size, u64 b, u64 b_size)
{
	return a + a_size <= b || b + b_size <= a;
}

static void place(const struct linux_image *image, struct input *in)
{
	struct mem_map ram = {.count = 1, .range = {{0, MiB(1) * take(in, 2), E820_RAM}}};
	struct linux_range kernel = {take(in, 4), take(in, 3)}, initrd = {take(in, 5), take(in, 4)};
	struct linux_placement at;
	u8 page[LINUX_PARAMS_BYTES];
	u64 hole = take(in, 4), hole_size = take(in, 3);

	if (!mem_map_sanitize(&ram) || !mem_map_set(&ram, hole, hole_size, E820_RESERVED) ||
	    linux_place(image, &ram, kernel, initrd, &at))
		return;
	MUST(mem_map_is_ram(&ram, at.kernel_base, image->init_bytes));
	MUST(at.kernel_base + image->init_bytes <= GiB(4));
	if (initrd.size) {
		MUST(mem_map_is_ram(&ram, at.initrd_base, initrd.size));
		MUST(at.initrd_base + initrd.size <= GiB(4));
		MUST(apart(at.initrd_base, initrd.size, at.kernel_base, image->init_bytes));
	}
	initrd.base = at.initrd_base;
	MUST(linux_params_fill(page, image, &ram,
			       &(struct linux_params){.cmdline = 0x90000,
						      .initrd = initrd,
						      .kernel_base = at.kernel_base}));
}

/* A kernel of today: two setup sectors, a header up to 26Ch, relocatable. */
static void build(u8 *img)
{
	static const struct {
		u16 at;
		u8 bytes;
		u64 v;
	} fields[] = {{0x1f1, 1, 1},	   {0x1f4, 4, 64},	   {0x1fe, 2, 0xaa55},
		      {0x200, 2, 0x6aeb},  {0x202, 4, 0x53726448}, {0x206, 2, 0x20f},
		      {0x211, 1, 0x81},	   {0x22c, 4, 0x7fffffff}, {0x230, 4, 0x200000},
		      {0x234, 1, 1},	   {0x236, 2, 3},	   {0x238, 4, 2047},
		      {0x258, 8, 1 << 24}, {0x260, 4, 3 << 24}};

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		memcpy(img + fields[i].at, &fields[i].v, fields[i].bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	u8 whole[2048] = {0};
	size_t bytes = sizeof(whole);
	struct linux_image image;
	const char *err;
	u8 *img;

	build(whole);
	if (take(&in, 1) % 4 == 0)
		bytes = take(&in, 2) % (sizeof(whole) + 1);
	damage(whole + 0x1f0, 0x90, &in);
	img = malloc(bytes ? bytes : 1);
	memcpy(img, whole, bytes);
	err = linux_image_parse(img, bytes, &image);
	if (err) {
		MUST(!strchr(err, '\n'));
	} else {
		MUST(image.setup_bytes + image.pm_bytes <= bytes && image.pm_bytes);
		MUST(image.init_bytes >= image.pm_bytes);
		MUST(image.alignment && !(image.alignment & (image.alignment - 1)));
		place(&image, &in);
	}
	free(img);
	return 0;
}
