/* SPDX-License-Identifier: MIT */
#include "svm/svm_backend.h"

#include "svm/svm.h"

const struct backend svm_backend = {
	.vendor = CRM_AMD,
	.name = "AMD-V",
	.slat = &npt_format,
#define BACKEND_OP(type, name, ...) .name = svm_##name,
#include "hv/backend_ops.def"
#undef BACKEND_OP
};
