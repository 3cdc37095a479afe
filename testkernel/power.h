/* SPDX-License-Identifier: MIT */
/* How the run ends: by the word off= on the command line. */
#ifndef TESTKERNEL_POWER_H
#define TESTKERNEL_POWER_H

#include "hv/types.h"

enum power_off_way {
	OFF_BOCHS, /* off=bochs, the default: "Shutdown" to port 8900h */
	OFF_ACPI,  /* off=acpi: S5 by PM1a_CNT, sleep type 0 */
	OFF_QEMU,  /* off=qemu: isa-debug-exit at port F4h */
	OFF_APM,   /* off=apm: INT 15h AX=5307h of the firmware; by CPU 0 */
};

extern enum power_off_way power_off_way;

/* Waits for the console, then ends the run. */
_Noreturn void power_off(void);

/* The two resets of the shutdown group: three faults at once, and the keyboard controller. */
_Noreturn void power_triple_fault(void);
_Noreturn void power_reset_8042(void);

#endif
