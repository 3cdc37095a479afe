/* SPDX-License-Identifier: MIT */
#ifndef TESTKERNEL_GROUPS_H
#define TESTKERNEL_GROUPS_H

#include "hv/types.h"

#define GROUP(name, by_default) void group_##name(void);
#include "groups.def"
#undef GROUP

/* `expect=lamina` or `expect=bare` on the command line: what the probe must find; else either. */
enum expect { EXPECT_ANY, EXPECT_LAMINA, EXPECT_BARE };

extern enum expect expect;

/* Checks that every CPU is bare, or that every CPU is in Lamina's guest mode under an index of its
 * own. Part of every case after which a CPU could have escaped. */
void probe_all(void);

#endif
