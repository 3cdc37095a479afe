/* SPDX-License-Identifier: MIT */
#ifndef CORE_THIS_CPU_H
#define CORE_THIS_CPU_H

#include "hv/types.h"

/* Index of the CPU this runs on. */
u32 this_cpu(void);

#endif
