/* SPDX-License-Identifier: MIT */
#include "svm/svm_backend.h"

#include "svm/svm.h"

const struct backend svm_backend = {
	.vendor = CRM_AMD,
	.name = "AMD-V",
	.probe = svm_probe,
	.enable = svm_enable,
	.disable = svm_disable,
	.vcpu_init = svm_vcpu_init,
	.run = svm_run,
	.advance = svm_advance,
	.state_get = svm_state_get,
	.state_set = svm_state_set,
	.cr_limits = svm_cr_limits,
	.inject = svm_inject,
	.trap_msr = svm_trap_msr,
	.trap_port = svm_trap_port,
	.slat = &npt_format,
	.slat_root = svm_slat_root,
	.tlb_flush = svm_tlb_flush,
	.dump = svm_dump,
};
