/* SPDX-License-Identifier: MIT */
#ifndef VMX_BACKEND_H
#define VMX_BACKEND_H

#include "hv/backend.h"

extern const struct backend vmx_backend;

#endif
