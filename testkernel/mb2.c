/* SPDX-License-Identifier: MIT */
#include "testkernel/mb2.h"
#include "lib/string.h"

#define MB2_BOOT_MAGIC 0x36d76289u

enum { TAG_END = 0, TAG_CMDLINE = 1, TAG_MMAP = 6, TAG_RSDP1 = 14, TAG_RSDP2 = 15 };

struct tag {
	u32 type, size;
	u8 data[];
};

struct mb2 mb2 = {.cmdline = ""};

static u8 copy[16384] __attribute__((aligned(8)));

static void read_map(const struct tag *t)
{
	u32 entry_size;

	memcpy(&entry_size, t->data, sizeof(entry_size));
	for (u32 at = 16; at + entry_size <= t->size; at += entry_size) {
		u64 base, size;
		u32 type;
		const u8 *p = (const u8 *)t + at;

		memcpy(&base, p, sizeof(base));
		memcpy(&size, p + 8, sizeof(size));
		memcpy(&type, p + 16, sizeof(type));
		mem_map_add(&mb2.map, base, size, type);
	}
}

bool mb2_init(u32 magic, const void *info)
{
	u32 size = *(const u32 *)info;

	if (magic != MB2_BOOT_MAGIC || size > sizeof(copy))
		return false;
	memcpy(copy, info, size);
	for (u32 at = 8; at + 8 <= size;) {
		const struct tag *t = (const void *)(copy + at);

		if (t->type == TAG_END)
			break;
		if (t->type == TAG_CMDLINE)
			mb2.cmdline = (const char *)t->data;
		else if (t->type == TAG_MMAP)
			read_map(t);
		else if (t->type == TAG_RSDP1 || t->type == TAG_RSDP2)
			mb2.rsdp = t->data;
		at += (u32)align_up(t->size, 8);
	}
	return true;
}

bool mb2_option(const char *key, char *value, size_t size)
{
	size_t len = strlen(key);
	const char *p = mb2.cmdline;

	while (*p) {
		size_t n = 0;

		while (*p == ' ')
			p++;
		while (p[n] && p[n] != ' ')
			n++;
		if (n > len && !strncmp(p, key, len) && p[len] == '=') {
			size_t v = n - len - 1 < size - 1 ? n - len - 1 : size - 1;

			memcpy(value, p + len + 1, v);
			value[v] = '\0';
			return true;
		}
		p += n;
	}
	return false;
}
