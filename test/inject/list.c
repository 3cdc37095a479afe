/* SPDX-License-Identifier: MIT */
/* In place of hypapp/list.c. */
#include "hv/hypapp.h"

#define HYPAPPS \
	HYPAPP(inject) HYPAPP(secret) HYPAPP(secret_kept) HYPAPP(stats) HYPAPP(info) HYPAPP(trace)
#include "hv/hypapp_list.def"
