/* SPDX-License-Identifier: MIT */
/* The stub for gdb: it waits on a UART, which the guest does not see, while a CPU of the guest
 * stands still. */
#ifndef GDB_STUB_H
#define GDB_STUB_H

#include "hypapp/gdb/gdb.h"

/* Reads the options and sets up the UART. Bring-up. */
bool stub_init(void);
bool stub_has_port(void);

/* A stop is for gdb: it is connected, or break.action=wait. */
bool stub_wanted(void);

/* Tell gdb why the CPU stands still, and do what it says until the guest is to go on. */
void stub_stop(struct vcpu *v, enum stop why);

/* Has gdb something to say to the running guest (^C, or a first packet)? In an exit. */
bool stub_interrupts(struct vcpu *v);

/* The guest's access to the UART's ports: none there. */
enum exit_answer stub_port_exit(struct vcpu *v, const struct exit *x);

#endif
