/* SPDX-License-Identifier: MIT */
/*
 * Keeps the machine's devices out of Lamina's memory: the IOMMUs translate their addresses to the
 * same addresses, but for Lamina's region, which is not there, and its page below 1 MiB, which they
 * cannot write. vtd.c and amdvi.c are the drivers; a machine has units of one kind.
 */
#ifndef IOMMU_IOMMU_H
#define IOMMU_IOMMU_H

#include "hv/backend.h"
#include "hv/err.h"
#include "hv/types.h"
#include "lib/acpi.h"

/* How a driver's translation tables look: rights are SLAT_READ and SLAT_WRITE, levels count from 1
 * (4 KiB). */
struct iommu_format {
	u64 (*leaf)(u64 hpa, u32 rights, u32 level);
	u64 (*table)(u64 hpa, u32 level); /* an entry of this level that leads to a table */
};

struct iommu_driver {
	const char *name;      /* "VT-d" */
	const char *signature; /* of the ACPI table that names the units */
	u32 pages;	       /* that its own tables take, at most */
	const struct iommu_format *format;
	/* What this unit can do: the levels of its tables (3 or 4), and whether leaves may be
	 * 1 GiB. */
	err_t (*probe)(u64 unit, u32 *levels, bool *has_1g);
	/* Translate by these tables, from now on. Again after a suspend. */
	err_t (*enable)(u64 unit, u64 root, u32 levels);
	/* The last byte of the registers that the guest must not write, relative to the unit. */
	u64 (*last_register)(u64 unit);
	/* Faults of devices that the unit remembers, one line each. */
	void (*report)(u64 unit, emit_fn emit);
};

extern const struct iommu_driver vtd_driver, amdvi_driver;

/* Pages to be had for what follows; 0 without an IOMMU. */
u64 iommu_pages(void);

/* Finds the units, programs them and hides them from the guest, or says in one line why devices can
 * still write to Lamina's memory. CPU 0, before the guest, with the second-level tables there. */
void iommu_protect(void);

/* The units have been powered on again, after a suspend: the same as before, if there was one. */
err_t iommu_resume(void);

/* Power-off: what devices tried. */
void iommu_report(emit_fn emit);

#endif
