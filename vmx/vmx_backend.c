/* SPDX-License-Identifier: MIT */
#include "vmx/vmx_backend.h"

#include "vmx/vmx.h"

const struct backend vmx_backend = {
	.vendor = CRM_INTEL,
	.name = "VT-x",
	.slat = &ept_format,
#define BACKEND_OP(type, name, ...) .name = vmx_##name,
#include "hv/backend_ops.def"
#undef BACKEND_OP
};
