/* SPDX-License-Identifier: MIT */
/* The one place that knows both vendors. */
#include "core/core.h"

#include "svm/svm_backend.h"
#include "vmx/vmx_backend.h"
#include "x86/cpuid.h"
#include "x86/insn.h"

const struct backend *backend;

err_t backend_choose(void)
{
	bool intel = cpuid(1, 0).ecx & CPUID_1_ECX_VMX;

	backend = intel ? &vmx_backend : &svm_backend;
	return backend->probe();
}
