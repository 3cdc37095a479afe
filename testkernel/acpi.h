/* SPDX-License-Identifier: MIT */
/* What the test kernel needs from ACPI: the CPUs and the power-off port (ACPI 6.4, 5.2). */
#ifndef TESTKERNEL_ACPI_H
#define TESTKERNEL_ACPI_H

#include "hv/types.h"
#include "testkernel/layout.h"

struct acpi {
	u32 cpus;	       /* enabled CPUs found, at most MAX_CPUS kept */
	u32 apic_id[MAX_CPUS]; /* in the order of the MADT */
	u16 pm1a_cnt;	       /* port, 0: none */
	char oem[6];	       /* who made the tables, not terminated */
};

extern struct acpi acpi;

/* rsdp: a copy of the root pointer, NULL if the loader gave none. False: no usable tables. */
bool acpi_init(const void *rsdp);

#endif
