/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_LAMINACTL_H
#define TOOLS_LAMINACTL_H

#include "tools/lamina_dev.h"

/* The command `vault`: a demonstration that checks itself. Exit code. */
int ctl_vault(const cpu_set_t *online);

/* The command `hold`: keeps one until it is killed. */
int ctl_hold(const cpu_set_t *online);

/* The command `init`: a CPU is started anew while it is in a vault. Linux cannot go on for long;
 * this neither, as one of its threads was there. */
int ctl_init(const cpu_set_t *online);

/* The command `trace`: what the rings of all CPUs hold, in text, as Lamina writes it at power-off
 * (doc/trace-format.md). Exit code. */
int ctl_trace(const cpu_set_t *online);

#endif
