/* SPDX-License-Identifier: MIT */
#include "testkernel/bits.h"
#include "testkernel/features.h"
#include "testkernel/asm.h"
#include "x86/msr.h"

#define EXTENDED_EDX_SYSCALL (1u << 11)
#define EXTENDED_EDX_NX	     (1u << 20)

const struct cr4_feature cr4_features[] = {
#define CRM_CR0_BIT(name, bit, class)
#define CRM_CR4_BIT(name, bit, class, word, cpuid_bit) {BIT(bit), #name},
#include "crmodel/crm_bits.def"
};

const u32 cr4_feature_count = ARRAY_SIZE(cr4_features);

u64 cr4_allowed(void)
{
	u32 max = cpuid(0, 0).eax;
	struct cpuid one = cpuid(1, 0), seven = {0}, seven_1 = {0};

	if (max >= 7) {
		seven = cpuid(7, 0);
		if (seven.eax >= 1)
			seven_1 = cpuid(7, 1);
	}
	return crm_cr4_by_cpuid((const u32[CRM_CPUID_WORDS]){
		[CRM_CPUID_1_ECX] = one.ecx,
		[CRM_CPUID_1_EDX] = one.edx,
		[CRM_CPUID_7_EBX] = seven.ebx,
		[CRM_CPUID_7_ECX] = seven.ecx,
		[CRM_CPUID_7_EDX] = seven.edx,
		[CRM_CPUID_7_1_EAX] = seven_1.eax,
	});
}

u64 efer_allowed(void)
{
	u32 edx = cpuid(0x80000001, 0).edx;

	return (edx & EXTENDED_EDX_SYSCALL ? EFER_SCE : 0) |
	       (edx & EXTENDED_EDX_NX ? EFER_NXE : 0) |
	       (edx & CPUID_80000001_EDX_LM ? EFER_LME | EFER_LMA : 0);
}

enum crm_vendor cpu_vendor(void)
{
	return cpuid(0, 0).ebx == 0x756e6547 ? CRM_INTEL : CRM_AMD; /* "Genu" */
}

u32 cpu_phys_bits(void)
{
	return cpuid(0x80000008, 0).eax & 0xff;
}
