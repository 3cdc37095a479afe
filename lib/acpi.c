/* SPDX-License-Identifier: MIT */
#include "lib/acpi.h"
#include "lib/string.h"

#define RSDP_V1_BYTES 20u
#define HEADER_BYTES  36u	/* what every table starts with */
#define TABLE_MAX     0x100000u /* larger ones are a damaged length */

enum { RSDP_REVISION = 15, RSDP_RSDT = 16, RSDP_XSDT = 24 };
enum { MADT_ENTRIES = 44, MADT_LAPIC = 0, MADT_X2APIC = 9 };
enum { CPU_ENABLED = 1 };
enum { FADT_FACS = 36, FADT_DSDT = 40, FADT_PM1A_CNT = 64, FADT_FLAGS = 112, FADT_RESET = 116 };
enum { FADT_V1_BYTES = 116, FADT_RESET_ADDRESS = 120, FADT_RESET_VALUE = 128, FADT_V2_BYTES = 132 };
enum { FLAG_RESET = BIT(10), SPACE_IO = 1, AML_ONE = 1, AML_PACKAGE = 0x12 };
enum { IOMMU_ENTRIES = 48, DMAR_DRHD = 0, IVHD = 0x10, IVHD_EXTENDED = 0x11, IVHD_NAMED = 0x40 };

static u64 get(const u8 *p, size_t off, size_t bytes)
{
	u64 v = 0;

	memcpy(&v, p + off, bytes);
	return v;
}

static bool sums_to_zero(const u8 *p, size_t n)
{
	u8 sum = 0;

	while (n--)
		sum = (u8)(sum + *p++);
	return !sum;
}

static bool rsdp_valid(const u8 *p, size_t size)
{
	if (size < RSDP_V1_BYTES || memcmp(p, "RSD PTR ", 8) || !sums_to_zero(p, RSDP_V1_BYTES))
		return false;
	if (p[RSDP_REVISION] < 2)
		return true;
	return size >= ACPI_RSDP_BYTES && sums_to_zero(p, ACPI_RSDP_BYTES);
}

size_t acpi_rsdp_find(const void *mem, size_t size)
{
	for (size_t off = 0; off < size; off += 16) {
		if (rsdp_valid((const u8 *)mem + off, size - off))
			return off;
	}
	return SIZE_MAX;
}

/* A whole table at a physical address, when its length and checksum hold. */
static const u8 *table_at(u64 pa, phys_map_fn map, u32 *size)
{
	const u8 *p = map(pa, HEADER_BYTES);

	if (!p)
		return NULL;
	*size = (u32)get(p, 4, 4);
	if (*size < HEADER_BYTES || *size > TABLE_MAX)
		return NULL;
	p = map(pa, *size);
	return p && sums_to_zero(p, *size) ? p : NULL;
}

/* The address of table i in the root table, which has entries of the given width. */
static const u8 *find_in(const u8 *root, u32 root_size, u32 width, phys_map_fn map,
			 const char *signature, u32 *size)
{
	for (u32 off = HEADER_BYTES; root_size - off >= width; off += width) {
		const u8 *t = table_at(get(root, off, width), map, size);

		if (t && !memcmp(t, signature, 4))
			return t;
	}
	return NULL;
}

const char *acpi_table_find(const u8 rsdp[ACPI_RSDP_BYTES], phys_map_fn map, const char *signature,
			    const u8 **table, u32 *size)
{
	u64 xsdt = rsdp[RSDP_REVISION] >= 2 ? get(rsdp, RSDP_XSDT, 8) : 0;
	const u8 *root = NULL;
	u32 root_size, width = 8;

	if (!rsdp_valid(rsdp, ACPI_RSDP_BYTES))
		return "ACPI: the root pointer is damaged";
	if (xsdt)
		root = table_at(xsdt, map, &root_size);
	if (!root || memcmp(root, "XSDT", 4)) {
		width = 4;
		root = table_at(get(rsdp, RSDP_RSDT, 4), map, &root_size);
		if (!root || memcmp(root, "RSDT", 4))
			return "ACPI: the root table is damaged";
	}
	*table = find_in(root, root_size, width, map, signature, size);
	return *table ? NULL : "ACPI: a table is missing or damaged";
}

static const char *add_cpu(struct acpi_cpus *out, u32 id, u32 flags)
{
	if (!(flags & CPU_ENABLED))
		return NULL;
	/* Firmware may name a CPU in an entry of either kind. */
	for (u32 i = 0; i < out->count; i++) {
		if (out->apic_id[i] == id)
			return NULL;
	}
	if (out->count == ACPI_MAX_CPUS)
		return "ACPI: the MADT has more than 256 CPUs";
	out->apic_id[out->count++] = id;
	return NULL;
}

static const char *madt_entry(const u8 *e, u8 len, struct acpi_cpus *out)
{
	switch (e[0]) {
	case MADT_LAPIC:
		/* APIC id 255 is the broadcast address, used for entries that mean nothing */
		if (len >= 8 && e[3] != 0xff)
			return add_cpu(out, e[3], (u32)get(e, 4, 4));
		break;
	case MADT_X2APIC:
		if (len >= 16 && get(e, 4, 4) != UINT32_MAX)
			return add_cpu(out, (u32)get(e, 4, 4), (u32)get(e, 8, 4));
		break;
	}
	return NULL;
}

const char *acpi_madt_cpus(const u8 rsdp[ACPI_RSDP_BYTES], phys_map_fn map, struct acpi_cpus *out)
{
	const u8 *t;
	u32 size;
	const char *err = acpi_table_find(rsdp, map, "APIC", &t, &size);

	memset(out, 0, sizeof(*out));
	if (err)
		return err;
	if (size < MADT_ENTRIES)
		return "ACPI: the MADT is too short";
	for (u32 off = MADT_ENTRIES; size - off >= 2; off += t[off + 1]) {
		u8 len = t[off + 1];

		if (len < 2 || len > size - off)
			return "ACPI: the MADT has an entry of a bad size";
		err = madt_entry(t + off, len, out);
		if (err)
			return err;
	}
	return out->count ? NULL : "ACPI: the MADT has no enabled CPU";
}

/* Firmware may name a unit in several entries. */
static const char *add_iommu(struct acpi_iommus *out, u64 base)
{
	for (u32 i = 0; i < out->count; i++)
		if (out->base[i] == base)
			return NULL;
	if (out->count == ACPI_MAX_IOMMUS)
		return "ACPI: more than 16 IOMMUs";
	out->base[out->count++] = base;
	return NULL;
}

/* Entries of both tables have their length and a unit's address at the same place. */
static bool is_unit(const u8 *table, u64 off, u64 len)
{
	u8 type = table[off];

	if (table[0] == 'D')
		return get(table, off, 2) == DMAR_DRHD && len >= 16;
	return (type == IVHD || type == IVHD_EXTENDED || type == IVHD_NAMED) && len >= 24;
}

const char *acpi_iommus(const u8 *table, u32 size, struct acpi_iommus *out)
{
	const char *err = NULL;
	u64 len;

	out->count = 0;
	for (u64 off = IOMMU_ENTRIES; off + 4 <= size && !err; off += len) {
		len = get(table, off + 2, 2);
		if (len < 4 || len > size - off)
			return "ACPI: the table of IOMMUs has an entry of a bad size";
		if (is_unit(table, off, len))
			err = add_iommu(out, get(table, off + 8, 8));
	}
	return err || out->count ? err : "ACPI: the table of IOMMUs has no unit";
}

/* Name (_S3_, Package () {SLP_TYP, ...}): the name, PackageOp, its length in up to four bytes, a
 * count, an integer (ACPI specification 6.4, 20.2.4, 20.2.5.4, 7.4.2). */
static void find_s3(u64 dsdt, phys_map_fn map, struct acpi_pm *out)
{
	u32 size;
	const u8 *t = table_at(dsdt, map, &size);

	for (u32 off = HEADER_BYTES; t && off + 12 <= size; off++) {
		const u8 *p = t + off + 7 + (t[off + 5] >> 6);

		if (memcmp(t + off, "_S3_", 4) || t[off + 4] != AML_PACKAGE)
			continue;
		/* zero, one, or a prefix, then the low byte */
		out->s3 = BIT(3) | ((*p <= AML_ONE ? *p : p[1]) & 7);
	}
}

const char *acpi_fadt(const u8 rsdp[ACPI_RSDP_BYTES], phys_map_fn map, struct acpi_pm *out)
{
	const u8 *t;
	u32 size;
	const char *err = acpi_table_find(rsdp, map, "FACP", &t, &size);

	memset(out, 0, sizeof(*out));
	if (err)
		return err;
	if (size < FADT_V1_BYTES)
		return "ACPI: the FADT is too short";
	out->pm1a_cnt = (u16)get(t, FADT_PM1A_CNT, 4);
	if (size >= FADT_V2_BYTES && (get(t, FADT_FLAGS, 4) & FLAG_RESET) &&
	    t[FADT_RESET] == SPACE_IO) {
		out->reset_port = (u16)get(t, FADT_RESET_ADDRESS, 8);
		out->reset_value = t[FADT_RESET_VALUE];
	}
	find_s3(get(t, FADT_DSDT, 4), map, out);
	out->facs = get(t, FADT_FACS, 4);
	t = map(out->facs, ACPI_FACS_BYTES);
	if (!t || memcmp(t, "FACS", 4))
		out->facs = 0;
	return NULL;
}
