/* SPDX-License-Identifier: MIT */
/* The least of ACPI ("ACPI Specification" 6.4, 5.2): which CPUs there are, and where power goes
 * off. */
#include "tools/lab/vmm.h"

#include <string.h>

#define RSDT_AT 0xe0040
#define MADT_AT 0xe0100
#define FADT_AT 0xe0400

enum { HEADER = 36, MADT_ENTRIES = 44, MADT_LAPIC_BYTES = 8, FADT_BYTES = 116, FADT_PM1A_CNT = 64 };
enum { CHECKSUM = 9, RSDP_CHECKSUM = 8, FADT_PM1_CNT_LEN = 89 };

static void put32(uint8_t *p, uint32_t v)
{
	memcpy(p, &v, sizeof(v));
}

static uint8_t checksum(const uint8_t *p, uint32_t n)
{
	uint8_t sum = 0;

	while (n--)
		sum = (uint8_t)(sum + *p++);
	return (uint8_t)-sum;
}

static void finish_table(uint8_t *t, const char *signature, uint32_t bytes)
{
	memcpy(t, signature, 4);
	put32(t + 4, bytes);
	t[8] = 1;
	memcpy(t + 10, "LAMINALAB     ", 14);
	t[CHECKSUM] = 0;
	t[CHECKSUM] = checksum(t, bytes);
}

void acpi_build(uint8_t *mem, uint32_t cpus)
{
	uint8_t *rsdp = mem + RSDP_AT, *madt = mem + MADT_AT, *fadt = mem + FADT_AT;

	memcpy(rsdp, "RSD PTR ", 8);
	memcpy(rsdp + 9, "LAMINA", 6);
	put32(rsdp + 16, RSDT_AT);
	rsdp[RSDP_CHECKSUM] = checksum(rsdp, RSDP_BYTES);

	put32(mem + RSDT_AT + HEADER, MADT_AT);
	put32(mem + RSDT_AT + HEADER + 4, FADT_AT);
	finish_table(mem + RSDT_AT, "RSDT", HEADER + 8);

	put32(madt + HEADER, 0xfee00000);
	for (uint32_t i = 0; i < cpus; i++) {
		uint8_t *e = madt + MADT_ENTRIES + i * MADT_LAPIC_BYTES;

		e[1] = MADT_LAPIC_BYTES;
		e[2] = e[3] = (uint8_t)i;
		put32(e + 4, 1);
	}
	finish_table(madt, "APIC", MADT_ENTRIES + cpus * MADT_LAPIC_BYTES);

	put32(fadt + FADT_PM1A_CNT, PORT_POWER);
	fadt[FADT_PM1_CNT_LEN] = 2;
	finish_table(fadt, "FACP", FADT_BYTES);
}
