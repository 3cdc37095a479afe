/* SPDX-License-Identifier: MIT */
/*
 * Per-CPU data. GS base points at it while Lamina runs on the CPU.
 */
#ifndef HV_PCPU_H
#define HV_PCPU_H

#define PCPU_SELF 0
#define PCPU_VCPU 8

#ifndef __ASSEMBLY__

#include <stdatomic.h>

#include "hv/exit.h"
#include "hv/trace.h"
#include "hv/types.h"
#include "hv/vcpu.h"
#include "x86/seg.h"

/*
 * What a CPU asks of another, in one word so that INIT and SIPI keep their order. A request is set
 * with mp_post, which kicks the CPU by NMI if it needs to.
 */
#define MAIL_INIT	   BIT(0)
#define MAIL_SIPI	   BIT(1)
#define MAIL_FLUSH	   BIT(2) /* second-level translations changed */
#define MAIL_STOP	   BIT(3) /* panic: stop for ever */
#define MAIL_REVIVE	   BIT(4) /* some CPU wants a real SIPI, see core/revive.h */
#define MAIL_CALL	   BIT(5) /* a function for this CPU to run, see hv/world.h */
#define MAIL_STILL	   BIT(6) /* stand still while another CPU holds the world */
#define MAIL_WAIT_SIPI	   BIT(7) /* state, not request: the CPU waits for a SIPI */
#define MAIL_VECTOR(m)	   ((u8)((m) >> 8))
#define MAIL_SET_VECTOR(v) ((u32)(v) << 8)
#define MAIL_VECTOR_MASK   0xff00u

/* The public part: other CPUs read and write it. */
struct pcpu_public {
	_Atomic u32 mail;
	_Atomic u32 kick;      /* 1: an NMI of ours is on its way */
	_Atomic u32 flushed;   /* counts MAIL_FLUSH done */
	_Atomic u32 arrived;   /* it has taken the SIPI of Lamina's that starts it */
	_Atomic u32 up;	       /* the CPU runs Lamina */
	_Atomic u32 apic_id;   /* in the mode the local APIC is in */
	_Atomic u32 ldr, dfr;  /* xAPIC logical destination, as the guest set it */
	_Atomic u32 x2apic;    /* the mode the local APIC is in */
	_Atomic u64 apic_page; /* of the xAPIC; 0 in x2APIC mode */
	_Atomic u32 stopped;
	_Atomic u32 still;  /* 1: the CPU stands still for another, see hv/world.h */
	_Atomic u32 asleep; /* 1: in guest mode, waiting for a SIPI: NMIs do not reach it */
	_Atomic u32 revive; /* 1: the CPU leaves VMX operation and wants a real SIPI */
};

#define STACK_SIZE     KiB(12)
#define NMI_STACK_SIZE KiB(4)

struct tss {
	u32 reserved0;
	u64 rsp[3];
	u64 reserved1;
	u64 ist[7];
	u64 reserved2;
	u16 reserved3, iomap;
} __attribute__((packed));

struct pcpu {
	struct pcpu *self;
	struct vcpu *vcpu_ptr;
	u32 index;
	u32 first_id;	  /* of the local APIC, as the firmware lists it */
	bool fresh;	  /* the CPU has been powered on, and the guest's state is to follow */
	bool init_exited; /* an INIT exit happened since the last revival */
	u8 sipi_vector;	  /* of the last start-up */
	struct vcpu vcpu;
	struct pcpu_public pub;
	struct trace_ring *trace;
	u64 exits[EXIT_KINDS]; /* since the start; the probe's are not counted */
	u64 trace_mask;	       /* bytes of the ring's records less one */
	u64 gdt[GDT_SIZE / 8];
	struct tss tss;
	u8 nmi_stack[NMI_STACK_SIZE] __attribute__((aligned(16)));
	u8 stack[STACK_SIZE] __attribute__((aligned(16)));
};

_Static_assert(offsetof(struct pcpu, self) == PCPU_SELF, "entry code");
_Static_assert(offsetof(struct pcpu, vcpu_ptr) == PCPU_VCPU, "entry code");

/* All CPUs, index 0 .. cpu_count - 1; set before any of them is virtualized. */
extern struct pcpu *pcpus[MAX_CPUS];
extern u32 cpu_count;

#endif
#endif
