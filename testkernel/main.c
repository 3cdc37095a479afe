/* SPDX-License-Identifier: MIT */
/*
 * The test kernel: one image that runs bare, as Lamina's guest, and on any other platform, and
 * prints what it found. Options: only=GROUP, skip=GROUP[+GROUP]..., off=bochs|acpi|qemu|apm,
 * expect=lamina|bare.
 */
#include "testkernel/acpi.h"
#include "testkernel/console.h"
#include "testkernel/groups.h"
#include "testkernel/mb2.h"
#include "testkernel/power.h"
#include "testkernel/quirks.h"
#include "testkernel/smp.h"
#include "testkernel/tap.h"
#include "x86/msr.h"
#include "lib/string.h"

#define PIC1_DATA 0x21
#define PIC2_DATA 0xa1

struct group {
	const char *name;
	void (*run)(void);
	bool by_default;
};

static const struct group groups[] = {
#define GROUP(name, by_default) {#name, group_##name, by_default},
#include "groups.def"
#undef GROUP
};

enum expect expect;

void kmain(u32 magic, const void *info);

static bool is_word(const char *key, const char *word)
{
	char value[16];

	return mb2_option(key, value, sizeof(value)) && !strcmp(value, word);
}

static void read_options(void)
{
	char value[16];

	if (mb2_option("off", value, sizeof(value))) {
		if (!strcmp(value, "acpi"))
			power_off_way = OFF_ACPI;
		else if (!strcmp(value, "qemu"))
			power_off_way = OFF_QEMU;
		else if (!strcmp(value, "apm"))
			power_off_way = OFF_APM;
		else if (strcmp(value, "bochs"))
			panic("off=%s is unknown: bochs, acpi, qemu or apm", value);
	}
	if (is_word("expect", "lamina"))
		expect = EXPECT_LAMINA;
	else if (is_word("expect", "bare"))
		expect = EXPECT_BARE;
	else if (mb2_option("expect", value, sizeof(value)))
		panic("expect=%s is unknown: lamina or bare", value);
}

static void check_low_memory(void)
{
	if (!mem_map_sanitize(&mb2.map) ||
	    !mem_map_is_ram(&mb2.map, PAGE_SIZE, LOW_USED_END - PAGE_SIZE))
		panic("the memory from 1000h to %xh is not free", LOW_USED_END);
}

static void start_cpus(void)
{
	tap_group("smp");
	for (u32 i = 1; i < cpu_count; i++)
		if (!smp_restart(i))
			panic("cpu %u, APIC ID %u, did not start", i, cpus[i].apic_id);
	check(acpi.cpus <= MAX_CPUS, "%u CPUs, more than %u", acpi.cpus, MAX_CPUS);
	tap("all %u CPUs start", cpu_count);
}

/* Is the word one of those that are joined by '+'? */
static bool is_listed(const char *list, const char *word)
{
	size_t n = strlen(word);

	while (*list) {
		if (!strncmp(list, word, n) && (!list[n] || list[n] == '+'))
			return true;
		while (*list && *list++ != '+')
			;
	}
	return false;
}

static void run_groups(void)
{
	char only[16] = "", skip[80] = "";
	bool all = !mb2_option("only", only, sizeof(only));
	bool any = false;

	mb2_option("skip", skip, sizeof(skip));
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		if (all ? !groups[i].by_default : strcmp(only, groups[i].name))
			continue;
		if (is_listed(skip, groups[i].name))
			continue;
		any = true;
		tap_group(groups[i].name);
		groups[i].run();
	}
	if (!any)
		panic("only=%s is no group", only);
}

void kmain(u32 magic, const void *info)
{
	cpus[0].self = &cpus[0];
	wrmsr(MSR_GS_BASE, (uintptr_t)&cpus[0]);
	console_init();
	print("TAP version 13\n");
	if (!mb2_init(magic, info))
		panic("no Multiboot2 loader, or more information than fits");
	outb(PIC1_DATA, 0xff);
	outb(PIC2_DATA, 0xff);
	idt_build();
	if (!acpi_init(mb2.rsdp))
		panic("no ACPI tables that name the CPUs");
	smp_init();
	note("%u CPUs, command line: %s", cpu_count, mb2.cmdline);
	read_options();
	quirks_init();
	check_low_memory();
	start_cpus();
	run_groups();
	tap_end();
	power_off();
}
