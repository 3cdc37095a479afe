/* SPDX-License-Identifier: MIT */
/* VT-x, private to vmx/: controls, exit reasons (Intel SDM vol. 3C, chapters 25 and 28; vol. 3D,
 * appendices A to C) and what the files of this directory share. */
#ifndef VMX_H
#define VMX_H

#include "hv/backend.h"
#include "hv/pcpu.h"
#include "hv/types.h"

enum vmcs_field {
#define VMCS_FIELD(name, encoding, text) VMCS_##name = (encoding),
#include "vmx/vmx_fields.def"
#undef VMCS_FIELD
};

#define PIN_INTR_EXITING BIT(0)
#define PIN_NMI_EXITING	 BIT(3)
#define PIN_VIRTUAL_NMIS BIT(5)
#define PIN_TIMER	 BIT(6)

#define PROC_NMI_WINDOW	 BIT(22)
#define PROC_IO_BITMAPS	 BIT(25)
#define PROC_MSR_BITMAPS BIT(28)
#define PROC_SECONDARY	 BIT(31)
#define PROC_CR3_LOAD	 BIT(15)
#define PROC_CR3_STORE	 BIT(16)

#define PROC2_EPT	   BIT(1)
#define PROC2_RDTSCP	   BIT(3)
#define PROC2_VPID	   BIT(5)
#define PROC2_UNRESTRICTED BIT(7)
#define PROC2_INVPCID	   BIT(12)
#define PROC2_XSAVES	   BIT(20)
#define PROC2_USER_WAIT	   BIT(26)

#define EXIT_CTL_SAVE_DEBUG BIT(2)
#define EXIT_CTL_HOST64	    BIT(9)
#define EXIT_CTL_SAVE_PAT   BIT(18)
#define EXIT_CTL_LOAD_PAT   BIT(19)
#define EXIT_CTL_SAVE_EFER  BIT(20)
#define EXIT_CTL_LOAD_EFER  BIT(21)

#define ENTRY_CTL_LOAD_DEBUG BIT(2)
#define ENTRY_CTL_IA32E	     BIT(9)
#define ENTRY_CTL_LOAD_PAT   BIT(14)
#define ENTRY_CTL_LOAD_EFER  BIT(15)

#define EPT_CAP_4LEVEL	    BIT(6)
#define EPT_CAP_WB	    BIT(14)
#define EPT_CAP_2M	    BIT(16)
#define EPT_CAP_1G	    BIT(17)
#define EPT_CAP_INVEPT	    BIT(20)
#define EPT_CAP_AD	    BIT(21)
#define EPT_CAP_INVEPT_ONE  BIT(25)
#define EPT_CAP_INVVPID_ONE BIT(41)

#define EPTP_WB	    6ULL
#define EPTP_4LEVEL (3ULL << 3)

#define INVEPT_SINGLE  1
#define INVEPT_ALL     2
#define INVVPID_SINGLE 1

#define INTR_INFO_VALID		BIT(31)
#define INTR_INFO_ERROR		BIT(11)
#define INTR_INFO_NMI_UNBLOCK	BIT(12)
#define INTR_INFO_VECTOR(x)	((u8)(x))
#define INTR_INFO_TYPE(x)	(((x) >> 8) & 7)
#define INTR_TYPE_EXT		0u
#define INTR_TYPE_NMI		2u
#define INTR_TYPE_HARD_EXC	3u
#define INTR_TYPE_SOFT_INT	4u
#define INTR_TYPE_PRIV_SOFT_EXC 5u
#define INTR_TYPE_SOFT_EXC	6u

#define INTERRUPTIBILITY_STI	BIT(0)
#define INTERRUPTIBILITY_MOV_SS BIT(1)
#define INTERRUPTIBILITY_SMI	BIT(2)
#define INTERRUPTIBILITY_NMI	BIT(3)

#define PENDING_DEBUG_ENABLED BIT(12) /* of an enabled breakpoint */
#define PENDING_DEBUG_BS      BIT(14)

#define EXIT_REASON_ENTRY_FAILED BIT(31)

enum vmx_exit_reason {
	VMX_EXCEPTION_OR_NMI = 0,
	VMX_EXTERNAL_INTERRUPT = 1,
	VMX_TRIPLE_FAULT = 2,
	VMX_INIT = 3,
	VMX_SIPI = 4,
	VMX_NMI_WINDOW = 8,
	VMX_TASK_SWITCH = 9,
	VMX_CPUID = 10,
	VMX_GETSEC = 11,
	VMX_INVD = 13,
	VMX_VMCALL = 18,
	VMX_VMCLEAR = 19,
	VMX_VMXON = 27,
	VMX_CR_ACCESS = 28,
	VMX_IO = 30,
	VMX_RDMSR = 31,
	VMX_WRMSR = 32,
	VMX_EPT_VIOLATION = 48,
	VMX_EPT_MISCONFIG = 49,
	VMX_INVEPT = 50,
	VMX_PREEMPTION_TIMER = 52,
	VMX_INVVPID = 53,
	VMX_XSETBV = 55,
	VMX_VMFUNC = 59,
	VMX_REASON_COUNT = 80
};

/* What this processor allows; filled once by vmx_caps_read, the same on all CPUs. */
struct vmx_caps {
	u64 basic;
	u64 pin, proc, proc2, exit, entry; /* low half: must be 1; high half: may be 1 */
	u64 ept_vpid, misc;
	u64 cr0_fixed0, cr0_fixed1, cr4_fixed0, cr4_fixed1;
	u32 phys_bits;
};

struct vmx_vcpu {
	hpa_t vmxon, vmcs;
	u64 eptp;
	u32 proc; /* primary controls as in the VMCS */
	u32 nmis; /* NMIs that wait for the guest to be able to take them: 0 to 2 */
};

extern struct vmx_caps vmx_caps;
extern struct slat_format ept_format;

static inline struct vmx_vcpu *vmx_of(struct vcpu *v)
{
	return v->arch;
}

#define BACKEND_OP(type, name, ...) type vmx_##name(__VA_ARGS__);
#include "hv/backend_ops.def"
#undef BACKEND_OP

void vmx_caps_read(struct vmx_caps *c);
void vmx_decode(struct vcpu *v, struct exit *x);
void vmx_set_cr0(u64 cr0);
void vmx_event_redeliver(struct vcpu *v);
void vmx_event_nmi_window(struct vcpu *v);
err_t vmx_trap_init(void);
hpa_t vmx_msr_bitmap(void);
hpa_t vmx_io_bitmap(u32 half);

/* vmx_entry.S, and what it calls: after an exit; when an NMI came before the entry; when VMLAUNCH
 * or VMRESUME failed */
_Noreturn void vmx_loop(struct vcpu *v);
void vmx_exited(struct vcpu *v);
void vmx_entry_aborted(struct vcpu *v);
_Noreturn void vmx_entry_failed(struct vcpu *v);
void vmx_exit_entry(void);

#endif
