/* SPDX-License-Identifier: MIT */
#include "core/exit_names.h"

#include "hv/exit.h"

const char *exit_name(u32 kind)
{
	static const char *const name[EXIT_KINDS] = {
#define EXIT_KIND(n, text) #n,
#include "hv/exit_kinds.def"
#undef EXIT_KIND
	};

	return kind < EXIT_KINDS ? name[kind] : "?";
}
