/* SPDX-License-Identifier: MIT */
/* What goes on beside the cases, and what must hold after them. */
#ifndef TESTKERNEL_FUZZ_WATCH_H
#define TESTKERNEL_FUZZ_WATCH_H

#include "testkernel/fuzz/gen.h"

#define VEC_TICK 0xef

/* Once, before the first case: learns where Lamina is. */
void watch_init(void);

/* The calling CPU's local APIC as the cases want it: a timer that ends what runs too long. */
void watch_restart(void);

/* Now and then other hidden pages behind ARENA_HIDDEN, and interrupts and NMIs for any CPU. NMIs go
 * only to a CPU whose case stays in long mode. */
void watch_disturb(const struct fuzz_case *c, u64 number);

/* The calling CPU's case has ended by an NMI. */
void watch_had_nmi(void);

/* Waits for a CPU's batch, however long it takes as long as it goes on. */
void watch_finish(u32 cpu);

/* Checks, while no other CPU runs cases: every CPU is on Lamina, which blames itself for nothing,
 * and sees nothing of its memory. */
void watch_lamina(void);

/* The local APICs as they were. */
void watch_end(void);

/* Seconds by the real-time clock. */
void watch_start_clock(void);
u64 watch_seconds(void);

#endif
