/* SPDX-License-Identifier: MIT */
#ifndef BOOT_BOOT_MOVE_H
#define BOOT_BOOT_MOVE_H

#include "hv/types.h"

/* Copy the running image (bytes: a multiple of 8) and go on in the copy, which `cr3` maps. */
void boot_move(void *to, const void *from, u64 bytes, u64 cr3);

#endif
