/* SPDX-License-Identifier: MIT */
/* The ends that only=triple and only=reset ask for: the machine resets, so the plan comes first. */
#include "testkernel/console.h"
#include "testkernel/groups.h"
#include "testkernel/power.h"
#include "testkernel/tap.h"

void group_triple(void)
{
	note("a triple fault follows");
	tap_end();
	power_triple_fault();
}

void group_reset(void)
{
	note("a reset by the keyboard controller follows");
	tap_end();
	power_reset_8042();
}
