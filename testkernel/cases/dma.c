/* SPDX-License-Identifier: MIT */
/*
 * A device as attacker: QEMU's edu (docs/specs/edu.txt) copies between its buffer and any physical
 * address. Ordinary memory it reaches, Lamina's it does not.
 */
#include "testkernel/acpi.h"
#include "testkernel/asm.h"
#include "testkernel/groups.h"
#include "testkernel/lamina.h"
#include "testkernel/page.h"
#include "testkernel/smp.h"
#include "testkernel/tap.h"

#define PCI_ADDRESS 0xcf8
#define PCI_DATA    0xcfc
#define EDU_ID	    0x11e81234u
#define EDU_SLOT    0 /* of the window; and behind it the IOMMU's page */
#define IOMMU_SLOT  1

enum { PCI_ID = 0, PCI_COMMAND = 4, PCI_BAR0 = 0x10 };
enum { EDU_SRC = 0x80, EDU_DST = 0x88, EDU_COUNT = 0x90, EDU_CMD = 0x98 };
enum { EDU_RUN = 1, EDU_OUT = 2 }; /* out of the device, into memory */

#define EDU_BUFFER 0x40000u
#define BYTES	   1024u
#define MARK	   0xed0d3a00u

static u64 edu; /* linear address of its registers */
static u32 bytes = BYTES;
static u32 words[BYTES / 4] __attribute__((aligned(4096)));

static u32 pci_read(u32 device, u32 reg)
{
	outl(PCI_ADDRESS, BIT(31) | device << 11 | reg);
	return inl(PCI_DATA);
}

static void pci_write(u32 device, u32 reg, u32 value)
{
	outl(PCI_ADDRESS, BIT(31) | device << 11 | reg);
	outl(PCI_DATA, value);
}

static bool find_edu(void)
{
	for (u32 device = 0; device < 32; device++) {
		if (pci_read(device, PCI_ID) != EDU_ID)
			continue;
		pci_write(device, PCI_COMMAND,
			  pci_read(device, PCI_COMMAND) | 6); /* memory, master */
		edu = window_map(EDU_SLOT, pci_read(device, PCI_BAR0) & ~15u,
				 PTE_P | PTE_W | PTE_PCD);
		return true;
	}
	return false;
}

static volatile u32 *reg(u32 at)
{
	return (volatile u32 *)(edu + at);
}

/* So many bytes from or to the physical address. */
static void dma(u64 pa, bool out)
{
	*(volatile u64 *)reg(EDU_SRC) = out ? EDU_BUFFER : pa;
	*(volatile u64 *)reg(EDU_DST) = out ? pa : EDU_BUFFER;
	*(volatile u64 *)reg(EDU_COUNT) = bytes;
	*(volatile u64 *)reg(EDU_CMD) = EDU_RUN | (out ? EDU_OUT : 0);
	check(wait_for(!(*(volatile u64 *)reg(EDU_CMD) & EDU_RUN)), "a DMA does not end");
}

static void fill(u32 mark)
{
	for (u32 i = 0; i < BYTES / 4; i++)
		words[i] = mark + i;
	dma((uintptr_t)words, false);
}

/* How many of the words in the device's buffer are those of the mark. */
static u32 matching(u32 mark)
{
	u32 n = 0;

	for (u32 i = 0; i < BYTES / 4; i++)
		words[i] = 0;
	dma((uintptr_t)words, true);
	for (u32 i = 0; i < BYTES / 4; i++)
		n += words[i] == mark + i;
	return n;
}

static void ordinary(void)
{
	fill(MARK);
	check(matching(MARK) == BYTES / 4, "%u words of %u came back", matching(MARK), BYTES / 4);
	tap("a device reads and writes ordinary memory");
}

/* What is neither all zeros nor all ones in the device's buffer, which then has Lamina's bytes. */
static u32 leaked(u64 pa)
{
	u32 n = 0;

	for (u32 i = 0; i < BYTES / 4; i++)
		words[i] = 0;
	dma((uintptr_t)words, false);
	dma(pa, false);
	dma((uintptr_t)words, true);
	for (u32 i = 0; i < BYTES / 4; i++)
		n += words[i] != 0 && words[i] != 0xffffffff;
	return n;
}

static void read_lamina(u64 base, u64 size)
{
	const u64 at[] = {base, base + size / 16, base + size - PAGE_SIZE};
	u32 n = 0;

	for (u32 i = 0; size && i < ARRAY_SIZE(at); i++)
		n += leaked(at[i]);
	check(!n, "%u words of Lamina's memory", n);
	tap("a device reads nothing of Lamina's memory");
}

static void write_lamina(u64 base, u64 size)
{
	u64 last = base + size - PAGE_SIZE;
	u32 n = 0;

	if (size) {
		fill(MARK + 0x10000);
		dma(last, true);
		fill(0);
		dma(last, false);
		n = matching(MARK + 0x10000);
	}
	check(!n, "%u words were written there", n);
	tap("a device writes nothing to Lamina's memory");
}

/* Its page below 1 MiB can be read, so the CPU itself sees what a device has done to it. */
static void write_low_page(u64 base)
{
	const volatile u32 *page = (const volatile u32 *)(base + PAGE_SIZE - BYTES);
	u32 before[BYTES / 4], changed = 0;

	if (base) {
		for (u32 i = 0; i < BYTES / 4; i++)
			before[i] = page[i];
		fill(MARK);
		dma(base + PAGE_SIZE - BYTES, true);
		for (u32 i = 0; i < BYTES / 4; i++)
			changed += page[i] != before[i];
		for (u32 i = 0; i < BYTES / 4; i++)
			words[i] = before[i];
		dma((uintptr_t)words, false);
		dma(base + PAGE_SIZE - BYTES, true);
	}
	check(!changed, "%u words are others", changed);
	tap("a device writes nothing to Lamina's page below 1 MiB");
}

/* The registers are where QEMU's machines have them: the table that says so is hidden. */
static void switch_off(u64 base, u64 size)
{
	static const u64 units[] = {0xfed90000, 0xfed80000}; /* VT-d, AMD-Vi */
	static const u32 control[] = {0x18, 0x18};
	u32 n = 0;

	for (u32 i = 0; size && i < ARRAY_SIZE(units); i++)
		*(volatile u32 *)(window_map(IOMMU_SLOT, units[i], PTE_P | PTE_W | PTE_PCD) +
				  control[i]) = 0;
	for (u32 i = 0; size && i < ARRAY_SIZE(units); i++) {
		fill(0); /* of which the first word is */
		bytes = 4;
		dma(units[i] + control[i], true);
		bytes = BYTES;
	}
	if (size)
		n = leaked(base) + leaked(base + size / 16);
	check(!n, "then %u words of Lamina's memory can be read", n);
	tap("the IOMMU cannot be switched off");
}

void group_dma(void)
{
	u64 base = 0, size = 0, low = 0;

	if (!find_edu()) {
		check(false, "no edu on the bus");
		tap("the attacker is there");
		return;
	}
	if (lamina_here()) {
		lamina_info(HC_INFO_HV_BASE, &base);
		lamina_info(HC_INFO_HV_SIZE, &size);
		lamina_info(HC_INFO_LOW_BASE, &low);
	}
	ordinary();
	read_lamina(base, size);
	write_lamina(base, size);
	write_low_page(low);
	switch_off(base, size);
	ordinary();
}
