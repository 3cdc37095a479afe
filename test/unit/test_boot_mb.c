/* SPDX-License-Identifier: MIT */
/* Multiboot information built byte by byte in a fake physical memory, whole and damaged. */
#include "unit.h"
#include "map_type.h"
#include "boot/boot_mb.h"

#define MEM_BYTES 0x20000u

static u8 mem[MEM_BYTES]; /* physical memory from 0 */
static struct boot_info info;

static const void *map(u64 pa, size_t len)
{
	return pa <= MEM_BYTES && len <= MEM_BYTES - pa ? mem + pa : NULL;
}

static void put32(u32 at, u32 v)
{
	memcpy(mem + at, &v, 4);
}

static void put64(u32 at, u64 v)
{
	memcpy(mem + at, &v, 8);
}

/* A multiboot2 block grows at address 0: starts it, adds a tag with a copy of its body, ends it. */
static u32 mb2_size;

static void mb2_start(void)
{
	memset(mem, 0, sizeof(mem));
	mb2_size = 8;
}

static u32 mb2_tag(u32 type, const void *body, u32 bytes)
{
	u32 at = mb2_size;

	put32(at, type);
	put32(at + 4, 8 + bytes);
	if (bytes)
		memcpy(mem + at + 8, body, bytes);
	mb2_size = (at + 8 + bytes + 7) & ~7u;
	return at;
}

static const char *mb2_parse(void)
{
	mb2_tag(0, NULL, 0);
	put32(0, mb2_size);
	return boot_mb_parse(BOOT_MB2_MAGIC, mem, mb2_size, map, &info);
}

struct e820 {
	u64 base, size;
	u32 type, zero;
};

static void mb2_mmap(const struct e820 *e, u32 n)
{
	u8 body[8 + 200 * sizeof(*e)] = {sizeof(*e)};

	memcpy(body + 8, e, n * sizeof(*e));
	mb2_tag(6, body, 8 + n * (u32)sizeof(*e));
}

static const struct e820 plain[] = {{0, 0x9fc00, 1, 0},
				    {0x9fc00, 0x400, 2, 0},
				    {0x100000, 0x7f00000, 1, 0},
				    {0x8000000, 0x1000, 0, 0}};

static void assert_plain_map(void)
{
	assert_int_equal(info.map.count, 4);
	assert_int_equal(info.map.range[0].size, 0x9fc00);
	assert_int_equal(info.map.range[2].base, 0x100000);
	assert_int_equal(mem_map_ram_total(&info.map), 0x9fc00 + 0x7f00000);
	assert_int_equal(mem_map_type_at(&info.map, 0x8000000), E820_RESERVED);
}

static void test_mb2(void **state)
{
	static const u32 bootdev[3] = {0x81, 0, 0xffffffff};
	u8 module[64] = {0};

	(void)state;
	mb2_start();
	mb2_tag(1, "guest=bios drive=hd1", 21);
	mb2_mmap(plain, 4);
	memcpy(module, (u32[]){0x1000000, 0x1000200}, 8);
	strcpy((char *)module + 8, "console=ttyS0");
	mb2_tag(3, module, 8 + 14);
	memcpy(module, (u32[]){0x2000000, 0x2000001}, 8);
	mb2_tag(3, module, 8);
	mb2_tag(5, bootdev, 12);
	mb2_tag(14, "RSD PTR old.........", 20);
	mb2_tag(77, "unknown", 7);
	assert_null(mb2_parse());
	assert_string_equal(info.loader, "multiboot2");
	assert_string_equal(info.cmdline, "guest=bios drive=hd1");
	assert_plain_map();
	assert_int_equal(info.module_count, 2);
	assert_int_equal(info.module[0].base, 0x1000000);
	assert_int_equal(info.module[0].size, 0x200);
	assert_string_equal(info.module[0].cmdline, "console=ttyS0");
	assert_int_equal(info.module[1].size, 1);
	assert_string_equal(info.module[1].cmdline, "");
	assert_int_equal(info.boot_drive, 0x81);
	assert_true(info.has_rsdp);
	assert_memory_equal(info.rsdp, "RSD PTR old.........\0\0\0\0", 24);
	assert_false(info.efi);
}

/* The new RSDP wins over the old one in either order; UEFI is told by its tags; no drive is no
 * drive. */
static void test_mb2_firmware(void **state)
{
	(void)state;
	for (u32 order = 0; order < 2; order++) {
		mb2_start();
		mb2_mmap(plain, 4);
		for (u32 i = 0; i < 2; i++) {
			if (i == order)
				mb2_tag(14, "RSD PTR old.........", 20);
			else
				mb2_tag(15, "RSD PTR new.........................", 36);
		}
		mb2_tag(11 + order, "\0\0\0\0\0\0\0", 8);
		assert_null(mb2_parse());
		assert_memory_equal(info.rsdp, "RSD PTR new.........................", 36);
		assert_true(info.efi);
		assert_int_equal(info.boot_drive, BOOT_DRIVE_UNKNOWN);
	}
}

static void test_mb2_no_map(void **state)
{
	(void)state;
	mb2_start();
	mb2_tag(4, (u32[]){639, 0x7f00 * 4}, 8);
	assert_null(mb2_parse());
	assert_int_equal(info.map.count, 2);
	assert_int_equal(info.map.range[0].size, 639 * 1024);
	assert_int_equal(info.map.range[1].base, MiB(1));
	assert_int_equal(info.map.range[1].size, MiB(127));
	mb2_start();
	assert_string_equal(mb2_parse(), "the loader gave no memory map");
}

static void test_long_texts(void **state)
{
	static char longest[3000];

	(void)state;
	memset(longest, 'x', sizeof(longest));
	mb2_start();
	mb2_mmap(plain, 4);
	mb2_tag(1, longest, sizeof(longest));
	mb2_tag(3, longest, sizeof(longest));
	assert_null(mb2_parse());
	assert_int_equal(strlen(info.cmdline), sizeof(info.cmdline) - 1);
	assert_int_equal(strlen(info.module[0].cmdline), sizeof(info.module[0].cmdline) - 1);
	mb2_start(); /* a text whose end is that of its tag, and another tag right behind it */
	mb2_tag(1, "12345678", 8);
	mb2_mmap(plain, 4);
	assert_null(mb2_parse());
	assert_string_equal(info.cmdline, "12345678");
}

static void test_mb2_limits(void **state)
{
	static struct e820 many[130];
	u32 at;

	(void)state;
	for (u32 i = 0; i < 130; i++)
		many[i] = (struct e820){i * 0x2000, 0x1000, 1, 0};
	mb2_start();
	mb2_mmap(many, 128);
	assert_null(mb2_parse());
	assert_int_equal(info.map.count, 128);
	mb2_start();
	mb2_mmap(many, 129);
	assert_non_null(strstr(mb2_parse(), "more than 128"));
	mb2_start();
	mb2_mmap(plain, 4);
	for (u32 i = 0; i < BOOT_MODULES_MAX; i++)
		mb2_tag(3, (u32[]){i, i + 1}, 8);
	assert_null(mb2_parse());
	assert_int_equal(info.module_count, BOOT_MODULES_MAX);
	mb2_size -= 8; /* over the end tag */
	mb2_tag(3, (u32[]){0, 1}, 8);
	assert_non_null(strstr(mb2_parse(), "more than 8"));
	mb2_start();
	mb2_tag(3, (u32[]){2, 1}, 8);
	assert_non_null(strstr(mb2_parse(), "ends before it starts"));
	mb2_start();
	mb2_tag(3, "abc", 3);
	assert_non_null(strstr(mb2_parse(), "too short"));
	mb2_start();
	at = mb2_tag(6, (u32[]){16, 0}, 8);
	assert_non_null(strstr(mb2_parse(), "too short entries"));
	mb2_start();
	at = mb2_tag(1, "x", 2);
	put32(at + 4, 7);
	assert_non_null(strstr(mb2_parse(), "a tag has a bad size"));
	put32(at + 4, 0xfffffff8);
	assert_non_null(strstr(mb2_parse(), "a tag has a bad size"));
	put32(at + 4, mb2_size - at + 1); /* one byte past the end */
	assert_non_null(
		strstr(boot_mb_parse(BOOT_MB2_MAGIC, mem, mb2_size, map, &info), "bad size"));
	put32(at + 4, mb2_size - at);
	mb2_mmap(plain, 4);
	assert_null(mb2_parse());
}

static void test_mb2_cut(void **state)
{
	(void)state;
	mb2_start();
	mb2_mmap(plain, 4);
	assert_null(mb2_parse());
	assert_non_null(boot_mb_parse(BOOT_MB2_MAGIC, mem, mb2_size - 1, map, &info));
	for (size_t max = 0; max < 8; max++)
		assert_non_null(boot_mb_parse(BOOT_MB2_MAGIC, mem, max, map, &info));
	put32(0, 7);
	assert_non_null(boot_mb_parse(BOOT_MB2_MAGIC, mem, mb2_size, map, &info));
	assert_string_equal(boot_mb_parse(0x12345678, mem, mb2_size, map, &info),
			    "not started by a multiboot loader");
}

enum { MB1_CMDLINE = 0x1000, MB1_MODS = 0x2000, MB1_MMAP = 0x3000 };

static void mb1_build(u32 flags)
{
	u32 at = MB1_MMAP;

	memset(mem, 0, sizeof(mem));
	put32(0, flags);
	put32(4, 640);
	put32(8, 0x7f00 * 4);
	put32(12, 0x80ffffff);
	put32(16, MB1_CMDLINE);
	strcpy((char *)mem + MB1_CMDLINE, "/lamina guest=bios");
	put32(20, 2);
	put32(24, MB1_MODS);
	put32(MB1_MODS, 0x1000000);
	put32(MB1_MODS + 4, 0x1234567);
	put32(MB1_MODS + 8, 0x4000);
	strcpy((char *)mem + 0x4000, "root=/dev/ram");
	put32(MB1_MODS + 16, 0x2000000);
	put32(MB1_MODS + 20, 0x2000000);
	for (u32 i = 0; i < 4; i++) {
		u32 size = i == 1 ? 24 : 20; /* an entry may be longer */

		put32(at, size);
		put64(at + 4, plain[i].base);
		put64(at + 12, plain[i].size);
		put32(at + 20, plain[i].type);
		at += 4 + size;
	}
	put32(44, at - MB1_MMAP);
	put32(48, MB1_MMAP);
}

static const char *mb1_parse(void)
{
	return boot_mb_parse(BOOT_MB1_MAGIC, mem, 120, map, &info);
}

static void test_mb1(void **state)
{
	(void)state;
	mb1_build(0x4f);
	assert_null(mb1_parse());
	assert_string_equal(info.loader, "multiboot1");
	assert_string_equal(info.cmdline, "/lamina guest=bios");
	assert_plain_map();
	assert_int_equal(info.module_count, 2);
	assert_int_equal(info.module[0].size, 0x234567);
	assert_string_equal(info.module[0].cmdline, "root=/dev/ram");
	assert_int_equal(info.module[1].size, 0);
	assert_string_equal(info.module[1].cmdline, "");
	assert_int_equal(info.boot_drive, 0x80);
	assert_false(info.has_rsdp);
	mb1_build(1);
	assert_null(mb1_parse());
	assert_int_equal(info.map.count, 2);
	assert_int_equal(info.module_count, 0);
	assert_int_equal(info.boot_drive, BOOT_DRIVE_UNKNOWN);
	assert_string_equal(info.cmdline, "");
	mb1_build(0);
	assert_string_equal(mb1_parse(), "the loader gave no memory map");
}

static void test_mb1_damaged(void **state)
{
	(void)state;
	assert_non_null(boot_mb_parse(BOOT_MB1_MAGIC, mem, 16, map, &info));
	mb1_build(0x4f);
	put32(16, MEM_BYTES - 3); /* a command line at the end of memory */
	memcpy(mem + MEM_BYTES - 3, "abc", 3);
	assert_null(mb1_parse());
	assert_string_equal(info.cmdline, "abc");
	put32(16, 0xfffffff0);
	assert_null(mb1_parse());
	assert_string_equal(info.cmdline, "");
	put32(24, 0xfffffff0);
	assert_non_null(strstr(mb1_parse(), "module list is out of reach"));
	mb1_build(0x4f);
	put32(20, 0xffffffff);
	assert_non_null(mb1_parse());
	mb1_build(0x4f);
	put32(44, 0xffffffff);
	assert_non_null(strstr(mb1_parse(), "bad size"));
	mb1_build(0x4f);
	put32(48, MEM_BYTES - 8);
	assert_non_null(strstr(mb1_parse(), "memory map is out of reach"));
	mb1_build(0x4f);
	put32(MB1_MMAP, 19);
	assert_non_null(strstr(mb1_parse(), "entry of a bad size"));
	mb1_build(0x4f);
	put32(MB1_MMAP + 76, 21); /* the last entry, one byte past the end */
	assert_non_null(strstr(mb1_parse(), "entry of a bad size"));
	put32(MB1_MMAP + 76, 20);
	assert_null(mb1_parse());
	put32(MB1_MMAP, 0xfffffffc);
	assert_non_null(strstr(mb1_parse(), "entry of a bad size"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mb2),	   cmocka_unit_test(test_mb2_firmware),
		cmocka_unit_test(test_mb2_no_map), cmocka_unit_test(test_long_texts),
		cmocka_unit_test(test_mb2_limits), cmocka_unit_test(test_mb2_cut),
		cmocka_unit_test(test_mb1),	   cmocka_unit_test(test_mb1_damaged),
	};

	return RUN(tests);
}
