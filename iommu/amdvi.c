/* SPDX-License-Identifier: MIT */
/* AMD-Vi (AMD I/O Virtualization Technology (IOMMU) Specification, chapters 2 and 3): a device
 * table with all entries alike, host page tables. */
#include "iommu/iommu.h"

#include "core/page.h"
#include "hv/exit.h"
#include "lib/fmt.h"
#include "x86/insn.h"

enum {
	AMDVI_DEVICE_TABLE = 0x00,
	AMDVI_COMMANDS = 0x08,
	AMDVI_EVENTS = 0x10,
	AMDVI_CONTROL = 0x18,
	AMDVI_EXCLUSION = 0x20,
	AMDVI_FEATURES = 0x30,
	AMDVI_COMMAND_HEAD = 0x2000,
	AMDVI_COMMAND_TAIL = 0x2008,
	AMDVI_EVENT_HEAD = 0x2010,
	AMDVI_EVENT_TAIL = 0x2018,
	AMDVI_REGISTERS = 0x4000
};

#define DEVICES		  0x10000u
#define DEVICE_BYTES	  32u
#define TABLE_PAGES	  (DEVICES * DEVICE_BYTES / PAGE_SIZE)
#define RING_256	  BIT(59) /* a ring of 256 entries, one page */
#define RING_ENTRY	  16u
#define CONTROL_ENABLE	  BIT(0)
#define CONTROL_EVENTS	  BIT(2)
#define CONTROL_COHERENT  BIT(10)
#define CONTROL_COMMANDS  BIT(12)
#define FEATURE_ALL	  BIT(6) /* one command invalidates everything */
#define COMMAND_ALL	  (8ULL << 60)
#define COMMAND_WAIT	  (1ULL << 60)
#define ENTRY_PRESENT	  BIT(0)
#define ENTRY_NEXT(level) ((u64)(level) << 9) /* of a table; 0: a leaf */
#define ENTRY_READ	  BIT(61)
#define ENTRY_WRITE	  BIT(62)
#define DEVICE_TRANSLATED BIT(1) /* bits 0 and 1: the entry and its translation are valid */
#define WAIT_MAX	  10000000u
#define REPORT_MAX	  16u

static u64 get64(u64 unit, u32 off)
{
	return *(volatile u64 *)((u8 *)phys_ptr(unit) + off);
}

static void put64(u64 unit, u32 off, u64 value)
{
	*(volatile u64 *)((u8 *)phys_ptr(unit) + off) = value;
}

/* Four levels and pages of 1 GiB every unit has. */
static err_t amdvi_probe(u64 unit, u32 *levels, bool *has_1g)
{
	(void)unit;
	*levels = 4;
	*has_1g = true;
	return OK;
}

static u64 device_table(u64 tables, u32 levels)
{
	static u64 *table;

	if (!table)
		table = page_alloc(TABLE_PAGES);
	for (u32 i = 0; table && i < DEVICES; i++) {
		table[4 * i] = tables | ENTRY_PRESENT | DEVICE_TRANSLATED | ENTRY_NEXT(levels) |
			       ENTRY_READ | ENTRY_WRITE;
		table[4 * i + 1] = 1; /* the domain */
	}
	return table ? page_hpa(table).v : 0;
}

/* One ring of each for all units, which take their commands one after the other. */
static u64 *commands, *events;

/* One command, and wait until the unit has taken it. */
static bool command(u64 unit, u64 what)
{
	u64 at = get64(unit, AMDVI_COMMAND_TAIL);
	u32 n = 0;

	commands[at / 8] = what;
	put64(unit, AMDVI_COMMAND_TAIL, at + RING_ENTRY);
	while (get64(unit, AMDVI_COMMAND_HEAD) != at + RING_ENTRY && n++ < WAIT_MAX)
		cpu_pause();
	return n < WAIT_MAX;
}

static err_t amdvi_enable(u64 unit, u64 tables, u32 levels)
{
	u64 table = device_table(tables, levels);

	commands = commands ? commands : page_alloc(1);
	events = events ? events : page_alloc(1);
	if (!table || !commands || !events)
		return "too little memory";
	put64(unit, AMDVI_CONTROL, 0);
	put64(unit, AMDVI_EXCLUSION, 0); /* addresses that the firmware has let pass */
	put64(unit, AMDVI_DEVICE_TABLE, table | (TABLE_PAGES - 1));
	put64(unit, AMDVI_COMMANDS, page_hpa(commands).v | RING_256);
	put64(unit, AMDVI_COMMAND_HEAD, 0);
	put64(unit, AMDVI_COMMAND_TAIL, 0);
	put64(unit, AMDVI_EVENTS, page_hpa(events).v | RING_256);
	put64(unit, AMDVI_EVENT_HEAD, 0);
	put64(unit, AMDVI_EVENT_TAIL, 0);
	put64(unit, AMDVI_CONTROL,
	      CONTROL_ENABLE | CONTROL_EVENTS | CONTROL_COHERENT | CONTROL_COMMANDS);
	if ((get64(unit, AMDVI_FEATURES) & FEATURE_ALL) && !command(unit, COMMAND_ALL))
		return "it does not answer";
	return command(unit, COMMAND_WAIT) ? OK : "it does not answer";
}

static u64 amdvi_last_register(u64 unit)
{
	(void)unit;
	return AMDVI_REGISTERS - 1;
}

/* The log is not read otherwise: what is in it are the first events. Its tail is not asked, as QEMU
 * leaves it at 0. */
static void amdvi_report(u64 unit, emit_fn emit)
{
	char line[120];

	(void)unit;
	for (u32 i = 0; i < REPORT_MAX; i++) {
		u64 event = events[2 * i];

		if (!event)
			continue;
		fmt(line, sizeof(line),
		    "AMD-Vi: device %02x:%02x.%x was kept from %" FMT64 "x, event %x",
		    (u32)(event >> 8 & 0xff), (u32)(event >> 3 & 31), (u32)(event & 7),
		    events[2 * i + 1], (u32)(event >> 60));
		emit(line);
		events[2 * i] = 0; /* the ring is that of the other units, too */
	}
}

static u64 amdvi_leaf(u64 hpa, u32 rights, u32 level)
{
	(void)level;
	return hpa | ENTRY_PRESENT | (rights & SLAT_READ ? ENTRY_READ : 0) |
	       (rights & SLAT_WRITE ? ENTRY_WRITE : 0);
}

static u64 amdvi_table(u64 hpa, u32 level)
{
	return hpa | ENTRY_PRESENT | ENTRY_NEXT(level - 1) | ENTRY_READ | ENTRY_WRITE;
}

static const struct iommu_format amdvi_format = {amdvi_leaf, amdvi_table};

const struct iommu_driver amdvi_driver = {
	.name = "AMD-Vi",
	.signature = "IVRS",
	.pages = TABLE_PAGES + 2,
	.format = &amdvi_format,
	.probe = amdvi_probe,
	.enable = amdvi_enable,
	.last_register = amdvi_last_register,
	.report = amdvi_report,
};
