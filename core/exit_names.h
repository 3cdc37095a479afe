/* SPDX-License-Identifier: MIT */
#ifndef CORE_EXIT_NAMES_H
#define CORE_EXIT_NAMES_H

#include "hv/types.h"

/* The name in exit_kinds.def; "?" for anything else. */
const char *exit_name(u32 kind);

#endif
