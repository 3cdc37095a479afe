/* SPDX-License-Identifier: MIT */
/* What gdb asks for, packet by packet (gdb manual, appendix E), while a CPU of the guest is
 * stopped. */
#ifndef GDB_COMMAND_H
#define GDB_COMMAND_H

#include "hypapp/gdb/gdb.h"
#include "hypapp/gdb/packet.h"

/* gdb has sent packets, and has not gone. */
bool command_connected(void);
/* Other CPUs stand still while one is stopped (`monitor others`). */
bool command_stops_others(void);

/* How the guest is to go on: the CPU (index + 1) that makes one step, and the only one that runs;
 * 0: none, all. */
struct command_resume {
	u32 step, next;
};

/* Do what gdb says until the guest is to go on. One CPU at a time. */
struct command_resume command_stopped(struct vcpu *v, enum stop why);
/* Have the CPUs go on as gdb has said. Other CPUs may be in command_stopped. */
void command_resume(struct vcpu *v, struct command_resume r);

/* Is what came from gdb a reason to stop the guest? */
bool command_wanted(enum packet_event e);

/* monitor.c: a line for Lamina itself. */
void monitor(struct vcpu *v, const char *line);
/* `monitor others`, `monitor memory`. */
void command_set_others(bool stop);
void command_set_physical(bool physical);

#endif
