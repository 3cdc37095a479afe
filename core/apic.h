/* SPDX-License-Identifier: MIT */
/* This CPU's real local APIC, in whichever mode the guest has put it (Intel SDM vol. 3A, chapter
 * 11). */
#ifndef CORE_APIC_H
#define CORE_APIC_H

#include "hv/types.h"

bool apic_is_x2(void);
u64 apic_base(void); /* physical address of the xAPIC page */
/* Write IA32_APIC_BASE for the guest. False: #GP, also where Lamina could not reach the APIC. */
bool apic_set_base(u64 value);
u32 apic_id(void);
u32 apic_read(u32 reg);
void apic_write(u32 reg, u32 value);

/* Send an IPI to the CPU with APIC ID `dest`; what the guest wrote to the upper half of the xAPIC's
 * ICR is there again when this returns. */
void apic_send(u32 dest, u32 icr_lo);

#endif
