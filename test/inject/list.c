/* SPDX-License-Identifier: MIT */
/* In place of hypapp/list.c. */
#include "hv/hypapp.h"

extern const struct hypapp inject_hypapp, stats_hypapp;

const struct hypapp *const hypapp_list[] = {
	&inject_hypapp,
	&stats_hypapp,
	NULL,
};
