/* SPDX-License-Identifier: MIT */
/*
 * One CPU and all the others: to stop them, to have one of them do something, to make all forget
 * translations. All calls are for a CPU that is in an exit; they wait for the others, which are
 * kicked by NMI and so come whatever their guest does, and serve what others ask meanwhile. A CPU
 * that is no more in Lamina's hands (a panic, a revival under way) is not waited for.
 */
#ifndef HV_WORLD_H
#define HV_WORLD_H

#include "hv/types.h"
#include "hv/vcpu.h"

/* All other CPUs stand still between two guest instructions when this returns, until world_go. Of
 * two CPUs that call it at once the second stands still first. The holder may go into its guest. */
void world_stop(struct vcpu *v);
void world_go(struct vcpu *v);
/* Is the world stopped, and for this CPU? */
bool world_is_mine(struct vcpu *v);
/* The holder hands the stopped world on, and stands still until its turn comes. */
void world_pass(struct vcpu *v, u32 cpu);

/* Run fn(its vcpu, arg) on that CPU and return when it has. False: it cannot be reached. fn must
 * not call any function of this header. */
bool world_call(struct vcpu *v, u32 cpu, void (*fn)(struct vcpu *v, void *arg), void *arg);

/* To be called again and again where a hypapp waits, as for a lock or for input: what others ask of
 * this CPU is done. */
void world_serve(struct vcpu *v);

#endif
