/* SPDX-License-Identifier: MIT */
/* Local APIC registers, as offsets in the xAPIC page; the x2APIC MSR is 800h + offset/16
 * (Intel SDM vol. 3A, 11.4.1, table 11-1). */
#ifndef X86_APIC_H
#define X86_APIC_H

#include "hv/types.h"

#define APIC_ID	     0x20
#define APIC_VERSION 0x30
#define APIC_LDR     0xd0
#define APIC_DFR     0xe0
#define APIC_ICR_LO  0x300
#define APIC_ICR_HI  0x310

#define ICR_VECTOR(x)	     ((u8)(x))
#define ICR_DELIVERY(x)	     (((x) >> 8) & 7)
#define ICR_DELIVERY_NMI     4u
#define ICR_DELIVERY_INIT    5u
#define ICR_DELIVERY_SIPI    6u
#define ICR_LOGICAL	     (1u << 11)
#define ICR_PENDING	     (1u << 12)
#define ICR_ASSERT	     (1u << 14)
#define ICR_LEVEL	     (1u << 15)
#define ICR_SHORTHAND(x)     (((x) >> 18) & 3)
#define ICR_SHORTHAND_SELF   1u
#define ICR_SHORTHAND_ALL    2u
#define ICR_SHORTHAND_OTHERS 3u
#define ICR_SET_DELIVERY(d)  ((d) << 8)
#define ICR_SET_SHORTHAND(s) ((s) << 18)

#endif
