/* SPDX-License-Identifier: MIT */
/*
 * The one guarded port is ACPI's PM1 control register: setting SLP_EN there is the guest's
 * power-off or suspend, and our last chance to speak (ACPI specification 6.4, 4.8.3.2.1).
 */
#include "core/port.h"

#include "core/core.h"
#include "core/exit_handlers.h"
#include "core/serial.h"
#include "core/page.h"
#include "core/suspend.h"
#include "core/trace.h"
#include "core/world.h"
#include "hv/hypapp.h"
#include "iommu/iommu.h"
#include "lib/fmt.h"
#include "x86/insn.h"

#define PM1_SLP_EN	  BIT(5) /* of its second byte */
#define PM1_SLP_TYP(byte) ((byte) >> 2 & 7)
#define REPORTS		  4u /* of a guest that stays on */

static u32 port_in(u16 port, u32 size)
{
	if (size == 1)
		return inb(port);
	return size == 2 ? inw(port) : inl(port);
}

static void port_out(u16 port, u32 size, u32 value)
{
	if (size == 1)
		outb(port, (u8)value);
	else if (size == 2)
		outw(port, (u16)value);
	else
		outl(port, value);
}

static void report(void)
{
	if (atomic_fetch_add(&machine.reports, 1) >= REPORTS)
		return;
	say("power-off at tick %" FMT64 "u, guest started at tick %" FMT64 "u", rdtsc(),
	    machine.start_tsc);
	say("memory used: %u KiB of %u KiB", (u32)(page_used() / 1024),
	    (u32)(machine.hv_size / 1024));
	hypapps_report(say_line);
	iommu_report(say_line);
}

/* The register's second byte, where SLP_EN is set in it; else 0. */
static u8 slp_en(const struct exit *x, u32 value)
{
	u8 byte = 0;

	if (machine.pm.pm1a_cnt)
		port_byte(x, value, machine.pm.pm1a_cnt + 1, &byte);
	return byte & PM1_SLP_EN ? byte : 0;
}

enum exit_answer exit_port(struct vcpu *v, const struct exit *x)
{
	u32 size = x->port.size;
	u64 mask = size == 4 ? 0xffffffff : BIT(8 * size) - 1;
	u64 rax = v->gpr[GPR_RAX];
	bool suspend, stopped = false;
	u8 slp;

	/* on VT-x one that ends behind FFFFh exits for good (Intel SDM vol. 3C, 26.1.3) */
	if (x->port.string)
		return x->port.port + size <= 0x10000 && ports_open(x) ? EXIT_RETRY : inject_gp(v);
	if (x->port.in) {
		u32 value = port_in(x->port.port, size);

		/* a 32-bit result clears the upper half of RAX, smaller ones leave the rest alone
		 */
		v->gpr[GPR_RAX] = size == 4 ? value : (rax & ~mask) | (value & mask);
		return EXIT_ADVANCE;
	}
	slp = slp_en(x, (u32)(rax & mask));
	suspend = slp && suspend_prepare(v, PM1_SLP_TYP(slp));
	if (slp && !suspend)
		report();
	/* a suspend too: the memory stays, and the guest has its ways to wake without us */
	if (slp || guard_sees_reset(x, (u32)rax))
		stopped = hypapps_wipe(v);
	port_out(x->port.port, size, (u32)rax);
	if (suspend)
		suspend_wait(v);
	if (stopped)
		world_go(v);
	return EXIT_ADVANCE;
}

void port_trap_power(bool on)
{
	for (u32 i = 0; machine.pm.pm1a_cnt && i < 2; i++)
		backend->trap_port((u16)(machine.pm.pm1a_cnt + i), on);
}
