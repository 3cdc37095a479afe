/* SPDX-License-Identifier: MIT */
/*
 * The vendor boundary: what VT-x and AMD-V each must offer. vmx/ and svm/ fill one of these; only
 * core/backend.c knows both. A new operation needs an ADR.
 *
 * Unless said otherwise an operation runs on the CPU it concerns, in root mode, with interrupts
 * off.
 */
#ifndef HV_BACKEND_H
#define HV_BACKEND_H

#include "crmodel/crm.h"
#include "hv/cpu_state.h"
#include "hv/err.h"
#include "hv/exit.h"
#include "hv/slat.h"
#include "hv/types.h"
#include "hv/vcpu.h"

enum event_type { EVENT_NONE, EVENT_NMI, EVENT_EXCEPTION };

struct event {
	enum event_type type;
	u8 vector;
	bool has_error;
	u32 error; /* error code of the exception */
};

/* One line of a dump or report at a time, without the newline. */
typedef void (*emit_fn)(const char *line);

struct backend {
	const char *name;
	enum crm_vendor vendor;
	const struct slat_format *slat;
#define BACKEND_OP(type, name, ...) type (*name)(__VA_ARGS__);
#include "hv/backend_ops.def"
#undef BACKEND_OP
};

/* That of this machine's processor; set before any hypapp runs. */
extern const struct backend *backend;

#endif
