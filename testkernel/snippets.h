/* SPDX-License-Identifier: MIT */
#ifndef TESTKERNEL_SNIPPETS_H
#define TESTKERNEL_SNIPPETS_H

#include <hv/types.h>

struct snippet {
	u8 size; /* bytes */
	u8 code[];
};

#define SNIPPET(name, text) extern const struct snippet snip_##name;
#include "snippets.def"
#undef SNIPPET

#endif
