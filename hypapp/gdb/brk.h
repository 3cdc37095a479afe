/* SPDX-License-Identifier: MIT */
/*
 * Where the guest is to stop: linear addresses, and the physical pages from which execution is
 * refused for them. A page is found by way of the tables that a CPU has when it exits; a breakpoint
 * keeps the last few, as processes and modes have their own.
 */
#ifndef GDB_BRK_H
#define GDB_BRK_H

#include "hv/types.h"
#include "hv/vcpu.h"

#define BRK_MAX	  32u
#define BRK_PAGES 4u
#define BRK_ALL	  0xffffu /* every CPU */

/* Who set it: each has its own, so that they may be at one address. */
enum brk_owner { BRK_FREE, BRK_BY_OPTION, BRK_BY_GDB, BRK_BY_STEP, BRK_BY_RANGE };

/* False: there are BRK_MAX. v may be NULL before the guest runs. */
bool brk_add(struct vcpu *v, enum brk_owner owner, u64 linear, u32 cpu);
/* False: there is none like it. */
bool brk_remove(struct vcpu *v, enum brk_owner owner, u64 linear, u32 cpu);
void brk_remove_all(struct vcpu *v, enum brk_owner owner);

/* Find the pages by the tables of this CPU, and refuse their execution. In an exit. */
void brk_follow(struct vcpu *v);

/* Is there a breakpoint for this CPU at the address? BRK_BY_STEP and BRK_BY_RANGE, where
 * nobody stops, only if there is no other. */
enum brk_owner brk_at(struct vcpu *v, u64 linear);
/* Is execution of the guest-physical page refused for one? */
bool brk_on_page(u64 page);

#endif
