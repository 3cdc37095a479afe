/* SPDX-License-Identifier: MIT */
/* CPUID leaves and feature bits that Lamina reads or changes (Intel SDM vol. 2A, CPUID). */
#ifndef X86_CPUID_H
#define X86_CPUID_H

#include "hv/types.h"

struct cpuid {
	u32 eax, ebx, ecx, edx;
};

#define CPUID_1_ECX_VMX	       (1u << 5)
#define CPUID_1_ECX_SMX	       (1u << 6)
#define CPUID_1_ECX_X2APIC     (1u << 21)
#define CPUID_1_ECX_XSAVE      (1u << 26)
#define CPUID_1_ECX_OSXSAVE    (1u << 27)
#define CPUID_1_ECX_HYPERVISOR (1u << 31)
#define CPUID_1_EDX_MTRR       (1u << 12)

#define CPUID_40000000_EBX_TCG 0x54474354u /* "TCGT": QEMU without KVM */

#define CPUID_7_EBX_SGX		   (1u << 2)
#define CPUID_7_EBX_PT		   (1u << 25)
#define CPUID_7_ECX_PKU		   (1u << 3)
#define CPUID_7_ECX_OSPKE	   (1u << 4)
#define CPUID_7_ECX_KL		   (1u << 23)
#define CPUID_7_1_EAX_FRED	   (1u << 17)
#define CPUID_7_ECX_ENQCMD	   (1u << 29)
#define CPUID_80000001_ECX_SVM	   (1u << 2)
#define CPUID_80000001_ECX_SKINIT  (1u << 12)
#define CPUID_80000001_EDX_SYSCALL (1u << 11)
#define CPUID_80000001_EDX_NX	   (1u << 20)
#define CPUID_80000001_EDX_PAGE_1G (1u << 26)

#define CPUID_HV_BASE 0x40000000u

#endif
