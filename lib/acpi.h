/* SPDX-License-Identifier: MIT */
/*
 * The few ACPI tables that Lamina reads ("ACPI specification 6.4", 5.2). Pure: everything is read
 * through the map given, bounds and checksums are checked, nothing is trusted.
 */
#ifndef LIB_ACPI_H
#define LIB_ACPI_H

#include "hv/types.h"
#include "lib/phys_map.h"

#define ACPI_MAX_CPUS	256
#define ACPI_RSDP_BYTES 36
#define ACPI_FACS_BYTES 64

struct acpi_cpus {
	u32 count; /* enabled CPUs, in the table's order */
	u32 apic_id[ACPI_MAX_CPUS];
};

struct acpi_pm {
	u16 pm1a_cnt;	/* I/O port of the PM1 control register; 0: none */
	u16 reset_port; /* I/O port that resets the machine by reset_value; 0: none */
	u8 reset_value;
	u64 facs; /* physical address; 0: none */
	u8 s3;	  /* bits 2:0 SLP_TYP of S3, bit 3 set; 0: the DSDT names none */
};

#define ACPI_MAX_IOMMUS 16

struct acpi_iommus {
	u32 count;
	u64 base[ACPI_MAX_IOMMUS]; /* physical address of each unit's registers */
};

/* Offset of the first valid RSDP in a piece of memory that starts on a 16-byte border; SIZE_MAX:
 * none. */
size_t acpi_rsdp_find(const void *mem, size_t size);

/* A table by its signature ("APIC", "FACP"), by way of the RSDP's XSDT or RSDT. NULL, or what is
 * wrong. */
const char *acpi_table_find(const u8 rsdp[ACPI_RSDP_BYTES], phys_map_fn map, const char *signature,
			    const u8 **table, u32 *size);

/*
 * The CPUs in the MADT, by local APIC and x2APIC entries. NULL, or what is wrong, such as no MADT,
 * no enabled CPU, more than 256.
 */
const char *acpi_madt_cpus(const u8 rsdp[ACPI_RSDP_BYTES], phys_map_fn map, struct acpi_cpus *out);

/* The units in a DMAR (Intel Virtualization Technology for Directed I/O, 8.1 to 8.3) or an IVRS
 * (AMD I/O Virtualization Technology (IOMMU) Specification, 5.2) of this size, each once, of all
 * PCI segments. NULL, or what is wrong, such as none, or more than 16. */
const char *acpi_iommus(const u8 *table, u32 size, struct acpi_iommus *out);

/* The registers in the FADT. NULL, or what is wrong. */
const char *acpi_fadt(const u8 rsdp[ACPI_RSDP_BYTES], phys_map_fn map, struct acpi_pm *out);

#endif
