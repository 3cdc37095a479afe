/* SPDX-License-Identifier: MIT */
/* Taking memory from the guest. */
#ifndef CORE_CLAIM_H
#define CORE_CLAIM_H

#include "hv/err.h"

/* Choose the region, move the image there and run on in it. On an error nothing has changed. */
err_t claim_memory(void);

/* Per-CPU data out of the region; the guest's memory map without what is ours. */
err_t claim_cpus(void);

#endif
