/* SPDX-License-Identifier: MIT */
/* VT-d (Intel Virtualization Technology for Directed I/O, chapters 3, 6, 9, 10 and 11), in legacy
 * mode: a root and a context table, second-level page tables. */
#include "iommu/iommu.h"

#include "core/page.h"
#include "hv/exit.h"
#include "lib/fmt.h"
#include "x86/insn.h"

enum {
	VTD_CAP = 0x08,
	VTD_ECAP = 0x10,
	VTD_GCMD = 0x18,
	VTD_GSTS = 0x1c,
	VTD_RTADDR = 0x20,
	VTD_CCMD = 0x28,
	VTD_FSTS = 0x34,
	VTD_PMEN = 0x64
};

#define CAP_SAGAW_39	 BIT(9)
#define CAP_SAGAW_48	 BIT(10)
#define CAP_2M		 BIT(34)
#define CAP_1G		 BIT(35)
#define CAP_FAULTS(cap)	 ((u32)((cap) >> 24 & 0x3ff) * 16) /* where the fault records are */
#define CAP_FAULT_N(cap) ((u32)((cap) >> 40 & 0xff) + 1)
#define ECAP_COHERENT	 BIT(0)
#define ECAP_IOTLB(ecap) ((u32)((ecap) >> 8 & 0x3ff) * 16 + 8)
#define GSTS_TES	 BIT(31)     /* translation is on; as GCMD's bit for it */
#define GSTS_RTPS	 BIT(30)     /* the root table is set */
#define GSTS_QIES	 BIT(26)     /* queued invalidation is on */
#define GSTS_KEPT	 0x96ffffffu /* what GCMD takes back, without the one-shot bits */
#define CCMD_ALL	 (BIT(63) | BIT(61))
#define IOTLB_ALL	 (BIT(63) | BIT(60))
#define PMEN_EPM	 BIT(31)
#define PMEN_PRS	 BIT(0)
#define ENTRY_PRESENT	 BIT(0)
#define CONTEXT_DOMAIN	 BIT(8) /* domain 1, in the upper half */
#define FAULT_F		 BIT(63)
#define FAULT_READ	 BIT(62)
#define WAIT_MAX	 10000000u

static u64 get64(u64 unit, u32 off)
{
	return *(volatile u64 *)((u8 *)phys_ptr(unit) + off);
}

static void put64(u64 unit, u32 off, u64 value)
{
	*(volatile u64 *)((u8 *)phys_ptr(unit) + off) = value;
}

static u32 get32(u64 unit, u32 off)
{
	return *(volatile u32 *)((u8 *)phys_ptr(unit) + off);
}

static void put32(u64 unit, u32 off, u32 value)
{
	*(volatile u32 *)((u8 *)phys_ptr(unit) + off) = value;
}

static bool wait64(u64 unit, u32 off, u64 bit)
{
	u32 n = 0;

	while ((get64(unit, off) & bit) && n++ < WAIT_MAX)
		cpu_pause();
	return n < WAIT_MAX;
}

static bool wait_status(u64 unit, u32 off, u64 bit, bool on)
{
	u32 n = 0;

	while (!(get32(unit, off) & bit) == on && n++ < WAIT_MAX)
		cpu_pause();
	return n < WAIT_MAX;
}

/* One command at a time; the others stay as they are. */
static bool command(u64 unit, u64 bit, bool on)
{
	u32 kept = get32(unit, VTD_GSTS) & GSTS_KEPT;

	put32(unit, VTD_GCMD, on ? kept | (u32)bit : kept & ~(u32)bit);
	return wait_status(unit, VTD_GSTS, bit, on);
}

static err_t vtd_probe(u64 unit, u32 *levels, bool *has_1g)
{
	u64 cap = get64(unit, VTD_CAP);

	if (!(cap & (CAP_SAGAW_39 | CAP_SAGAW_48)))
		return "it translates neither 39 nor 48 bits";
	if (!(cap & CAP_2M))
		return "it has no pages of 2 MiB";
	*levels = cap & CAP_SAGAW_48 ? 4 : 3;
	*has_1g = cap & CAP_1G;
	return OK;
}

/* One context table for all buses, with all entries alike. */
static u64 root_table(u64 tables, u32 levels)
{
	static u64 *root;
	u64 *context;

	if (root)
		return page_hpa(root).v;
	root = page_alloc(1);
	context = root ? page_alloc(1) : NULL;
	if (!context) {
		root = NULL;
		return 0;
	}
	for (u32 i = 0; i < PAGE_SIZE / 16; i++) {
		context[2 * i] = tables | ENTRY_PRESENT;
		context[2 * i + 1] = CONTEXT_DOMAIN | (levels - 2);
		root[2 * i] = page_hpa(context).v | ENTRY_PRESENT;
	}
	return page_hpa(root).v;
}

static bool invalidate(u64 unit)
{
	u32 iotlb = ECAP_IOTLB(get64(unit, VTD_ECAP));

	put64(unit, VTD_CCMD, CCMD_ALL);
	if (!wait64(unit, VTD_CCMD, BIT(63)))
		return false;
	put64(unit, iotlb, IOTLB_ALL);
	return wait64(unit, iotlb, BIT(63));
}

static err_t vtd_enable(u64 unit, u64 tables, u32 levels)
{
	u64 root = root_table(tables, levels);

	if (!root)
		return "too little memory";
	if (!(get64(unit, VTD_ECAP) & ECAP_COHERENT))
		wbinvd();
	if ((get32(unit, VTD_GSTS) & GSTS_QIES) && !command(unit, GSTS_QIES, false))
		return "its queue cannot be stopped";
	put64(unit, VTD_RTADDR, root);
	if (!command(unit, GSTS_RTPS, true) || !invalidate(unit) || !command(unit, GSTS_TES, true))
		return "it does not answer";
	put32(unit, VTD_PMEN, 0); /* what the firmware protected before */
	return wait_status(unit, VTD_PMEN, PMEN_PRS, false) ? OK : "it does not answer";
}

static u64 vtd_last_register(u64 unit)
{
	u64 cap = get64(unit, VTD_CAP);
	u64 faults = CAP_FAULTS(cap) + CAP_FAULT_N(cap) * 16 - 1;
	u64 iotlb = ECAP_IOTLB(get64(unit, VTD_ECAP)) + 7;

	return faults > iotlb ? faults : iotlb;
}

static void vtd_report(u64 unit, emit_fn emit)
{
	u64 cap = get64(unit, VTD_CAP);
	char line[120];

	for (u32 i = 0; i < CAP_FAULT_N(cap); i++) {
		u32 at = CAP_FAULTS(cap) + 16 * i;
		u64 high = get64(unit, at + 8);

		if (!(high & FAULT_F))
			continue;
		fmt(line, sizeof(line),
		    "VT-d: device %02x:%02x.%x was kept from %s %" FMT64 "x, reason %x",
		    (u32)(high >> 8 & 0xff), (u32)(high >> 3 & 31), (u32)(high & 7),
		    high & FAULT_READ ? "reading" : "writing", get64(unit, at),
		    (u32)(high >> 32 & 0xff));
		emit(line);
	}
}

static u64 vtd_leaf(u64 hpa, u32 rights, u32 level)
{
	return hpa | (rights & (SLAT_READ | SLAT_WRITE)) | (level > 1 ? BIT(7) : 0);
}

static u64 vtd_table(u64 hpa, u32 level)
{
	(void)level;
	return hpa | SLAT_READ | SLAT_WRITE;
}

static const struct iommu_format vtd_format = {vtd_leaf, vtd_table};

const struct iommu_driver vtd_driver = {
	.name = "VT-d",
	.signature = "DMAR",
	.pages = 2,
	.format = &vtd_format,
	.probe = vtd_probe,
	.enable = vtd_enable,
	.last_register = vtd_last_register,
	.report = vtd_report,
};
