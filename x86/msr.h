/* SPDX-License-Identifier: MIT */
/* Model-specific registers that Lamina knows by name (Intel SDM vol. 4; AMD APM vol. 2, appendix
 * A). */
#ifndef X86_MSR_H
#define X86_MSR_H

#include "hv/types.h"

#define MSR_APIC_BASE	       0x1b
#define MSR_SMI_COUNT	       0x34
#define MSR_FEATURE_CONTROL    0x3a
#define MSR_BIOS_UPDT_TRIG     0x79
#define MSR_SMM_MONITOR_CTL    0x9b
#define MSR_MTRRCAP	       0xfe
#define MSR_SYSENTER_CS	       0x174
#define MSR_SYSENTER_ESP       0x175
#define MSR_SYSENTER_EIP       0x176
#define MSR_DEBUGCTL	       0x1d9
#define MSR_MTRR_PHYSBASE0     0x200
#define MSR_MTRR_FIX64K_00000  0x250
#define MSR_MTRR_FIX16K_80000  0x258
#define MSR_MTRR_FIX4K_C0000   0x268
#define MSR_PAT		       0x277
#define MSR_MTRR_DEF_TYPE      0x2ff
#define MSR_VMX_BASIC	       0x480
#define MSR_VMX_PINBASED       0x481
#define MSR_VMX_PROCBASED      0x482
#define MSR_VMX_EXIT	       0x483
#define MSR_VMX_ENTRY	       0x484
#define MSR_VMX_MISC	       0x485
#define MSR_VMX_CR0_FIXED0     0x486
#define MSR_VMX_CR0_FIXED1     0x487
#define MSR_VMX_CR4_FIXED0     0x488
#define MSR_VMX_CR4_FIXED1     0x489
#define MSR_VMX_PROCBASED2     0x48b
#define MSR_VMX_EPT_VPID_CAP   0x48c
#define MSR_VMX_TRUE_PINBASED  0x48d
#define MSR_VMX_TRUE_PROCBASED 0x48e
#define MSR_VMX_TRUE_EXIT      0x48f
#define MSR_VMX_TRUE_ENTRY     0x490
#define MSR_VMX_LAST	       0x493
#define MSR_MISC_ENABLE	       0x1a0
#define MSR_PEBS_ENABLE	       0x3f1
#define MSR_RTIT_FIRST	       0x560
#define MSR_RTIT_LAST	       0x571
#define MSR_RTIT_ADDR_FIRST    0x580
#define MSR_RTIT_ADDR_LAST     0x587
#define MSR_X2APIC_FIRST       0x800
#define MSR_X2APIC_ICR	       0x830
#define MSR_EFER	       0xc0000080
#define MSR_STAR	       0xc0000081
#define MSR_LSTAR	       0xc0000082
#define MSR_CSTAR	       0xc0000083
#define MSR_FMASK	       0xc0000084
#define MSR_FS_BASE	       0xc0000100
#define MSR_GS_BASE	       0xc0000101
#define MSR_KERNEL_GS_BASE     0xc0000102

#define FEATURE_CONTROL_LOCK	   BIT(0)
#define FEATURE_CONTROL_VMX_NO_SMX BIT(2)

#define MISC_ENABLE_NO_PEBS BIT(12)

#define APIC_BASE_X2APIC BIT(10)
#define APIC_BASE_ENABLE BIT(11)

#define MSR_AMD_SYSCFG	     0xc0010010
#define MSR_AMD_IORR_FIRST   0xc0010016 /* IORRBase and IORRMask 0 and 1, up to TOP_MEM */
#define MSR_AMD_TOP_MEM	     0xc001001a
#define MSR_AMD_TOP_MEM2     0xc001001d
#define MSR_AMD_PATCH_LOADER 0xc0010020
#define MSR_AMD_MMIO_CONFIG  0xc0010058 /* where PCI configuration space is in memory */
#define MSR_AMD_SMM_BASE     0xc0010111
#define MSR_AMD_SMM_MASK     0xc0010113
#define MSR_VM_CR	     0xc0010114 /* up to MSR_SVM_LAST: IGNNE, SMM_CTL, VM_HSAVE_PA, SVM_KEY, SSP */
#define MSR_VM_HSAVE_PA	     0xc0010117
#define MSR_SVM_LAST	     0xc001011b

#define VM_CR_R_INIT BIT(1)
#define VM_CR_LOCK   BIT(3)
#define VM_CR_SVMDIS BIT(4)

#define EFER_SCE  BIT(0)
#define EFER_LME  BIT(8)
#define EFER_LMA  BIT(10)
#define EFER_NXE  BIT(11)
#define EFER_SVME BIT(12)

/* IA32_PAT after RESET (Intel SDM vol. 3A, 12.12.4) */
#define PAT_RESET 0x0007040600070406ULL

#endif
