/* SPDX-License-Identifier: MIT */
/* Canonicalization and consistency checks (AMD APM vol. 2, 15.5.1; events 15.20; nested paging
 * 15.25.3 and 15.25.4). */
#include "svm/svm_check.h"

#include "lib/fmt.h"
#include "x86/cr.h"
#include "x86/msr.h"
#include "x86/seg.h"
#include "x86/vector.h"

#define MSR_BITMAP_BYTES KiB(8)
#define IO_BITMAP_BYTES	 KiB(12)
/* Bits that some processor has (AMD APM vol. 2, 3.1.7) */
#define EFER_DEFINED 0x36fd01ULL

static void check_injection(struct check *c, struct vcpu *v)
{
	u64 info = vmcb_read(v, VMCB_EVENTINJ);
	u32 type = EVENT_INFO_TYPE(info), vector = EVENT_INFO_VECTOR(info);

	if (!(info & EVENT_INFO_VALID))
		return;
	check_that(c, type <= EVENT_TYPE_SOFT && type != 1, "injected event %x: type %u", (u32)info,
		   type);
	check_that(c, type != EVENT_TYPE_EXC || (vector < VECTOR_COUNT && vector != VECTOR_NMI),
		   "injected exception %x: vector", (u32)info);
}

static void check_controls(struct check *c, struct vcpu *v)
{
	u64 end = BIT(svm_caps.phys_bits);
	u64 n_cr3 = vmcb_read(v, VMCB_N_CR3);

	check_that(c, vmcb_read(v, VMCB_INTERCEPTS2) & INTERCEPT(SVM_VMRUN),
		   "VMRUN is not intercepted");
	check_that(c, vmcb_read(v, VMCB_ASID), "ASID is 0");
	check_that(c, vmcb_read(v, VMCB_MSRPM) + MSR_BITMAP_BYTES <= end, "MSRPM: width");
	check_that(c, vmcb_read(v, VMCB_IOPM) + IO_BITMAP_BYTES <= end, "IOPM: width");
	check_that(c, n_cr3 < end && !(n_cr3 & ~(PTE_ADDR | PTE_PWT | PTE_PCD)),
		   "nested CR3 0x%" FMT64 "x: reserved bits", n_cr3);
	check_that(c, check_pat(vmcb_read(v, VMCB_PAT)), "guest PAT: memory type");
}

static void check_guest(struct check *c, struct vcpu *v)
{
	u64 cr0 = vmcb_read(v, VMCB_CR0), cr3 = vmcb_read(v, VMCB_CR3);
	u64 cr4 = vmcb_read(v, VMCB_CR4), efer = vmcb_read(v, VMCB_EFER);
	u64 cs = svm_state_get(v, REG_SEG(SEG_CS, SEG_AR));
	bool ia32e = (efer & EFER_LME) && (cr0 & CR0_PG);

	check_that(c, efer & EFER_SVME, "guest EFER.SVME is 0");
	check_that(c, !(efer & ~EFER_DEFINED), "guest EFER 0x%" FMT64 "x: reserved bits", efer);
	check_that(c, (cr0 & CR0_CD) || !(cr0 & CR0_NW), "guest CR0.NW without CR0.CD");
	check_that(c, !(cr0 >> 32), "guest CR0 0x%" FMT64 "x: bits 63:32", cr0);
	check_that(c, !(cr3 >> svm_caps.phys_bits), "guest CR3: width");
	check_that(c, !(cr4 & ~svm_caps.cr4), "guest CR4 0x%" FMT64 "x: reserved bits", cr4);
	check_that(c, !(vmcb_read(v, VMCB_DR6) >> 32), "guest DR6: bits 63:32");
	check_that(c, !(vmcb_read(v, VMCB_DR7) >> 32), "guest DR7: bits 63:32");
	check_that(c, !ia32e || (cr4 & CR4_PAE), "guest EFER.LME and CR0.PG without CR4.PAE");
	check_that(c, !ia32e || (cr0 & CR0_PE), "guest EFER.LME and CR0.PG without CR0.PE");
	check_that(c, !ia32e || !(cs & SEG_AR_L) || !(cs & SEG_AR_DB), "guest CS: L and D both 1");
	check_that(c, !(cr4 & CR4_CET) || (cr0 & CR0_WP), "guest CR4.CET without CR0.WP");
}

u32 svm_check_all(struct vcpu *v, emit_fn emit)
{
	struct check c = {.emit = emit};

	check_controls(&c, v);
	check_injection(&c, v);
	check_guest(&c, v);
	return c.violations;
}
