/* SPDX-License-Identifier: MIT */
/* Is Lamina below this CPU? Asked by its own hypercall, which is #UD on a bare machine. */
#ifndef TESTKERNEL_LAMINA_H
#define TESTKERNEL_LAMINA_H

#include "hv/hypercall.h"
#include "hv/types.h"

struct lamina_probe {
	bool present;
	u32 version, cpu, cpus; /* if present */
	u32 vector;		/* how VMCALL ended */
};

/* On the calling CPU. */
struct lamina_probe lamina_probe(void);

/* True if Lamina answers on this CPU. */
bool lamina_here(void);

/* An HC_INFO item; only when Lamina is present. False: Lamina does not know the item. */
bool lamina_info(enum hc_info item, u64 *v);

#endif
