/* SPDX-License-Identifier: MIT */
/* Which hypapps there are, in the order in which they are asked. */
#include "hv/hypapp.h"

extern const struct hypapp stats_hypapp;
extern const struct hypapp gdb_hypapp;

const struct hypapp *const hypapp_list[] = {
	&stats_hypapp,
	&gdb_hypapp,
	NULL,
};
