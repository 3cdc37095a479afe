/* SPDX-License-Identifier: MIT */
#ifndef TEST_INJECT_PROBE_H
#define TEST_INJECT_PROBE_H

/* Option inject=, in the order of its words */
enum {
	INJECT_OFF,
	INJECT_CR4_LEAK,
	INJECT_CR0_LEAK,
	INJECT_EXTRA_EXIT,
	INJECT_SHADOW_STALE,
	INJECT_MASK_LOST,
	INJECT_HW_CHANGED,
	INJECT_PROBE_CR4_LEAK,
	INJECT_PROBE_CR0_LEAK,
	INJECT_PROBE_EXTRA,
	INJECT_PROBE_HW
};

/* CPU 0, before the probe. */
void inject_probe_init(void);

#endif
