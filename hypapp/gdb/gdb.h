/* SPDX-License-Identifier: MIT */
/* What the files of the hypapp gdb share: breakpoints, and the stub for gdb. */
#ifndef GDB_GDB_H
#define GDB_GDB_H

#include "hv/exit.h"
#include "hv/types.h"
#include "hv/vcpu.h"

/* Why a CPU stops. */
enum stop { STOP_BREAK, STOP_START, STOP_STEP, STOP_INTERRUPT };

/* What it does next. */
enum resume { RESUME_RUN, RESUME_STEP };

/* gdb.c: have the CPU stop behind its next instruction. On that CPU. */
void gdb_step_next(struct vcpu *v);

/* report.c: the CPU's registers and each CPU's CR0 and CR4, on the console. Stops the world
 * meanwhile. */
void report(struct vcpu *v, enum stop why);

struct cr_report {
	u64 hw[2], owned[2], shadow[2]; /* of CR0 and CR4 */
	bool valid;
};

/* The control registers of any CPU; not valid: it cannot be asked. */
struct cr_report cr_report_of(struct vcpu *v, u32 cpu);
void cr_report_text(const struct cr_report *r, u32 cpu, char *line, size_t size);

/* From now on every exit is looked at. Any CPU, also in init. */
void gdb_enable(void);

#endif
