/* SPDX-License-Identifier: MIT */
#ifndef CORE_EXIT_H
#define CORE_EXIT_H

#include "hv/exit.h"
#include "hv/vcpu.h"

/* Deal with one exit: log, hypapps, Lamina's handler, RIP. */
void exit_dispatch(struct vcpu *v, const struct exit *x);

#endif
