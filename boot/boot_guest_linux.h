/* SPDX-License-Identifier: MIT */
/* The modules as a Linux kernel and its initrd. */
#ifndef BOOT_BOOT_GUEST_LINUX_H
#define BOOT_BOOT_GUEST_LINUX_H

#include "boot/boot_low.h"
#include "hv/err.h"

/* Module 1 is a kernel that can be placed. Moves nothing. */
err_t boot_linux_check(void);

/* Move initrd and kernel to their places, write the zero page. boot_linux_check has succeeded and
 * machine.guest_map is final. On an error there is no kernel to start. */
err_t boot_linux_load(struct low_linux *start);

#endif
