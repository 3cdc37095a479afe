/* SPDX-License-Identifier: MIT */
/* The one place that knows both vendors. */
#include "core/core.h"

#include "vmx/vmx_backend.h"

const struct backend *backend;

err_t backend_choose(void)
{
	err_t err = vmx_backend.probe();

	if (err)
		return err;
	backend = &vmx_backend;
	return OK;
}
