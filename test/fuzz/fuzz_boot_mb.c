/* SPDX-License-Identifier: MIT */
/* Damaged multiboot information, and any bytes as such. They are the physical memory too, from 0.
 */
#include "sane.h"
#include "boot/boot_mb.h"

#define MEMORY_BYTES 512u

static u8 *memory;
static size_t memory_bytes;

static const void *map(u64 pa, size_t len)
{
	return pa <= memory_bytes && len <= memory_bytes - pa ? memory + pa : NULL;
}

/* A command line, two modules, a boot device, a memory map, both root pointers, the end. */
static void build_mb2(void)
{
	static const u32 words[] = {
		224, 0,	 1, 16,	     0x73657571, 0x3d74, 3, 20, 4096, 8192, 0x78, 0, /* padding */
		3,   17, 0, 1,	     0,		 0,	 5, 20, 128,  0,    0,	  0, 6, 40, 24,
		0,   0,	 0, 1 << 30, 0,		 1,	 0, 14, 28,   1,    2,	  3, 4, 5,  0,
		15,  44, 1, 2,	     3,		 4,	 5, 6,	7,    8,    9,	  0, 0, 8};

	memcpy(memory, words, sizeof(words));
}

/* The same by multiboot 1: what is pointed to lies behind. */
static void build_mb1(void)
{
	static const u32 info[] = {0x4f, 640, 65536, 0x80ffffff, 128, 2, 160, 0, 0, 0, 0, 48, 224};
	static const u32 modules[] = {4096, 8192, 128, 0, 0, 1, 132, 0};
	static const u32 map_entries[] = {20, 0, 0, 1 << 20, 0, 1, 20, 1 << 20, 0, 1 << 30, 0, 1};

	memcpy(memory, info, sizeof(info));
	memcpy(memory + 128, "guest=linux vmx=on", 19);
	memcpy(memory + 160, modules, sizeof(modules));
	memcpy(memory + 224, map_entries, sizeof(map_entries));
}

static void fill(struct input *in, bool mb1, bool raw)
{
	memory_bytes = raw ? in->left : MEMORY_BYTES;
	memory = calloc(1, memory_bytes ? memory_bytes : 1);
	if (raw && in->left) {
		memcpy(memory, in->p, in->left);
		return;
	}
	if (raw)
		return;
	if (mb1)
		build_mb1();
	else
		build_mb2();
	damage(memory, MEMORY_BYTES, in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct boot_info info;
	struct input in = {data, size};
	u64 kind = take(&in, 1);
	const char *err;

	fill(&in, kind & 1, kind % 16 < 2);
	err = boot_mb_parse(kind & 1 ? BOOT_MB1_MAGIC : BOOT_MB2_MAGIC, memory, memory_bytes, map,
			    &info);
	free(memory);
	if (err)
		return 0;
	must_be_sane(&info.map);
	MUST(mem_map_ram_total(&info.map));
	MUST(info.module_count <= BOOT_MODULES_MAX);
	MUST(memchr(info.cmdline, 0, sizeof(info.cmdline)));
	for (u32 i = 0; i < info.module_count; i++) {
		MUST(memchr(info.module[i].cmdline, 0, sizeof(info.module[i].cmdline)));
		MUST(info.module[i].base + info.module[i].size <= UINT32_MAX);
	}
	return 0;
}
