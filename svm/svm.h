/* SPDX-License-Identifier: MIT */
/* AMD-V, private to svm/: the VMCB, intercepts, exit codes (AMD APM vol. 2, chapter 15, appendices
 * B and C) and what the files of this directory share. */
#ifndef SVM_H
#define SVM_H

/* of struct svm_vcpu, for svm_entry.S; and of RAX in the VMCB */
#define SVM_VMCB_PA    0x3000
#define SVM_HOST_PA    0x3008
#define VMCB_RAX_BYTE  0x5f8
#define VMCB_CODE_BYTE 0x70
#define SVM_EXIT_INIT  0x63

#ifndef __ASSEMBLY__

#include "hv/backend.h"
#include "hv/pcpu.h"
#include "hv/types.h"
#include "x86/paging.h"

/* Clean bits by number: a set one says that fields have not changed since the last entry (AMD APM
 * vol. 2, 15.15.3). NEVER: the processor reads the field at each entry, or VMLOAD does. */
enum vmcb_clean {
	CLEAN_I,
	CLEAN_IOPM,
	CLEAN_ASID,
	CLEAN_TPR,
	CLEAN_NP,
	CLEAN_CRX,
	CLEAN_DRX,
	CLEAN_DT,
	CLEAN_SEG,
	CLEAN_CR2,
	CLEAN_LBR,
	CLEAN_COUNT,
	CLEAN_NEVER = CLEAN_COUNT
};

/* A field is its offset, in bits 23:16 its size in bytes, in bits 31:24 its clean bit. */
enum vmcb_field {
#define VMCB_FIELD(name, offset, bytes, clean, text) \
	VMCB_##name = (offset) | (bytes) << 16 | CLEAN_##clean << 24,
#include "svm/svm_fields.def"
#undef VMCB_FIELD
};

/* Intercept bits: those of INTERCEPTS1 and 2 by exit code */
#define INTERCEPT(code) (1u << ((code)&31))

#define TLB_FLUSH_ALL  1
#define TLB_FLUSH_ASID 3

/*
 * The host's PAT: entry type ^ 6 is the memory type, so entry 0 is WB, as Lamina's own tables and
 * the nested ones want it. Types 2 and 3 do not exist.
 */
#define NPT_PAT		    0x0100000005040706ULL
#define NPT_PAT_INDEX(type) ((type) ^ MEMTYPE_WB)

#define DR6_BS BIT(14)

#define GUEST_ASID 1 /* each CPU has one guest and a TLB of its own */

/* EVENTINJ and EXITINTINFO (AMD APM vol. 2, 15.20 and 15.7.2) */
#define EVENT_INFO_VALID     BIT(31)
#define EVENT_INFO_ERROR     BIT(11)
#define EVENT_INFO_VECTOR(i) ((u8)(i))
#define EVENT_INFO_TYPE(i)   ((u32)(i) >> 8 & 7)
#define EVENT_TYPE_INTR	     0u
#define EVENT_TYPE_NMI	     2u
#define EVENT_TYPE_EXC	     3u
#define EVENT_TYPE_SOFT	     4u

/* Exit codes (AMD APM vol. 2, appendix C) */
enum svm_exit_code {
	SVM_CR0_READ = 0x00,
	SVM_CR15_WRITE = 0x1f,
	SVM_EXCEPTION = 0x40,
	SVM_EXCEPTION_LAST = 0x5f,
	SVM_INTR = 0x60,
	SVM_NMI = 0x61,
	SVM_INIT = SVM_EXIT_INIT,
	SVM_CR0_SEL_WRITE = 0x65,
	SVM_CPUID = 0x72,
	SVM_IRET = 0x74,
	SVM_INVD = 0x76,
	SVM_INVLPGA = 0x7a,
	SVM_IOIO = 0x7b,
	SVM_MSR = 0x7c,
	SVM_SHUTDOWN = 0x7f,
	SVM_VMRUN = 0x80,
	SVM_VMMCALL = 0x81,
	SVM_VMLOAD = 0x82,
	SVM_SKINIT = 0x86,
	SVM_CODE_COUNT = 0x90,
	SVM_NPF = 0x400
};

#define NPF_WRITE    BIT(1)
#define NPF_RESERVED BIT(3)
#define NPF_FETCH    BIT(4)

/* What this processor offers; filled once by svm_caps_read, the same on all CPUs. */
struct svm_caps {
	u32 features; /* CPUID 8000000Ah, EDX */
	u32 clean;    /* the clean bits there are */
	bool tcg;     /* QEMU's emulation, which does not judge CR0 and CR4 */
	bool bochs; /* emulated, and not by QEMU: INIT cannot be redirected to #SX; from svm_enable
		     */
	bool nx, has_1g;
	u64 cr4; /* the CR4 bits there are */
	u32 phys_bits;
};

#define SVM_FEATURE_NPT	       BIT(0)
#define SVM_FEATURE_NRIP       BIT(3)
#define SVM_FEATURE_CLEAN      BIT(5)
#define SVM_FEATURE_FLUSH_ASID BIT(6)

#define SVM_KEPT 10 /* fields that svm_keep() keeps */

/* The VMCB comes first, so that v->arch is its address. */
struct svm_vcpu {
	u8 vmcb[PAGE_SIZE];
	u8 host[PAGE_SIZE];  /* where VMLOAD finds Lamina's FS, GS and TR */
	u8 hsave[PAGE_SIZE]; /* what VMRUN saves of Lamina */
	u64 vmcb_pa, host_pa;
	struct {
		u64 shadow, owned;
	} cr[CRM_CRS];
	u64 lme;	 /* the guest's EFER.LME, which QEMU may not get (svm_state.c) */
	u32 nmis;	 /* NMIs that wait for the guest to be able to take them: 0 to 2 */
	bool nmi_masked; /* the guest is in its NMI handler */
	u32 exceptions;	 /* what exits besides what trap_events asks for */
	bool stepping;	 /* over the IRET that ends it */
	bool guest_tf;	 /* TF of the guest at that IRET */
	u64 kept[SVM_KEPT];
};

_Static_assert(offsetof(struct svm_vcpu, vmcb) == 0, "entry code");
_Static_assert(offsetof(struct svm_vcpu, vmcb_pa) == SVM_VMCB_PA, "entry code");
_Static_assert(offsetof(struct svm_vcpu, host_pa) == SVM_HOST_PA, "entry code");
_Static_assert((VMCB_RAX & 0xffff) == VMCB_RAX_BYTE, "entry code");
_Static_assert((VMCB_EXITCODE & 0xffff) == VMCB_CODE_BYTE, "entry code");

extern struct svm_caps svm_caps;
extern struct slat_format npt_format;

static inline struct svm_vcpu *svm_of(struct vcpu *v)
{
	return v->arch;
}

static inline u64 vmcb_read(struct vcpu *v, u32 field)
{
	const u8 *p = svm_of(v)->vmcb + (field & 0xffff);

	switch (field >> 16 & 0xff) {
	case 1: return *p;
	case 2: return *(const u16 *)p;
	case 4: return *(const u32 *)p;
	default: return *(const u64 *)p;
	}
}

/* The field's clean bit goes with the change. */
static inline void vmcb_put(u8 *vmcb, u32 field, u64 value)
{
	u8 *p = vmcb + (field & 0xffff);

	if (field >> 24 != CLEAN_NEVER)
		*(u32 *)(vmcb + (VMCB_CLEAN & 0xffff)) &= ~(1u << (field >> 24));
	switch (field >> 16 & 0xff) {
	case 1: *p = (u8)value; break;
	case 2: *(u16 *)p = (u16)value; break;
	case 4: *(u32 *)p = (u32)value; break;
	default: *(u64 *)p = value; break;
	}
}

static inline void vmcb_write(struct vcpu *v, u32 field, u64 value)
{
	vmcb_put(svm_of(v)->vmcb, field, value);
}

#define BACKEND_OP(type, name, ...) type svm_##name(__VA_ARGS__);
#include "hv/backend_ops.def"
#undef BACKEND_OP

void svm_caps_read(struct svm_caps *c);
void svm_decode(struct vcpu *v, struct exit *x);
/* Intercept what the owned bits of the registers ask for. */
void svm_cr_intercept(struct vcpu *v);
void svm_event_redeliver(struct vcpu *v);
void svm_event_iret(struct vcpu *v);
/* The guest's NMI handler has ended; the next NMI comes when the guest runs again. */
void svm_event_nmi_over(struct vcpu *v);
/* True: the #DB ended the step over an IRET and is none of the guest's. */
bool svm_event_stepped(struct vcpu *v);
void svm_event_nmi_window(struct vcpu *v);
err_t svm_trap_init(void);
hpa_t svm_msr_bitmap(void);
hpa_t svm_io_bitmap(void);
/* Before an entry, where a refused VMRUN would destroy the VMCB. */
void svm_keep(struct vcpu *v);

/* svm_entry.S, and what it calls: after an exit; when an NMI came before the entry; when one is to
 * come behind it */
_Noreturn void svm_loop(struct vcpu *v);
void svm_exited(struct vcpu *v);
void svm_entry_aborted(struct vcpu *v);
void svm_kick_self(struct vcpu *v);
_Noreturn void svm_entry_failed(struct vcpu *v);

#endif
#endif
