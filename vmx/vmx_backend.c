/* SPDX-License-Identifier: MIT */
#include "vmx/vmx_backend.h"

#include "vmx/vmx.h"

const struct backend vmx_backend = {
	.vendor = CRM_INTEL,
	.name = "VT-x",
	.probe = vmx_probe,
	.enable = vmx_enable,
	.disable = vmx_disable,
	.vcpu_init = vmx_vcpu_init,
	.run = vmx_run,
	.advance = vmx_advance,
	.state_get = vmx_state_get,
	.state_set = vmx_state_set,
	.cr_limits = vmx_cr_limits,
	.inject = vmx_inject,
	.trap_msr = vmx_trap_msr,
	.trap_port = vmx_trap_port,
	.slat = &ept_format,
	.slat_root = vmx_slat_root,
	.tlb_flush = vmx_tlb_flush,
	.dump = vmx_dump,
};
