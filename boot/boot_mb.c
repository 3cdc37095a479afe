/* SPDX-License-Identifier: MIT */
#include "boot/boot_mb.h"
#include "lib/string.h"

enum {
	MB2_END = 0,
	MB2_CMDLINE = 1,
	MB2_MODULE = 3,
	MB2_MEMINFO = 4,
	MB2_BOOTDEV = 5,
	MB2_MMAP = 6,
	MB2_EFI32 = 11,
	MB2_EFI64 = 12,
	MB2_ACPI_OLD = 14,
	MB2_ACPI_NEW = 15
};

struct mb2_tag {
	u32 type, size;
};

struct mb2_module {
	struct mb2_tag tag;
	u32 start, end;
};

struct mb2_meminfo {
	struct mb2_tag tag;
	u32 lower_kib, upper_kib; /* from 0 and from 1 MiB */
};

struct mb2_bootdev {
	struct mb2_tag tag;
	u32 drive, partition, sub;
};

struct mb2_mmap {
	struct mb2_tag tag;
	u32 entry_size, entry_version;
};

struct mb_range {
	u64 base, size;
	u32 type;
} __attribute__((packed));

enum { MB1_MEM = 1, MB1_BOOTDEV = 2, MB1_CMDLINE = 4, MB1_MODS = 8, MB1_MMAP = 0x40 };

struct mb1_info {
	u32 flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr, syms[4],
		mmap_length, mmap_addr;
};

struct mb1_module {
	u32 start, end, string, reserved;
};

struct mb1_range {
	u32 size; /* of what follows this field, at least that of a struct mb_range */
	struct mb_range range;
} __attribute__((packed));

/* No loader's table is longer; keeps a hostile length from being mapped. */
#define MB1_MMAP_MAX 65536u

static void copy_text(char *dst, size_t size, const char *src, size_t len)
{
	size_t n = 0;

	while (n < size - 1 && n < len && src[n])
		n++;
	memcpy(dst, src, n);
	dst[n] = 0;
}

static bool add_range(struct boot_info *out, const struct mb_range *r)
{
	/* Type 0 means nothing in either specification: no memory for anybody. */
	return mem_map_add(&out->map, r->base, r->size, r->type ? r->type : E820_RESERVED);
}

/* From the two old figures: KiB from 0 and KiB from 1 MiB. Used when there is no map. */
static void add_basic(struct boot_info *out, u32 lower_kib, u32 upper_kib)
{
	mem_map_add(&out->map, 0, KiB(lower_kib < 640 ? lower_kib : 640), E820_RAM);
	mem_map_add(&out->map, MiB(1), KiB(upper_kib), E820_RAM);
}

static struct boot_module *add_module(struct boot_info *out, u32 start, u32 end)
{
	struct boot_module *m;

	if (out->module_count == BOOT_MODULES_MAX || end < start)
		return NULL;
	m = &out->module[out->module_count++];
	m->base = start;
	m->size = end - start;
	return m;
}

static const char *mb2_module(const u8 *tag, u32 size, struct boot_info *out)
{
	struct boot_module *m;
	struct mb2_module t;

	if (size < sizeof(t))
		return "multiboot2: a module tag is too short";
	memcpy(&t, tag, sizeof(t));
	m = add_module(out, t.start, t.end);
	if (!m)
		return "multiboot2: a module ends before it starts, or there are more than 8";
	copy_text(m->cmdline, sizeof(m->cmdline), (const char *)tag + sizeof(t), size - sizeof(t));
	return NULL;
}

static const char *mb2_mmap(const u8 *tag, u32 size, struct boot_info *out)
{
	struct mb2_mmap t;
	struct mb_range r;

	if (size < sizeof(t))
		return "multiboot2: the memory map is too short";
	memcpy(&t, tag, sizeof(t));
	if (t.entry_size < sizeof(r))
		return "multiboot2: the memory map has too short entries";
	for (u32 off = sizeof(t); size - off >= t.entry_size; off += t.entry_size) {
		memcpy(&r, tag + off, sizeof(r));
		if (!add_range(out, &r))
			return "multiboot2: the memory map has more than 128 ranges";
	}
	return NULL;
}

static void copy_rsdp(struct boot_info *out, const u8 *rsdp, u32 size)
{
	u32 n = size < BOOT_RSDP_BYTES ? size : BOOT_RSDP_BYTES;

	memset(out->rsdp, 0, sizeof(out->rsdp));
	memcpy(out->rsdp, rsdp, n);
	out->has_rsdp = true;
}

static const char *mb2_tag(u32 type, const u8 *tag, u32 size, struct boot_info *out,
			   struct mb2_meminfo *basic)
{
	const u8 *body = tag + sizeof(struct mb2_tag);
	u32 len = size - sizeof(struct mb2_tag);
	struct mb2_bootdev dev;

	switch (type) {
	case MB2_CMDLINE:
		copy_text(out->cmdline, sizeof(out->cmdline), (const char *)body, len);
		break;
	case MB2_MODULE: return mb2_module(tag, size, out);
	case MB2_MMAP: return mb2_mmap(tag, size, out);
	case MB2_MEMINFO:
		if (size >= sizeof(*basic))
			memcpy(basic, tag, sizeof(*basic));
		break;
	case MB2_BOOTDEV:
		if (size >= sizeof(dev)) {
			memcpy(&dev, tag, sizeof(dev));
			out->boot_drive = dev.drive;
		}
		break;
	case MB2_EFI32:
	case MB2_EFI64: out->efi = true; break;
	case MB2_ACPI_OLD:
		if (!out->has_rsdp)
			copy_rsdp(out, body, len);
		break;
	case MB2_ACPI_NEW: copy_rsdp(out, body, len); break;
	}
	return NULL;
}

static const char *mb2_parse(const u8 *info, size_t max, struct boot_info *out)
{
	struct mb2_meminfo basic = {0};
	struct mb2_tag t;
	u32 total;

	out->loader = "multiboot2";
	if (max < 8)
		return "multiboot2: no information";
	memcpy(&total, info, sizeof(total));
	if (total < 8 || total > max)
		return "multiboot2: the information has a bad size";
	for (u64 off = 8; off + sizeof(t) <= total; off = align_up(off + t.size, 8)) {
		const char *err;

		memcpy(&t, info + off, sizeof(t));
		if (t.type == MB2_END)
			break;
		if (t.size < sizeof(t) || t.size > total - off)
			return "multiboot2: a tag has a bad size";
		err = mb2_tag(t.type, info + off, t.size, out, &basic);
		if (err)
			return err;
	}
	if (!out->map.count)
		add_basic(out, basic.lower_kib, basic.upper_kib);
	return NULL;
}

/* A NUL-terminated string in physical memory; it ends early where memory does. */
static void mb1_string(u32 pa, phys_map_fn map, char *dst, size_t size)
{
	size_t n = 0;

	for (; n < size - 1; n++) {
		const char *c = map((u64)pa + n, 1);

		if (!c || !*c)
			break;
		dst[n] = *c;
	}
	dst[n] = 0;
}

static const char *mb1_modules(const struct mb1_info *in, phys_map_fn map, struct boot_info *out)
{
	for (u32 i = 0; i < in->mods_count; i++) {
		struct boot_module *m;
		struct mb1_module t;
		const void *p = map((u64)in->mods_addr + (u64)i * sizeof(t), sizeof(t));

		if (!p)
			return "multiboot1: the module list is out of reach";
		memcpy(&t, p, sizeof(t));
		m = add_module(out, t.start, t.end);
		if (!m)
			return "multiboot1: a module ends before it starts, or there are more than 8";
		if (t.string)
			mb1_string(t.string, map, m->cmdline, sizeof(m->cmdline));
	}
	return NULL;
}

static const char *mb1_mmap(const struct mb1_info *in, phys_map_fn map, struct boot_info *out)
{
	u32 len = in->mmap_length;
	struct mb1_range r;
	const u8 *p;

	if (len > MB1_MMAP_MAX)
		return "multiboot1: the memory map has a bad size";
	p = map(in->mmap_addr, len);
	if (!p)
		return "multiboot1: the memory map is out of reach";
	for (u32 off = 0; len - off >= sizeof(r);) {
		memcpy(&r, p + off, sizeof(r));
		if (r.size < sizeof(r.range) || r.size > len - off - sizeof(r.size))
			return "multiboot1: the memory map has an entry of a bad size";
		if (!add_range(out, &r.range))
			return "multiboot1: the memory map has more than 128 ranges";
		off += r.size + sizeof(r.size);
	}
	return NULL;
}

static const char *mb1_parse(const void *info, size_t max, phys_map_fn map, struct boot_info *out)
{
	struct mb1_info in;
	const char *err = NULL;

	out->loader = "multiboot1";
	if (max < sizeof(in))
		return "multiboot1: no information";
	memcpy(&in, info, sizeof(in));
	if (in.flags & MB1_BOOTDEV)
		out->boot_drive = in.boot_device >> 24;
	if (in.flags & MB1_CMDLINE)
		mb1_string(in.cmdline, map, out->cmdline, sizeof(out->cmdline));
	if (in.flags & MB1_MODS)
		err = mb1_modules(&in, map, out);
	if (!err && (in.flags & MB1_MMAP))
		err = mb1_mmap(&in, map, out);
	if (!err && !out->map.count && (in.flags & MB1_MEM))
		add_basic(out, in.mem_lower, in.mem_upper);
	return err;
}

const char *boot_mb_parse(u32 magic, const void *info, size_t max, phys_map_fn map,
			  struct boot_info *out)
{
	const char *err;

	memset(out, 0, sizeof(*out));
	out->boot_drive = BOOT_DRIVE_UNKNOWN;
	if (magic == BOOT_MB2_MAGIC)
		err = mb2_parse(info, max, out);
	else if (magic == BOOT_MB1_MAGIC)
		err = mb1_parse(info, max, map, out);
	else
		return "not started by a multiboot loader";
	if (err)
		return err;
	if (!mem_map_sanitize(&out->map))
		return "the memory map has more than 128 ranges";
	if (!mem_map_ram_total(&out->map))
		return "the loader gave no memory map";
	return NULL;
}
