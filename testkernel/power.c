/* SPDX-License-Identifier: MIT */
#include "testkernel/power.h"
#include "testkernel/acpi.h"
#include "testkernel/asm.h"
#include "testkernel/console.h"

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
