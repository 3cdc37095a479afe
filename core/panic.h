/* SPDX-License-Identifier: MIT */
/* The end: say what happened with all evidence, stop every CPU. For faults of Lamina's own, and on
 * request (boot option shutdown=panic). */
#ifndef CORE_PANIC_H
#define CORE_PANIC_H

#include "core/trap.h"
#include "hv/types.h"

/* Any CPU, any context. */
_Noreturn void panic(const char *f, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void panic_trap(const struct trap_frame *f);

#endif
