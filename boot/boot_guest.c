/* SPDX-License-Identifier: MIT */
#include "boot/boot_guest.h"

#include "boot/boot_guest_linux.h"
#include "boot/boot_low.h"
#include "core/core.h"
#include "core/cr.h"
#include "core/page.h"
#include "core/reset.h"
#include "core/serial.h"
#include "hv/hypercall.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "x86/cr.h"
#include "x86/insn.h"
#include "x86/seg.h"

#define BOOT_SECTOR_PA	  0x7c00
#define BOOT_SECTOR_BYTES 512
/* The BIOS data area's inter-application bytes: a boot loader that runs as guest finds us there. */
#define BDA_APPLICATION 0x4f0

static struct low_linux linux_start;

static void boot_drive_instead(err_t why)
{
	say("%s; booting drive 0x%x instead", why, machine.opt.drive);
	machine.opt.guest = OPT_GUEST_BIOS;
	machine.boot.module_count = 0;
}

err_t boot_guest_prepare(void)
{
	err_t err = boot_low_init(&machine.boot.map);

	if (!err && machine.opt.guest == OPT_GUEST_LINUX) {
		err_t no_linux = boot_linux_check();

		if (no_linux)
			boot_drive_instead(no_linux);
	}
	return err;
}

/* The boot sector from the module, or none: then the code in the low page reads it. */
static void load_drive(void)
{
	const struct boot_module *m = &machine.boot.module[0];
	bool loaded = machine.boot.module_count && m->size == BOOT_SECTOR_BYTES;

	if (machine.boot.module_count && !loaded)
		say("warning: module 1 is no 512-byte boot sector; reading the drive's own");
	if (loaded)
		memmove(phys_ptr(BOOT_SECTOR_PA), phys_ptr(m->base), BOOT_SECTOR_BYTES);
	boot_low_set_drive((u8)machine.opt.drive, loaded);
}

/* Load the guest where it starts from. */
static void load(void)
{
	if (machine.opt.guest == OPT_GUEST_LINUX) {
		err_t no_linux = boot_linux_load(&linux_start);

		if (no_linux)
			boot_drive_instead(no_linux);
	}
	if (machine.opt.guest == OPT_GUEST_BIOS)
		load_drive();
	machine.start_tsc = rdtsc();
	say("guest %s starts at tick %" FMT64 "u",
	    machine.opt.guest == OPT_GUEST_LINUX ? "linux" : "bios", machine.start_tsc);
}

/* The Linux/x86 Boot Protocol, "32-bit boot protocol". */
static void enter_linux(struct vcpu *v)
{
	u32 limit;

	reset_init(v);
	cr_reset(v, CR0_PE | CR0_ET, 0);
	set_flat_segments(v, 0x10, 0x18);
	backend->state_set(v, REG_GDTR_BASE, boot_low_linux_gdt(&limit));
	backend->state_set(v, REG_GDTR_LIMIT, limit);
	backend->state_set(v, REG_RIP, linux_start.entry);
	v->gpr[GPR_RSI] = linux_start.params;
	v->gpr[GPR_RDX] = 0;
}

static void enter_bios(struct vcpu *v)
{
	u16 cs, ip;

	boot_low_drive_entry(&cs, &ip);
	reset_real_mode(v, cs, ip);
	*(volatile u32 *)phys_ptr(BDA_APPLICATION) = HC_PROBE_ANSWER;
}

void boot_guest_virtual(struct vcpu *v)
{
	load();
	if (machine.opt.guest == OPT_GUEST_LINUX)
		enter_linux(v);
	else
		enter_bios(v);
}

void boot_guest_bare(void)
{
	load();
	boot_low_leave(machine.opt.guest == OPT_GUEST_LINUX ? &linux_start : NULL);
}
