/* SPDX-License-Identifier: MIT */
/* Kernels built field by field, and the places they are given. */
#include "unit.h"
#include "boot/linux_image.h"

#define SETUP_SECTS 2
#define SETUP_BYTES ((SETUP_SECTS + 1) * 512)
#define PM_BYTES    1600

static u8 img[SETUP_BYTES + PM_BYTES];
static struct linux_image image;

static void put(u32 at, u64 v, size_t bytes)
{
	memcpy(img + at, &v, bytes);
}

/* A modern kernel: 64-bit, relocatable, wants 16 MiB. */
static void build(void)
{
	memset(img, 0, sizeof(img));
	put(0x1f1, SETUP_SECTS, 1);
	put(0x1f4, PM_BYTES / 16, 4);
	put(0x1fe, 0xaa55, 2);
	put(0x200, 0x6aeb, 2); /* a jump over the header, which ends at 202h + 6Ah */
	memcpy(img + 0x202, "HdrS", 4);
	put(0x206, 0x20f, 2);
	put(0x211, 0x81, 1);
	put(0x22c, 0x7fffffff, 4);
	put(0x230, 0x200000, 4);
	put(0x234, 1, 1);
	put(0x236, 3, 2);
	put(0x238, 2047, 4);
	put(0x258, 0x1000000, 8);
	put(0x260, 0x3000000, 4);
}

static void test_modern(void **state)
{
	(void)state;
	build();
	assert_null(linux_image_parse(img, sizeof(img), &image));
	assert_int_equal(image.version, 0x20f);
	assert_int_equal(image.setup_bytes, SETUP_BYTES);
	assert_int_equal(image.pm_bytes, PM_BYTES);
	assert_int_equal(image.init_bytes, 0x3000000);
	assert_int_equal(image.pref_base, 0x1000000);
	assert_int_equal(image.alignment, 0x200000);
	assert_true(image.relocatable);
	assert_true(image.entry64);
	assert_int_equal(image.cmdline_max, 2047);
	assert_int_equal(image.initrd_max, 0x7fffffff);
	assert_int_equal(image.header_bytes, 0x202 + 0x6a - 0x1f1);
	put(0x236, 2, 2);
	assert_null(linux_image_parse(img, sizeof(img), &image));
	assert_false(image.entry64);
	put(0x1f1, 0, 1); /* 0 means 4 sectors: this file is shorter */
	assert_non_null(strstr(linux_image_parse(img, sizeof(img), &image), "truncated"));
}

/* What an old kernel does not say has the value that the protocol gives it, whatever its bytes are.
 */
static void test_old(void **state)
{
	static const u16 versions[] = {0x200, 0x201, 0x202, 0x203, 0x204,
				       0x205, 0x206, 0x20a, 0x20c};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		u16 v = versions[i];

		build();
		put(0x206, v, 2);
		if (v < 0x204)
			put(0x1f6, 0xffff, 2); /* once the swap device */
		assert_null(linux_image_parse(img, sizeof(img), &image));
		assert_int_equal(image.pm_bytes, PM_BYTES);
		assert_int_equal(image.initrd_max, v >= 0x203 ? 0x7fffffff : 0x37ffffff);
		assert_int_equal(image.relocatable, v >= 0x205);
		assert_int_equal(image.alignment, v >= 0x205 ? 0x200000 : 4096);
		assert_int_equal(image.cmdline_max, v >= 0x206 ? 2047 : 255);
		assert_int_equal(image.pref_base, v >= 0x20a ? 0x1000000 : 0x100000);
		assert_int_equal(image.init_bytes, v >= 0x20a ? 0x3000000 : 4 * PM_BYTES);
		assert_int_equal(image.entry64, v >= 0x20c);
	}
	build();
	put(0x206, 0x200, 2);
	put(0x201, 0x22, 1); /* a header that ends where 2.00's does */
	assert_null(linux_image_parse(img, sizeof(img), &image));
	assert_int_equal(image.header_bytes, 0x224 - 0x1f1);
	assert_int_equal(image.initrd_max, 0x37ffffff);
}

static void assert_refused(size_t size, const char *why)
{
	const char *err = linux_image_parse(img, size, &image);

	assert_non_null(err);
	assert_non_null(strstr(err, why));
	assert_true(!strncmp(err, "module 1 ", 9) && !strchr(err, '\n'));
}

static void test_refused(void **state)
{
	(void)state;
	build();
	for (size_t size = 0; size < 0x224; size++)
		assert_refused(size, "no HdrS signature");
	for (size_t size = 0x224; size < 0x26c; size++)
		assert_refused(size, "its length is wrong");
	for (size_t size = 0x26c; size <= sizeof(img) - 16; size++)
		assert_refused(size, "truncated: header says 3136 bytes, file has");
	assert_null(linux_image_parse(img, sizeof(img) - 15, &image)); /* the last paragraph */
	assert_int_equal(image.pm_bytes, PM_BYTES - 15);
	put(0x1f4, 0x7fffffff, 4);
	assert_refused(sizeof(img), "truncated");
	build();
	put(0x1f4, 0, 4);
	assert_refused(sizeof(img), "truncated");
	build();
	img[0x202] = 'h';
	assert_refused(sizeof(img), "no HdrS signature");
	build();
	img[0x1fe] = 0;
	assert_refused(sizeof(img), "no boot sector signature");
	build();
	put(0x206, 0x1ff, 2);
	assert_refused(sizeof(img), "boot protocol before 2.00");
	build();
	put(0x201, 0x21, 1);
	assert_refused(sizeof(img), "its length is wrong");
	build();
	put(0x211, 0, 1);
	assert_refused(sizeof(img), "zImage");
	build();
	put(0x230, 0x300000, 4);
	assert_refused(sizeof(img), "bad kernel_alignment");
	put(0x230, 0, 4);
	assert_refused(sizeof(img), "bad kernel_alignment");
}

static struct mem_map machine(u64 bytes)
{
	struct mem_map m = {0};

	assert_true(mem_map_add(&m, 0, 0x9f000, E820_RAM));
	assert_true(mem_map_add(&m, MiB(1), bytes - MiB(1), E820_RAM));
	return m;
}

static bool apart(u64 a, u64 a_size, u64 b, u64 b_size)
{
	return a + a_size <= b || b + b_size <= a;
}

/* What must hold of any placement; the moves are done as the caller does them. */
static void assert_placed(const struct mem_map *ram, struct linux_range kernel,
			  struct linux_range initrd, const struct linux_placement *at)
{
	assert_true(mem_map_is_ram(ram, at->kernel_base, image.init_bytes));
	assert_int_equal(at->kernel_base % image.alignment, 0);
	assert_true(at->kernel_base >= image.pref_base);
	assert_true(at->kernel_base + image.init_bytes <= GiB(4));
	if (!initrd.size) {
		assert_int_equal(at->initrd_base, 0);
		return;
	}
	assert_true(mem_map_is_ram(ram, at->initrd_base, initrd.size));
	assert_int_equal(at->initrd_base % PAGE_SIZE, 0);
	assert_true(at->initrd_base + initrd.size - 1 <= image.initrd_max);
	assert_true(apart(at->initrd_base, initrd.size, at->kernel_base, image.init_bytes));
	/* moving the initrd first must leave the kernel's module whole */
	assert_true(at->initrd_base == initrd.base ||
		    apart(at->initrd_base, initrd.size, kernel.base, kernel.size));
}

static void test_place(void **state)
{
	struct mem_map ram = machine(GiB(1));
	struct linux_range kernel = {MiB(200), MiB(8)}, initrd = {MiB(300), MiB(20)};
	struct linux_placement at;

	(void)state;
	build();
	assert_null(linux_image_parse(img, sizeof(img), &image));
	assert_null(linux_place(&image, &ram, kernel, initrd, &at));
	assert_int_equal(at.kernel_base, 0x1000000);
	assert_int_equal(at.initrd_base, MiB(300)); /* stays */
	initrd.base = MiB(40);			    /* in the kernel's way */
	assert_null(linux_place(&image, &ram, kernel, initrd, &at));
	assert_int_equal(at.initrd_base, GiB(1) - MiB(20));
	kernel.base = GiB(1) - MiB(10); /* and the kernel's module where it would go */
	assert_null(linux_place(&image, &ram, kernel, initrd, &at));
	assert_int_equal(at.initrd_base, GiB(1) - MiB(30));
	initrd.base = MiB(300) + 1;
	assert_null(linux_place(&image, &ram, kernel, initrd, &at));
	assert_placed(&ram, kernel, initrd, &at);
	assert_true(
		mem_map_set(&ram, MiB(20), 4096, E820_RESERVED)); /* the kernel must go elsewhere */
	assert_null(linux_place(&image, &ram, kernel, initrd, &at));
	assert_int_equal(at.kernel_base, MiB(22));
	image.relocatable = false;
	assert_non_null(
		strstr(linux_place(&image, &ram, kernel, initrd, &at), "for the Linux kernel"));
	image.relocatable = true;
	initrd.size = GiB(2);
	assert_non_null(strstr(linux_place(&image, &ram, kernel, initrd, &at), "for the initrd"));
	initrd = (struct linux_range){0, 0};
	assert_null(linux_place(&image, &ram, kernel, initrd, &at));
	assert_int_equal(at.initrd_base, 0);
	image.pref_base =
		0; /* never below 1 MiB, which is the firmware's, unless a kernel asks for it */
	image.alignment = 4096;
	image.init_bytes = MiB(2);
	assert_null(linux_place(&image, &ram, kernel, initrd, &at));
	assert_int_equal(at.kernel_base, MiB(1));
	image.pref_base = MiB(16);
	image.init_bytes = MiB(48);
	ram = machine(MiB(60));
	assert_non_null(
		strstr(linux_place(&image, &ram, kernel, initrd, &at), "for the Linux kernel"));
}

/* More than 4 GiB: the highest place below the kernel's limit, and never above 4 GiB. */
static void test_place_high(void **state)
{
	struct mem_map ram = machine(GiB(3));
	struct linux_range kernel = {MiB(200), MiB(8)}, initrd = {GiB(5), MiB(20)};
	struct linux_placement at;

	(void)state;
	build();
	assert_null(linux_image_parse(img, sizeof(img), &image));
	assert_true(mem_map_add(&ram, GiB(4), GiB(4), E820_RAM));
	assert_null(linux_place(&image, &ram, kernel, initrd, &at));
	assert_int_equal(at.initrd_base, GiB(2) - MiB(20));
	initrd.base = GiB(2) - MiB(20); /* right at the limit it may stay, one page higher not */
	assert_null(linux_place(&image, &ram, kernel, initrd, &at));
	assert_int_equal(at.initrd_base, GiB(2) - MiB(20));
	initrd.base += PAGE_SIZE;
	assert_null(linux_place(&image, &ram, kernel, initrd, &at));
	assert_int_equal(at.initrd_base, GiB(2) - MiB(20));
	image.initrd_max = UINT64_MAX;
	assert_null(linux_place(&image, &ram, kernel, initrd, &at));
	assert_int_equal(at.initrd_base, GiB(2) - MiB(20) + PAGE_SIZE); /* stays */
	initrd.base = GiB(5);
	assert_null(linux_place(&image, &ram, kernel, initrd, &at));
	assert_int_equal(at.initrd_base, GiB(3) - MiB(20));
	image.pref_base = GiB(4);
	assert_non_null(linux_place(&image, &ram, kernel, initrd, &at));
	image.pref_base = MiB(16);
	image.init_bytes = GiB(4);
	assert_non_null(linux_place(&image, &ram, kernel, initrd, &at));
}

static void test_place_random(void **state)
{
	u32 placed = 0;

	(void)state;
	build();
	assert_null(linux_image_parse(img, sizeof(img), &image));
	for (u32 round = 0; round < 50000; round++) {
		struct mem_map ram = machine(MiB(64) + rnd_below(MiB(200)));
		struct linux_range kernel = {rnd_below(MiB(256)), rnd_below(MiB(16))};
		struct linux_range initrd = {rnd_below(MiB(256)) & ~rnd_below(4096),
					     rnd_below(4) ? rnd_below(MiB(100)) : 0};
		struct linux_placement at;

		for (u64 n = rnd_below(6); n; n--)
			assert_true(mem_map_set(&ram, rnd_below(MiB(256)), rnd_below(MiB(4)),
						E820_RESERVED));
		image.initrd_max = rnd_below(2) ? 0x7fffffff : rnd_below(MiB(256));
		image.init_bytes = PM_BYTES + rnd_below(MiB(64));
		image.relocatable = rnd_below(4);
		if (linux_place(&image, &ram, kernel, initrd, &at))
			continue;
		placed++;
		assert_placed(&ram, kernel, initrd, &at);
	}
	assert_true(placed > 5000);
}

static u64 get(const u8 *page, u32 at, size_t bytes)
{
	u64 v = 0;

	memcpy(&v, page + at, bytes);
	return v;
}

static void test_params(void **state)
{
	struct linux_params p = {.cmdline = 0x90000,
				 .initrd = {0x30000000, 0x123456},
				 .kernel_base = 0x1000000,
				 .rsdp = 0xfd000};
	struct mem_map m = machine(GiB(3));
	u8 page[LINUX_PARAMS_BYTES];

	(void)state;
	build();
	put(0x250, 0x1122334455667788, 8);
	put(0x208, 0xdeadbeef, 4);
	assert_null(linux_image_parse(img, sizeof(img), &image));
	assert_int_equal(image.version, 0x20f);
	memset(page, 0xee, sizeof(page));
	assert_true(linux_params_fill(page, &image, &m, &p));
	assert_int_equal(page[0x06], 3);
	assert_int_equal(page[0x07], 80);
	assert_int_equal(get(page, 0x0a, 2), 3);
	assert_int_equal(page[0x0e], 25);
	assert_int_equal(page[0x0f], 1);
	assert_int_equal(get(page, 0x10, 2), 16);
	for (u32 i = 0x12; i < 0x70; i++)
		assert_int_equal(page[i], 0);
	assert_int_equal(get(page, 0x02, 2), 0xfc00);
	assert_int_equal(get(page, 0x70, 8), 0xfd000);
	assert_int_equal(get(page, 0x1e0, 4), 0x3c00 + (GiB(3) - MiB(16)) / 1024);
	assert_int_equal(page[0x1e8], 2);
	assert_int_equal(page[0x1ef], 0); /* the sentinel: nonzero means a careless loader */
	assert_int_equal(get(page, 0x1f1, 1), SETUP_SECTS);
	assert_memory_equal(page + 0x202, "HdrS", 4);
	assert_int_equal(page[0x210], 0xff);
	assert_int_equal(page[0x211], 0x01);
	assert_int_equal(get(page, 0x214, 4), 0x1000000);
	assert_int_equal(get(page, 0x218, 4), 0x30000000);
	assert_int_equal(get(page, 0x21c, 4), 0x123456);
	assert_int_equal(get(page, 0x228, 4), 0x90000);
	for (u32 i = 0x1f1; i < 0x202 + 0x6a; i++) { /* the rest of the header is the kernel's */
		if (i == 0x210 || i == 0x211 || (i >= 0x214 && i < 0x220) || (i & ~3u) == 0x228)
			continue;
		assert_int_equal(page[i], img[i]);
	}
	assert_int_equal(get(page, 0x250, 8), 0x1122334455667788);
	assert_int_equal(get(page, 0x258, 8), 0x1000000);
	for (u32 i = 0x202 + 0x6a; i < 0x2d0; i++)
		assert_int_equal(page[i], 0);
	assert_int_equal(get(page, 0x2d0, 8), 0);
	assert_int_equal(get(page, 0x2d8, 8), 0x9f000);
	assert_int_equal(get(page, 0x2e0, 4), 1);
	assert_int_equal(get(page, 0x2e4, 8), MiB(1));
	assert_int_equal(get(page, 0x2ec, 8), GiB(3) - MiB(1));
	assert_int_equal(get(page, 0x2f4, 4), 1);
	for (u32 i = 0x2f8; i < LINUX_PARAMS_BYTES; i++)
		assert_int_equal(page[i], 0);
}

static void test_params_limits(void **state)
{
	struct linux_params p = {.cmdline = 0x90000, .kernel_base = 0x1000000};
	struct mem_map m = {0};
	u8 page[LINUX_PARAMS_BYTES];

	(void)state;
	build();
	assert_null(linux_image_parse(img, sizeof(img), &image));
	for (u32 i = 0; i < 128; i++)
		assert_true(mem_map_add(&m, i * 0x2000, 0x1000, i + 1));
	assert_true(linux_params_fill(page, &image, &m, &p));
	assert_int_equal(page[0x1e8], 128);
	assert_int_equal(get(page, 0x2d0 + 127 * 20 + 16, 4), 128);
	for (u32 i = 0x2d0 + 128 * 20; i < LINUX_PARAMS_BYTES; i++)
		assert_int_equal(page[i], 0);
	p.cmdline = GiB(4);
	assert_false(linux_params_fill(page, &image, &m, &p));
	p.cmdline = 0;
	p.initrd = (struct linux_range){GiB(4), 1};
	assert_false(linux_params_fill(page, &image, &m, &p));
	p.initrd = (struct linux_range){0, GiB(4)};
	assert_false(linux_params_fill(page, &image, &m, &p));
	p.initrd = (struct linux_range){0, 0};
	p.kernel_base = GiB(4);
	assert_false(linux_params_fill(page, &image, &m, &p));
	p.kernel_base = MiB(1);
	assert_true(linux_params_fill(page, &image, &m, &p));
	m.count = 129;
	assert_false(linux_params_fill(page, &image, &m, &p));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_modern),	   cmocka_unit_test(test_old),
		cmocka_unit_test(test_refused),	   cmocka_unit_test(test_place),
		cmocka_unit_test(test_place_high), cmocka_unit_test(test_place_random),
		cmocka_unit_test(test_params),	   cmocka_unit_test(test_params_limits),
	};

	return RUN_SEEDED(tests);
}
