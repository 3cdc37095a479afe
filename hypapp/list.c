/* SPDX-License-Identifier: MIT */
/* Which hypapps there are, in the order in which they are asked. */
#include "hv/hypapp.h"

#define HYPAPPS          \
	HYPAPP(stats)    \
	HYPAPP(hello)    \
	HYPAPP(crwatch)  \
	HYPAPP(msrwatch) \
	HYPAPP(vault)    \
	HYPAPP(gdb) HYPAPP(wx) HYPAPP(syscalls) HYPAPP(step) HYPAPP(info) HYPAPP(trace)
#include "hv/hypapp_list.def"
