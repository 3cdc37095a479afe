/* SPDX-License-Identifier: MIT */
#ifndef CORE_MSR_H
#define CORE_MSR_H

/* Guard the MSRs that Lamina must see. Bring-up, once the backend's bitmaps exist. */
void msr_trap_init(void);

#endif
