/* SPDX-License-Identifier: MIT */
#ifndef CORE_MAIN_H
#define CORE_MAIN_H

#include "hv/types.h"

/* boot_entry.S comes here in long mode: what the multiboot loader left in EAX and EBX. */
_Noreturn void hv_main(u32 magic, u32 info);

#endif
