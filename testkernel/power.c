/* SPDX-License-Identifier: MIT */
#include "testkernel/power.h"
#include "testkernel/acpi.h"
#include "testkernel/asm.h"
#include "testkernel/console.h"
#include "testkernel/realmode.h"
#include "testkernel/tap.h"

#define PORT_BOCHS_SHUTDOWN 0x8900
#define PORT_QEMU_EXIT	    0xf4
#define PORT_8042_COMMAND   0x64
#define RESET_8042	    0xfe

#define SLP_EN 0x2000

enum power_off_way power_off_way;

static _Noreturn void halt(void)
{
	for (;;)
		cpu_halt();
}

/* As systems without ACPI do it: connect to the real-mode interface, ask for version 1.2, which
 * alone has the off state, enable power management, and switch all devices off (APM BIOS
 * specification 1.2). */
static void apm_off(void)
{
	static const struct rm_regs calls[] = {
		{.eax = 0x5301},
		{.eax = 0x530e, .ecx = 0x0102},
		{.eax = 0x5308, .ebx = 1, .ecx = 1},
		{.eax = 0x5307, .ebx = 1, .ecx = 3},
	};

	for (u32 i = 0; i < ARRAY_SIZE(calls); i++) {
		struct rm_regs r = calls[i];

		realmode_int(0x15, &r);
		note("APM: INT 15h AX=%x: AX %x flags %x", calls[i].eax, r.eax, r.eflags);
		console_drain();
	}
}

void power_off(void)
{
	tk_cli();
	console_drain();
	switch (power_off_way) {
	case OFF_BOCHS:
		for (const char *p = "Shutdown"; *p; p++)
			outb(PORT_BOCHS_SHUTDOWN, (u8)*p);
		break;
	case OFF_ACPI: outw(acpi.pm1a_cnt, SLP_EN); break;
	case OFF_QEMU: outb(PORT_QEMU_EXIT, 0); break;
	case OFF_APM: apm_off(); break;
	}
	halt();
}

void power_triple_fault(void)
{
	static const struct desc_ptr none = {0, 0};

	console_drain();
	lidt(&none);
	__builtin_trap();
}

void power_reset_8042(void)
{
	console_drain();
	outb(PORT_8042_COMMAND, RESET_8042);
	halt();
}
