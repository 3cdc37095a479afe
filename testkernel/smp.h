/* SPDX-License-Identifier: MIT */
/*
 * Starting CPUs and giving them work. An idle CPU halts with interrupts enabled and is woken by
 * VEC_WAKE; work runs with interrupts disabled.
 */
#ifndef TESTKERNEL_SMP_H
#define TESTKERNEL_SMP_H

#include "testkernel/cpu.h"

/* Turns of a waiting loop after which the awaited thing has failed to happen: seconds on any
 * machine. */
#define WAIT_TURNS 8000000u

/* Waits for a condition; false: it did not come true. */
#define wait_for(condition)                      \
	({                                       \
		u32 turns_ = WAIT_TURNS;         \
		while (!(condition) && --turns_) \
			cpu_pause();             \
		turns_ != 0;                     \
	})

/* Takes the CPUs that ACPI names, this one first, and makes this one CPU 0. */
void smp_init(void);

/* Prepares the page `vector` << 12 for CPUs to start at. */
struct ap_params *smp_trampoline(u8 vector, enum ap_path path);

/* INIT and SIPI to one CPU, from the calling CPU; false: it did not come up. */
bool smp_restart(u32 index);

/* The pause between INIT and SIPI: long enough for the INIT to be taken. */
void smp_settle(void);

/* Gives a CPU work; the caller may go on. Never for the calling CPU. */
void start_on(u32 index, work_fn fn, void *arg);

/* Waits for what start_on() gave; ends the run if the CPU does not finish. */
void finish_on(u32 index);

/* Runs fn on the CPU, which may be the caller's, and waits. */
void run_on(u32 index, work_fn fn, void *arg);

/* Runs fn on one CPU after the other, from 0 up. */
void on_each_cpu(work_fn fn, void *arg);

/* Called by trampoline.S: the stack for the CPU that holds the token of `page`; then its life. */
u64 ap_claim(u64 page);
_Noreturn void ap_main(void);

#endif
