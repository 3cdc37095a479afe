/* SPDX-License-Identifier: MIT */
/* The values of the hypapp's options. Pure. */
#ifndef GDB_OPTION_H
#define GDB_OPTION_H

#include "hv/types.h"

struct break_option {
	bool has_address;
	bool at_start; /* at the first instruction after a SIPI, too */
	u64 linear;
	u32 cpu; /* BRK_ALL or an index */
};

/* ADDR[@CPU|@all|@sipi] or sipi, up to a comma, a plus sign or the end; ADDR in hexadecimal, 0x or
 * not. Returns the bytes used, the separator among them; 0: malformed. */
size_t option_break(const char *s, size_t len, struct break_option *out);

/* com1, com2 or 0xPORT; 0: off, or none of these. */
u16 option_port(const char *s, size_t len);

#endif
