/* SPDX-License-Identifier: MIT */
/*
 * A guest CPU. Each CPU of the machine has one, which only it touches (the private part of the
 * per-CPU data; what other CPUs may touch is struct pcpu_public in pcpu.h).
 */
#ifndef HV_VCPU_H
#define HV_VCPU_H

/* Offsets the entry code uses; checked below. */
#define VCPU_GPR      0
#define VCPU_GPR_END  128
#define VCPU_HOST_RSP 128
#define VCPU_NMI_ROOT 136
#define VCPU_WINDOW   140
#define VCPU_LAUNCHED 144
#define VCPU_ARCH     152

#ifndef __ASSEMBLY__

#include <stdatomic.h>

#include "hv/cpu_state.h"
#include "hv/types.h"

struct vcpu {
	u64 gpr[GPR_COUNT];   /* enum cpu_gpr; the slot of RSP is unused */
	u64 host_rsp;	      /* Lamina's stack while the guest runs */
	_Atomic u32 nmi_root; /* NMIs that arrived and are not yet dealt with */
	u32 nmi_window;	      /* AMD-V, 1: have an NMI come behind the next entry */
	u32 launched;	      /* VT-x: the control structure has been entered before */
	u32 index;	      /* 0 is the CPU that booted */
	void *arch;	      /* the backend's own: struct vmx_vcpu, struct svm_vcpu */
	u32 exceptions;	      /* by vector, those that a hypapp has exit, besides trap_events */
	bool event_set;	      /* an event is set up for the next entry */
	bool entry_hook;      /* hypapps' on_entry is to be called before the next entry */
	bool is_bsp;
	bool probing; /* Lamina's own probe runs in place of the guest */
};

_Static_assert(offsetof(struct vcpu, gpr) == VCPU_GPR, "entry code");
_Static_assert(offsetof(struct vcpu, host_rsp) == VCPU_HOST_RSP, "entry code");
_Static_assert(offsetof(struct vcpu, nmi_root) == VCPU_NMI_ROOT, "entry code");
_Static_assert(offsetof(struct vcpu, nmi_window) == VCPU_WINDOW, "entry code");
_Static_assert(offsetof(struct vcpu, launched) == VCPU_LAUNCHED, "entry code");
_Static_assert(sizeof(void *) < 8 || offsetof(struct vcpu, arch) == VCPU_ARCH, "entry code");

#define MAX_CPUS 64

#endif
#endif
