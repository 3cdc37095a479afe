/* SPDX-License-Identifier: MIT */
#ifndef HYPAPP_SERVICE_TIMER_H
#define HYPAPP_SERVICE_TIMER_H

#include "hv/exit.h"
#include "hv/types.h"
#include "hv/vcpu.h"

/* None is set any more, on any CPU; while no other CPU runs. */
void timer_forget(void);

/* At each exit of v, on its CPU: is it time for on_timer? */
bool timer_is_due(struct vcpu *v, const struct exit *x);

#endif
