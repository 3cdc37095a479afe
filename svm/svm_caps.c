/* SPDX-License-Identifier: MIT */
/* What the processor offers, and whether that is enough (AMD APM vol. 2, 15.4; vol. 3, appendix E).
 */
#include "svm/svm.h"

#include "core/cr.h"
#include "x86/cpuid.h"
#include "x86/insn.h"

#define TCG_EBX 0x54474354u /* "TCGT", of QEMU's "TCGTCGTCGTCG" in leaf 40000000h */

struct svm_caps svm_caps;

static bool is_tcg(void)
{
	return (cpuid(1, 0).ecx & CPUID_1_ECX_HYPERVISOR) && cpuid(CPUID_HV_BASE, 0).ebx == TCG_EBX;
}

err_t svm_probe(void)
{
	if (cpuid(0x80000000, 0).eax < 0x8000000a ||
	    !(cpuid(0x80000001, 0).ecx & CPUID_80000001_ECX_SVM))
		return "no VT-x or AMD-V";
	svm_caps.features = cpuid(0x8000000a, 0).edx;
	svm_caps.tcg = is_tcg();
	svm_caps.nx = cpuid(0x80000001, 0).edx & CPUID_80000001_EDX_NX;
	svm_caps.cr4 = cr4_supported();
	npt_format.has_1g = cpuid(0x80000001, 0).edx & CPUID_80000001_EDX_PAGE_1G;
	return svm_caps.features & SVM_FEATURE_NPT ? OK : "AMD-V without nested paging";
}
