/* SPDX-License-Identifier: MIT */
/* Names of the manuals that the hypervisor has no use for, besides those of x86/. */
#ifndef TESTKERNEL_BITS_H
#define TESTKERNEL_BITS_H

#define CPUID_7_ECX_WAITPKG   (1u << 5)
#define CPUID_80000001_EDX_LM (1u << 29)
#define RFLAGS_VIF	      BIT(19)
#define MEMTYPE_WC	      1
#define MEMTYPE_WT	      4
#define MEMTYPE_WP	      5
#define MSR_TSC		      0x10
#define MSR_X2APIC_ID	      0x802
#define VECTOR_AC	      17

#endif
