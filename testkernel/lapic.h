/* SPDX-License-Identifier: MIT */
/* The local APIC of the CPU that calls, in xAPIC or x2APIC mode (Intel SDM vol. 3A, chapter 11). */
#ifndef TESTKERNEL_LAPIC_H
#define TESTKERNEL_LAPIC_H

#include "hv/types.h"
#include "x86/apic.h"

#define APIC_TPR  0x80
#define APIC_PPR  0xa0
#define APIC_EOI  0xb0
#define APIC_SVR  0xf0
#define APIC_ISR0 0x100
#define APIC_IRR0 0x200
#define APIC_ESR  0x280

#define ICR_FIXED    ICR_SET_DELIVERY(0u)
#define ICR_NMI	     ICR_SET_DELIVERY(ICR_DELIVERY_NMI)
#define ICR_INIT     (ICR_SET_DELIVERY(ICR_DELIVERY_INIT) | ICR_ASSERT)
#define ICR_SIPI(v)  (ICR_SET_DELIVERY(ICR_DELIVERY_SIPI) | (v))
#define ICR_TO_SELF  ICR_SET_SHORTHAND(ICR_SHORTHAND_SELF)
#define ICR_TO_ALL   ICR_SET_SHORTHAND(ICR_SHORTHAND_ALL)
#define ICR_TO_OTHER ICR_SET_SHORTHAND(ICR_SHORTHAND_OTHERS)

bool lapic_x2apic(void);

/* The page of the xAPIC, bytes: where the MSR says, unless the platform keeps it where it was. */
u64 lapic_find(void);

u32 lapic_read(u32 reg);
void lapic_write(u32 reg, u32 v);
void lapic_eoi(void);

/* The ID by CPUID, without touching the APIC. */
u32 lapic_cpuid_id(void);

/* Software-enables the APIC, all priorities open, logical ID = bit `index` in flat mode. */
void lapic_enable(u32 index);

void lapic_enter_x2apic(void);

/* Sends ICR `low` to the APIC ID `dest` (or logical set, with ICR_LOGICAL; ignored with a
 * shorthand) and, in xAPIC mode, waits until it is sent. */
void lapic_send(u32 dest, u32 low);

/* The logical destination that names the CPU with this index and APIC ID, in the present mode. */
u32 lapic_logical(u32 index, u32 apic_id);

/* True when the interrupt `vector` waits (is being served). */
bool lapic_pending(u8 vector);
bool lapic_in_service(u8 vector);

#endif
