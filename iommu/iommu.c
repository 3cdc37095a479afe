/* SPDX-License-Identifier: MIT */
#include "iommu/iommu.h"

#include "core/core.h"
#include "core/page.h"
#include "core/serial.h"
#include "core/slat.h"
#include "lib/fmt.h"
#include "lib/string.h"

/* Without those that take the place of pages of 1 GiB; one for each unit's registers. */
#define TRANSLATION_PAGES (7 + ACPI_MAX_IOMMUS)
#define READ_WRITE	  (SLAT_READ | SLAT_WRITE)

static const struct iommu_driver *const drivers[] = {&vtd_driver, &amdvi_driver};

static const struct iommu_driver *driver; /* of the units below, that have been enabled */
static struct acpi_iommus units;
static u64 root; /* of the translation tables; one for all devices */
static u32 levels;
static bool has_1g, active;

static u64 span(u32 level)
{
	return BIT(12 + 9 * (level - 1));
}

static bool overlaps(u64 base, u64 size, u64 other, u64 other_size)
{
	return base < other + other_size && other < base + size;
}

/* A device could switch the unit off. */
static bool has_registers(u64 base, u64 size)
{
	for (u32 i = 0; i < units.count; i++)
		if (overlaps(base, size, units.base[i], driver->last_register(units.base[i]) + 1))
			return true;
	return false;
}

static u32 rights_of(u64 base)
{
	if (is_ours(base, PAGE_SIZE) || has_registers(base, PAGE_SIZE))
		return 0;
	return base == machine.low_base ? SLAT_READ : READ_WRITE;
}

/* The entry for [base, base + span): a leaf if all of it is alike and may be one, else a table; 0
 * where there is nothing. False: too little memory. */
static bool entry_for(u64 base, u32 level, u64 *out)
{
	bool alike = !is_ours(base, span(level)) && !has_registers(base, span(level)) &&
		     !overlaps(base, span(level), machine.low_base, machine.low_size);
	u64 *table;

	if (level == 1) {
		*out = rights_of(base) ? driver->format->leaf(base, rights_of(base), 1) : 0;
		return true;
	}
	if (alike && (level == 2 || (level == 3 && has_1g))) {
		*out = driver->format->leaf(base, READ_WRITE, level);
		return true;
	}
	*out = 0;
	if (base >= align_up(machine.ram_top < GiB(4) ? GiB(4) : machine.ram_top, span(3)))
		return true; /* nothing but devices, to which no device need talk */
	table = page_alloc(1);
	if (!table)
		return false;
	for (u64 i = 0; i < 512; i++)
		if (!entry_for(base + i * span(level - 1), level - 1, &table[i]))
			return false;
	*out = driver->format->table(page_hpa(table).v, level);
	return true;
}

static err_t build(void)
{
	u64 *table = page_alloc(1);

	for (u64 i = 0; table && i < 512; i++)
		if (!entry_for(i * span(levels), levels, &table[i]))
			table = NULL;
	root = table ? page_hpa(table).v : 0;
	return table ? OK : "too little memory";
}

static err_t probe_all(void)
{
	has_1g = true;
	levels = 4;
	for (u32 i = 0; i < units.count; i++) {
		u32 its = 0;
		bool its_1g = false;
		err_t err = driver->probe(units.base[i], &its, &its_1g);

		if (err)
			return err;
		levels = its < levels ? its : levels;
		has_1g &= its_1g;
	}
	return OK;
}

static err_t enable_all(void)
{
	err_t err = OK;

	for (u32 i = 0; i < units.count && !err; i++)
		err = driver->enable(units.base[i], root, levels);
	return err;
}

/* The guest must not undo it: it can read the registers, and its writes are dropped. */
static err_t hide(u64 unit)
{
	u64 last = unit + driver->last_register(unit);
	err_t err = OK;

	for (u64 page = align_down(unit, PAGE_SIZE); page <= last && !err; page += PAGE_SIZE)
		err = slat_write_protect(page);
	return err;
}

/* A system that finds no such table takes the machine for one without. */
static void hide_table(u8 *table)
{
	table[9] += table[0] - '-'; /* the sum stays zero */
	table[0] = '-';
}

static err_t protect(const u8 *table, u32 size)
{
	err_t err = acpi_iommus(table, size, &units);

	if (!err)
		err = probe_all();
	if (!err)
		err = build();
	if (!err)
		err = enable_all();
	for (u32 i = 0; i < units.count && !err; i++)
		err = hide(units.base[i]);
	active = !err;
	return err;
}

err_t iommu_resume(void)
{
	return active ? enable_all() : OK;
}

/* The first driver whose table is there. */
static const u8 *find(u32 *size)
{
	const u8 *table = NULL;

	for (u32 i = 0; i < ARRAY_SIZE(drivers) && !table && machine.opt.iommu; i++) {
		driver = drivers[i];
		acpi_table_find(machine.rsdp, phys_map, driver->signature, &table, size);
	}
	driver = table ? driver : NULL;
	return table;
}

u64 iommu_pages(void)
{
	u32 size;

	return find(&size) ? driver->pages + TRANSLATION_PAGES : 0;
}

void iommu_protect(void)
{
	u32 size;
	const u8 *table = find(&size);
	err_t err;

	if (!table) {
		say("no IOMMU is used: devices can write to Lamina's memory");
		return;
	}
	err = protect(table, size);
	if (!err)
		hide_table((u8 *)(uintptr_t)table);
	if (err)
		say("warning: %s: %s; devices can write to Lamina's memory", driver->name, err);
	else
		say("%s, %u units: devices cannot write to Lamina's memory", driver->name,
		    units.count);
}

void iommu_report(emit_fn emit)
{
	for (u32 i = 0; active && i < units.count; i++)
		driver->report(units.base[i], emit);
}
