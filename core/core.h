/* SPDX-License-Identifier: MIT */
/* What the files of core/ share. */
#ifndef CORE_CORE_H
#define CORE_CORE_H

#include "core/options.h"
#include "hv/backend.h"
#include "hv/boot_info.h"
#include "hv/err.h"
#include "hv/exit.h"
#include "hv/pcpu.h"
#include "lib/acpi.h"

/* The machine and what was asked of us: set by bring-up on CPU 0, constant once a guest runs. */
struct machine {
	struct options opt;
	struct boot_info boot;
	struct mem_map guest_map; /* what the guest may see */
	struct acpi_cpus cpus;
	struct acpi_pm pm;
	u8 rsdp[ACPI_RSDP_BYTES]; /* all zero without ACPI */
	u64 hv_base, hv_size;	  /* the region taken, bytes */
	u64 low_base, low_size;	  /* taken below 1 MiB, bytes */
	u64 ram_top;		  /* end of RAM, bytes */
	u32 phys_bits;
	bool sipi_icr;	     /* CPUs are started by trapping the ICR, not by INIT and SIPI exits */
	u64 start_tsc;	     /* TSC when the guest started */
	_Atomic u32 reports; /* at the guest's power-off */
	_Atomic u64 protected; /* first touches of pages of ours, writes to the low page */
};

extern struct machine machine;

/* Picks the backend of this CPU. */
err_t backend_choose(void);

static inline struct pcpu *pcpu_of(struct vcpu *v)
{
	return (struct pcpu *)((u8 *)v - offsetof(struct pcpu, vcpu));
}

/* Is any byte of [gpa, gpa + len) Lamina's? */
static inline bool is_ours(u64 gpa, u64 len)
{
	return gpa < machine.hv_base + machine.hv_size && gpa + len > machine.hv_base;
}

/* An exception for the guest, with this error code if it is one that has one; #UD, as the handlers
 * need it all the time, as inject_gp of hv/exit.h. */
enum exit_answer inject_fault(struct vcpu *v, u32 vector, u32 error);
enum exit_answer inject_ud(struct vcpu *v);

/* Current privilege level: SS.DPL (Intel SDM vol. 3C, 25.4.1). */
u32 guest_cpl(struct vcpu *v);

/* What the guest reads in CR0 or CR4. */
u64 guest_cr(struct vcpu *v, enum crm_name cr);

#endif
