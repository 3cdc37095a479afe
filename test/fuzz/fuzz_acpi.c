/* SPDX-License-Identifier: MIT */
/*
 * Damaged ACPI tables. Checksums are made right when a table is read, most of the time: no fuzzer
 * would guess them.
 */
#include "fuzz.h"
#include "lib/acpi.h"

#define MEMORY_BYTES 1024u

enum { RSDP = 0, RSDT = 64, XSDT = 128, MADT = 256, FADT = 512, DMAR = 800 };

static u8 *memory;
static bool seal_tables;

static void seal(u8 *p, size_t size, u32 at)
{
	u8 sum = 0;

	for (size_t i = 0; i < size; i++)
		sum = (u8)(sum + p[i]);
	p[at] = (u8)(p[at] - sum);
}

static const void *map(u64 pa, size_t len)
{
	if (pa > MEMORY_BYTES || len > MEMORY_BYTES - pa)
		return NULL;
	if (seal_tables && len >= 36)
		seal(memory + pa, len, 9);
	return memory + pa;
}

static void table(u32 at, const char *signature, u32 size)
{
	memcpy(memory + at, signature, 4);
	memcpy(memory + at + 4, &size, 4);
}

static void build(void)
{
	static const u32 root[3] = {MADT, FADT, DMAR}, rsdt = RSDT, lapic = 0xfee00000;
	static const u64 wide_root[3] = {MADT, FADT, DMAR}, xsdt = XSDT;

	memset(memory, 0, MEMORY_BYTES);
	memcpy(memory + RSDP, "RSD PTR ", 8);
	memory[RSDP + 15] = 2;
	memcpy(memory + RSDP + 16, &rsdt, 4);
	memcpy(memory + RSDP + 24, &xsdt, 8);
	table(RSDT, "RSDT", 36 + sizeof(root));
	memcpy(memory + RSDT + 36, root, sizeof(root));
	table(XSDT, "XSDT", 36 + sizeof(wide_root));
	memcpy(memory + XSDT + 36, wide_root, sizeof(wide_root));
	table(MADT, "APIC", 44 + 8 + 12 + 16);
	memcpy(memory + MADT + 36, &lapic, 4);
	memcpy(memory + MADT + 44,
	       "\0\10\0\1\1\0\0\0"
	       "\5\14\0\0\0\0\0\0\0\0\0\0",
	       20);
	memcpy(memory + MADT + 64, "\11\20\0\0\0\1\0\0\1\0\0\0", 12);
	table(FADT, "FACP", 244);
	table(DMAR, "DMAR", 48 + 24 + 16);
	memcpy(memory + DMAR + 48, "\1\0\30", 3);
	memcpy(memory + DMAR + 72, "\0\0\20", 3);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct acpi_cpus cpus;
	struct input in = {data, size};
	u8 rsdp[ACPI_RSDP_BYTES];
	struct acpi_pm pm;
	struct acpi_iommus units;
	const u8 *found;
	u32 bytes;

	memory = malloc(MEMORY_BYTES);
	build();
	seal_tables = take(&in, 1) % 8;
	damage(memory, MEMORY_BYTES, &in);
	acpi_rsdp_find(memory, MEMORY_BYTES);
	memcpy(rsdp, memory + RSDP, sizeof(rsdp));
	if (seal_tables) {
		seal(rsdp, 20, 8);
		seal(rsdp, 36, 32);
	}
	if (!acpi_madt_cpus(rsdp, map, &cpus))
		MUST(cpus.count && cpus.count <= ACPI_MAX_CPUS);
	if (acpi_fadt(rsdp, map, &pm))
		MUST(!pm.pm1a_cnt);
	for (u32 i = 0; i < 2; i++)
		if (!acpi_table_find(rsdp, map, i ? "IVRS" : "DMAR", &found, &bytes) &&
		    !acpi_iommus(found, bytes, &units))
			MUST(units.count && units.count <= ACPI_MAX_IOMMUS);
	free(memory);
	return 0;
}
