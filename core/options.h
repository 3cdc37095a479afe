/* SPDX-License-Identifier: MIT */
/* Lamina's boot options: key=value words on the command line that the boot loader passes. */
#ifndef CORE_OPTIONS_H
#define CORE_OPTIONS_H

#include "crmodel/crm.h"
#include "hv/types.h"
#include "hv/vcpu.h"

/* In the order of the words in options.def */
enum { OPT_GUEST_LINUX, OPT_GUEST_BIOS };
enum { OPT_SIPI_AUTO, OPT_SIPI_ICR, OPT_SIPI_HOLD, OPT_SIPI_EXIT };
enum { OPT_CPUID_LAMINA, OPT_CPUID_HYPERVISOR, OPT_CPUID_NATIVE };
enum { OPT_SHUTDOWN_RESET, OPT_SHUTDOWN_PANIC };
enum { OPT_VMX_OFF, OPT_VMX_ON };
enum { OPT_LOG_OFF, OPT_LOG_CR, OPT_LOG_VERDICT };
enum { OPT_QUIRK_AUTO, OPT_QUIRK_OFF, OPT_QUIRK_LEAK, OPT_QUIRK_SHOW };
enum { OPT_TRACE_OUT_OFF, OPT_TRACE_OUT_SERIAL };
enum { OPT_PROBE_OFF, OPT_PROBE_ON, OPT_PROBE_ONLY };

/* What to own of a register besides what must be, on one CPU. */
struct cr_wish {
	u64 mask;
	bool forced_only; /* "none": the bits that the hardware forces, but not those Lamina hides
			   */
};

/* drive is a BIOS drive number (80h: hd0); serial an I/O port, 0: no serial line; trace a number
 * of records */
struct options {
#define OPTION(name, def, allowed, help) u32 name;
#include "core/options.def"
	struct cr_wish cr_own[CRM_CRS][MAX_CPUS];
};

typedef void (*options_warn_fn)(void *ctx, const char *line);

/*
 * Sets *o from the defaults and then from cmdline, in which a later word wins over an earlier one.
 * Each word that is unknown or malformed is given to warn, in one line that says what is allowed,
 * and ignored. A first word that starts with '/' or '(' is the path of the image and skipped. Pure.
 */
void options_parse(const char *cmdline, struct options *o, options_warn_fn warn, void *ctx);

#endif
