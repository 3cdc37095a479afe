/* SPDX-License-Identifier: MIT */
/* What the processor offers, and whether that is enough (AMD APM vol. 2, 15.4; vol. 3, appendix E).
 */
#include "svm/svm.h"

#include "core/cr.h"
#include "x86/cpuid.h"
#include "x86/insn.h"

struct svm_caps svm_caps;

static bool is_tcg(void)
{
	return (cpuid(1, 0).ecx & CPUID_1_ECX_HYPERVISOR) &&
	       cpuid(CPUID_HV_BASE, 0).ebx == CPUID_40000000_EBX_TCG;
}

void svm_caps_read(struct svm_caps *c)
{
	u32 edx = cpuid(0x80000001, 0).edx;

	c->features = cpuid(0x8000000a, 0).edx;
	c->clean = c->features & SVM_FEATURE_CLEAN ? (u32)BIT(CLEAN_COUNT) - 1 : 0;
	c->tcg = is_tcg();
	c->nx = edx & CPUID_80000001_EDX_NX;
	c->has_1g = edx & CPUID_80000001_EDX_PAGE_1G;
	c->cr4 = cr4_supported();
	c->phys_bits = cpuid(0x80000008, 0).eax & 0xff;
}

err_t svm_probe(void)
{
	if (cpuid(0x80000000, 0).eax < 0x8000000a ||
	    !(cpuid(0x80000001, 0).ecx & CPUID_80000001_ECX_SVM))
		return "no VT-x or AMD-V";
	svm_caps_read(&svm_caps);
	npt_format.has_1g = svm_caps.has_1g;
	return svm_caps.features & SVM_FEATURE_NPT ? OK : "AMD-V without nested paging";
}
