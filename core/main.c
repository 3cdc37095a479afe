/* SPDX-License-Identifier: MIT */
/*
 * The BSP's way from GRUB to the guest, as a table of contents. Whatever keeps us from virtualizing
 * ends in start_bare: the machine's own system boots without us. Only a loader that tells us
 * nothing usable is fatal.
 */
#include "core/main.h"

#include "boot/boot_guest.h"
#include "boot/boot_low.h"
#include "boot/boot_mb.h"
#include "core/claim.h"
#include "core/core.h"
#include "core/cr.h"
#include "core/mp.h"
#include "core/msr.h"
#include "core/mtrr.h"
#include "core/page.h"
#include "core/panic.h"
#include "core/port.h"
#include "core/probe.h"
#include "core/serial.h"
#include "core/sipi.h"
#include "core/slat.h"
#include "core/trap.h"
#include "core/version.h"
#include "core/virtualize.h"
#include "hv/hypapp.h"
#include "iommu/iommu.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "x86/cpuid.h"
#include "x86/insn.h"
#include "x86/msr.h"

#define MB_INFO_MAX MiB(1)

struct machine machine;

static void warn(void *ctx, const char *line)
{
	(void)ctx;
	say("warning: %s", line);
}

/* The first reading only finds out where the warnings go. */
static void ignore(void *ctx, const char *line)
{
	(void)ctx;
	(void)line;
}

static err_t read_boot_info(u32 magic, u32 info)
{
	err_t err = boot_mb_parse(magic, phys_ptr(info), MB_INFO_MAX, phys_map, &machine.boot);

	if (err)
		return err;
	options_parse(machine.boot.cmdline, &machine.opt, ignore, NULL);
	serial_init((u16)machine.opt.serial);
	say(LAMINA_VERSION_TEXT " by %s: %s", machine.boot.loader, machine.boot.cmdline);
	options_parse(machine.boot.cmdline, &machine.opt, warn, NULL);
	return OK;
}

/* The RSDP: from the loader, else where a BIOS puts it (ACPI specification 6.4, 5.2.5.1). */
static bool find_rsdp(u8 rsdp[ACPI_RSDP_BYTES])
{
	u64 ebda = (u64) * (u16 *)phys_ptr(0x40e) << 4;
	const u64 place[][2] = {{ebda, 1024}, {0xe0000, 0x20000}};

	if (machine.boot.has_rsdp) {
		memcpy(rsdp, machine.boot.rsdp, ACPI_RSDP_BYTES);
		return true;
	}
	for (u32 i = 0; i < ARRAY_SIZE(place); i++) {
		size_t at = acpi_rsdp_find(phys_ptr(place[i][0]), place[i][1]);

		if (at != SIZE_MAX) {
			memcpy(rsdp, phys_ptr(place[i][0] + at), ACPI_RSDP_BYTES);
			return true;
		}
	}
	return false;
}

/* Without ACPI the machine has one CPU and no power switch we know of. */
static void find_cpus(void)
{
	err_t err = find_rsdp(machine.rsdp) ? OK : "no ACPI tables";

	if (!err)
		err = acpi_madt_cpus(machine.rsdp, phys_map, &machine.cpus);
	if (err) {
		say("warning: %s; taking one CPU", err);
		machine.cpus.count = 0;
		return;
	}
	if (acpi_fadt(machine.rsdp, phys_map, &machine.pm))
		machine.pm.pm1a_cnt = 0;
}

static void find_ram_top(void)
{
	const struct mem_map *m = &machine.boot.map;

	for (u32 i = 0; i < m->count; i++)
		if (m->range[i].type == E820_RAM &&
		    m->range[i].base + m->range[i].size > machine.ram_top)
			machine.ram_top = m->range[i].base + m->range[i].size;
	machine.phys_bits =
		cpuid(0x80000000, 0).eax >= 0x80000008 ? cpuid(0x80000008, 0).eax & 0xff : 36;
}

static err_t prepare_slat(void)
{
	struct mtrr_state mtrr;
	err_t err;

	mtrr_read(&mtrr);
	err = slat_init(backend->slat, &mtrr, machine.ram_top, machine.phys_bits);
	if (!err)
		err = slat_hide(machine.hv_base, machine.hv_size);
	return err ? err : slat_write_protect(machine.low_base);
}

/* Everything but the guest's first state. On an error all CPUs are as they were. */
static err_t prepare(void)
{
	err_t err = claim_cpus();

	if (err)
		return err;
	trap_cpu_init(pcpus[0]);
	mp_publish_apic(pcpus[0]);
	probe_init();
	err = prepare_slat();
	if (!err)
		err = virtualize_prepare(pcpus[0]);
	if (err)
		return err;
	cr_init();
	backend->slat_root(&pcpus[0]->vcpu, slat_root());
	msr_trap_init();
	port_trap_power(true);
	sipi_init();
	err = hypapps_init(cpu_count);
	if (!err)
		err = mp_start_aps();
	if (!err)
		err = virtualize_ap_error();
	if (err) {
		mp_release_aps();
		backend->disable(&pcpus[0]->vcpu);
	}
	return err;
}

_Noreturn static void start_bare(err_t why)
{
	say("cannot virtualize: %s; the system starts bare", why);
	boot_guest_bare();
}

/* Runs in the image's last place. */
_Noreturn static void main_moved(void)
{
	err_t err = prepare();

	if (err)
		start_bare(err);
	say("%u CPUs, %s, CPUs are started by %s", cpu_count, backend->name,
	    machine.sipi_icr ? "trapped ICR writes" : "INIT and SIPI exits");
	probe_run(&pcpus[0]->vcpu);
	iommu_protect(); /* the probe's pages too */
	cr_judge_start();
	boot_guest_virtual(&pcpus[0]->vcpu);
	hypapp_started(&pcpus[0]->vcpu);
	virtualize_run(pcpus[0]);
}

void hv_main(u32 magic, u32 info)
{
	static const void *no_pcpu; /* what gs_self() finds until there is one */
	err_t err;

	wrmsr(MSR_GS_BASE, (uintptr_t)&no_pcpu);
	options_parse("", &machine.opt, ignore, NULL);
	serial_init((u16)machine.opt.serial);
	err = read_boot_info(magic, info);
	if (err)
		panic("%s", err);
	find_ram_top();
	machine.guest_map = machine.boot.map;
	err = boot_guest_prepare();
	if (err)
		panic("%s", err);
	if (machine.opt.vmx == OPT_VMX_OFF)
		boot_guest_bare();
	find_cpus();
	err = backend_choose();
	if (!err)
		err = claim_memory();
	if (err)
		start_bare(err);
	main_moved();
}
