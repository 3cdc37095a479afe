/* SPDX-License-Identifier: MIT */
/* The VMCS fields, controls and exits that the small hypervisor uses (Intel SDM vol. 3C, chapter
 * 25; vol. 3D, appendices A to C). */
#ifndef TESTKERNEL_L1_VMCS_H
#define TESTKERNEL_L1_VMCS_H

#define VMCS_HOST_RSP 0x6c14 /* for vmx_entry.S too */

#ifndef __ASSEMBLY__

#include "hv/types.h"

/* ES CS SS DS FS GS LDTR TR: the fields of segment n lie 2n further on */
#define GUEST_SEG_SEL	0x0800
#define GUEST_SEG_LIMIT 0x4800
#define GUEST_SEG_AR	0x4814
#define GUEST_SEG_BASE	0x6806

#define HOST_ES_SEL 0x0c00
#define HOST_CS_SEL 0x0c02
#define HOST_SS_SEL 0x0c04
#define HOST_DS_SEL 0x0c06
#define HOST_FS_SEL 0x0c08
#define HOST_GS_SEL 0x0c0a
#define HOST_TR_SEL 0x0c0c

#define MSR_BITMAP    0x2004
#define TSC_OFFSET    0x2010
#define EPT_POINTER   0x201a
#define VMCS_LINK     0x2800
#define GUEST_EFER    0x2806
#define GUEST_PDPTE0  0x280a
#define HOST_EFER     0x2c02
#define PIN_CONTROLS  0x4000
#define PROC_CONTROLS 0x4002

#define EXCEPTION_BITMAP   0x4004
#define PF_ERROR_MASK	   0x4006
#define PF_ERROR_MATCH	   0x4008
#define CR3_TARGET_COUNT   0x400a
#define EXIT_CONTROLS	   0x400c
#define EXIT_STORE_COUNT   0x400e
#define EXIT_LOAD_COUNT	   0x4010
#define ENTRY_CONTROLS	   0x4012
#define ENTRY_LOAD_COUNT   0x4014
#define ENTRY_INTERRUPTION 0x4016
#define PROC_CONTROLS2	   0x401e
#define INSN_ERROR	   0x4400
#define EXIT_REASON	   0x4402
#define EXIT_INTERRUPTION  0x4404
#define EXIT_ERROR_CODE	   0x4406
#define EXIT_INSN_LENGTH   0x440c

#define GUEST_GDTR_LIMIT       0x4810
#define GUEST_IDTR_LIMIT       0x4812
#define GUEST_INTERRUPTIBILITY 0x4824
#define GUEST_ACTIVITY	       0x4826
#define GUEST_SYSENTER_CS      0x482a
#define HOST_SYSENTER_CS       0x4c00
#define CR0_MASK	       0x6000
#define CR4_MASK	       0x6002
#define CR0_SHADOW	       0x6004
#define CR4_SHADOW	       0x6006
#define CR3_TARGET0	       0x6008
#define EXIT_QUALIFICATION     0x6400
#define GUEST_LINEAR	       0x640a
#define GUEST_CR0	       0x6800
#define GUEST_CR3	       0x6802
#define GUEST_CR4	       0x6804
#define GUEST_GDTR_BASE	       0x6816
#define GUEST_IDTR_BASE	       0x6818
#define GUEST_DR7	       0x681a
#define GUEST_RSP	       0x681c
#define GUEST_RIP	       0x681e
#define GUEST_RFLAGS	       0x6820
#define GUEST_PENDING_DEBUG    0x6822
#define GUEST_SYSENTER_ESP     0x6824
#define GUEST_SYSENTER_EIP     0x6826
#define HOST_CR0	       0x6c00
#define HOST_CR3	       0x6c02
#define HOST_CR4	       0x6c04
#define HOST_FS_BASE	       0x6c06
#define HOST_GS_BASE	       0x6c08
#define HOST_TR_BASE	       0x6c0a
#define HOST_GDTR_BASE	       0x6c0c
#define HOST_IDTR_BASE	       0x6c0e
#define HOST_SYSENTER_ESP      0x6c10
#define HOST_SYSENTER_EIP      0x6c12
#define HOST_RIP	       0x6c16

#define PROC_HLT	 BIT(7)
#define PROC_CR3_LOAD	 BIT(15)
#define PROC_MSR_BITMAPS BIT(28)
#define PROC_SECONDARY	 BIT(31)

#define PROC2_EPT	   BIT(1)
#define PROC2_UNRESTRICTED BIT(7)

#define EXIT_HOST64    BIT(9)
#define EXIT_SAVE_EFER BIT(20)
#define EXIT_LOAD_EFER BIT(21)

#define ENTRY_IA32E	BIT(9)
#define ENTRY_LOAD_EFER BIT(15)

#define BASIC_TRUE_CONTROLS BIT(55)
#define EPT_CAP_WALK4	    BIT(6)
#define EPT_CAP_WB	    BIT(14)
#define EPT_CAP_2M	    BIT(16)

#define REASON_EXCEPTION    0u
#define REASON_HLT	    12u
#define REASON_VMCALL	    18u
#define REASON_CR	    28u
#define REASON_ENTRY_FAILED 0x80000000u
#define REASON_GUEST_STATE  0x80000021u

#define CR_ACCESS_TO   0ULL
#define CR_ACCESS_FROM 1ULL
#define CR_ACCESS_CLTS 2ULL
#define CR_ACCESS_LMSW 3ULL

#endif
#endif
