/* SPDX-License-Identifier: MIT */
/*
 * The values of cr0.own and cr4.own: TERM[+TERM]...[@CPU], where a term is
 *   min     what must be owned and no more
 *   all     every bit
 *   pg      CR0.PG (cr0.own only)
 *   none    of what must be owned only what the hardware forces; bits whose features Lamina hides
 * are then the guest's 0xMASK  these bits WP ...  a bit by its name in the manuals
 */
#ifndef CORE_OPTION_CR_H
#define CORE_OPTION_CR_H

#include "core/options.h"

/* Sets the wish of all CPUs, or of the one after '@'. False: malformed, nothing set. Pure. */
bool option_cr_own(enum crm_name name, const char *s, size_t len, struct cr_wish wish[MAX_CPUS]);

#endif
