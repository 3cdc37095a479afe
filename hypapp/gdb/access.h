/* SPDX-License-Identifier: MIT */
/* gdb's packets that read and write registers and memory of a CPU, which is asked where it is. Each
 * sends its answer. On the stopped CPU. */
#ifndef GDB_ACCESS_H
#define GDB_ACCESS_H

#include "hv/vcpu.h"

#define ACCESS_MAX 1024u /* bytes that one packet reads or writes */

/* g, G: all registers; those that cannot be set stay as they are. */
void access_read_regs(struct vcpu *v, u32 cpu);
void access_write_regs(struct vcpu *v, u32 cpu, const char *s);
/* p, P */
void access_reg(struct vcpu *v, u32 cpu, const char *s, bool write);
/* m, M; physical: the address is guest-physical. */
void access_memory(struct vcpu *v, u32 cpu, const char *s, bool write, bool physical);

#endif
