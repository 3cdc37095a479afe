/* SPDX-License-Identifier: MIT */
/* Into L2 and back with AMD-V (AMD APM vol. 2, 15.3 to 15.7, 15.25). */
#include "testkernel/l1/svm.h"
#include "testkernel/cpu.h"
#include "testkernel/exec.h"
#include "testkernel/features.h"
#include "lib/insn.h"
#include "lib/string.h"
#include "x86/msr.h"
#include "x86/paging.h"

#define CR0_BITS  0xffffffffULL /* those that VMRUN accepts */
#define DR6_RESET 0xffff0ff0ULL
#define DR7_RESET 0x400ULL

struct svm_cpu {
	struct vmcb vmcb;    /* L2 */
	struct vmcb host;    /* of this only what VMSAVE stores */
	u8 hsave[PAGE_SIZE]; /* the CPU's own */
} __attribute__((aligned(4096)));

void svm_enter(u64 gpr[16], u64 vmcb, u64 host);

static struct svm_cpu svm_cpus[MAX_CPUS];
static u64 npt_root;
static bool has_nrip;

struct vmcb *svm_vmcb(void)
{
	return &svm_cpus[this_cpu()->index].vmcb;
}

static const char *init(void)
{
	u64 vm_cr = 0, table = PTE_P | PTE_W | PTE_U;
	u32 features;

	if (cpuid(0x80000000, 0).eax < 0x8000000a ||
	    !(cpuid(0x80000001, 0).ecx & CPUID_80000001_ECX_SVM))
		return "needs VT-x or AMD-V";
	if (try_rdmsr(MSR_VM_CR, &vm_cr) && (vm_cr & VM_CR_SVMDIS))
		return "needs AMD-V that the firmware has not locked off";
	features = cpuid(0x8000000a, 0).edx;
	if (!(features & SVM_FEATURE_NPT))
		return "needs AMD-V with nested paging";
	has_nrip = features & SVM_FEATURE_NRIP;
	npt_root = l1_slat(table, table | PTE_PS);
	return NULL;
}

static void enable(void)
{
	struct svm_cpu *s = &svm_cpus[this_cpu()->index];

	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME);
	wrmsr(MSR_VM_HSAVE_PA, (uintptr_t)s->hsave);
}

static void disable(void)
{
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) & ~EFER_SVME);
}

static void set_controls(struct vmcb *v, const struct crm_intercepts traps[CRM_CRS])
{
	for (u32 n = 0; n < CRM_CRS; n++) {
		u32 cr = n == CRM_CR4 ? 4 : 0;

		v->cr_reads |= (u16)(traps[n].read << cr);
		v->cr_writes |= (u16)(traps[n].write << cr);
	}
	v->exceptions = UINT32_MAX;
	v->intercepts[0] =
		SVM_INTERCEPT(SVM_HLT) | SVM_INTERCEPT(SVM_INVLPGA) | SVM_INTERCEPT(SVM_SHUTDOWN);
	if (traps[CRM_CR0].selective)
		v->intercepts[0] |= SVM_INTERCEPT(SVM_CR0_SELECTIVE);
	v->intercepts[1] = SVM_INTERCEPT(SVM_VMRUN) | SVM_INTERCEPT(SVM_VMMCALL) |
			   SVM_INTERCEPT(SVM_VMLOAD) | SVM_INTERCEPT(SVM_VMSAVE) |
			   SVM_INTERCEPT(SVM_STGI) | SVM_INTERCEPT(SVM_CLGI) |
			   SVM_INTERCEPT(SVM_SKINIT);
	v->asid = 1;
	v->tlb_control = TLB_FLUSH_ALL;
	v->np_enable = 1;
	v->n_cr3 = npt_root;
	v->pat = rdmsr(MSR_PAT);
}

/* A failed VMRUN may leave anything in the VMCB: all of it is written, each time. */
void svm_load(const struct l2 *g)
{
	static const u8 place[L2_SEGMENTS] = {VMCB_ES, VMCB_CS, VMCB_SS,   VMCB_DS,
					      VMCB_FS, VMCB_GS, VMCB_LDTR, VMCB_TR};
	struct vmcb *v = svm_vmcb();

	memset(v, 0, sizeof(*v));
	set_controls(v, g->traps);
	for (u32 i = 0; i < L2_SEGMENTS; i++)
		v->seg[place[i]] = (struct vmcb_segment){
			.sel = g->seg[i].sel,
			.attr = (u16)((g->seg[i].ar & 0xff) | (g->seg[i].ar >> 4 & 0xf00)),
			.limit = g->seg[i].limit,
			.base = g->seg[i].base,
		};
	v->cpl = g->seg[L2_SS].ar >> 5 & 3;
	v->cr0 = g->cr[CRM_CR0].hw;
	v->cr4 = g->cr[CRM_CR4].hw;
	v->cr3 = g->cr3;
	v->efer = g->efer | EFER_SVME;
	v->rax = g->gpr[RAX];
	v->rsp = g->gpr[RSP];
	v->rip = g->rip;
	v->rflags = g->rflags;
	v->dr6 = DR6_RESET;
	v->dr7 = DR7_RESET;
}

static void store(struct l2 *g)
{
	const struct vmcb *v = svm_vmcb();

	g->cr[CRM_CR0].hw = v->cr0;
	g->cr[CRM_CR4].hw = v->cr4;
	g->cr3 = v->cr3;
	g->efer = v->efer & ~EFER_SVME;
	g->ia32e = v->efer & EFER_LMA;
	g->gpr[RAX] = v->rax;
	g->gpr[RSP] = v->rsp;
	g->rip = v->rip;
	g->rflags = v->rflags;
}

static enum l2_exit_kind kind_of(u32 code)
{
	if (code <= SVM_CR_LAST || code == SVM_CR0_SELECTIVE)
		return L2_CR;
	if (code >= SVM_EXCEPTION && code < SVM_EXCEPTION_END)
		return L2_EXCEPTION;
	switch (code) {
	case SVM_VMMCALL: return L2_CALL;
	case SVM_HLT: return L2_HALT;
	case SVM_INVALID: return L2_REFUSED;
	default: return L2_OTHER;
	}
}

void svm_run(struct l2 *g, struct l2_exit *x)
{
	struct svm_cpu *s = &svm_cpus[this_cpu()->index];
	const struct vmcb *v = &s->vmcb;
	u64 cr0 = read_cr0(), cr4 = read_cr4(), efer = rdmsr(MSR_EFER);

	svm_enter(g->gpr, (uintptr_t)v, (uintptr_t)&s->host);
	*x = (struct l2_exit){.reason = (u32)v->exit_code, .kind = kind_of((u32)v->exit_code)};
	if (read_cr0() != cr0 || read_cr4() != cr4 || rdmsr(MSR_EFER) != efer)
		panic("after exit code %x CR0 is %lx, not %lx, CR4 %lx, EFER %lx", x->reason,
		      read_cr0(), cr0, read_cr4(), rdmsr(MSR_EFER));
	if (x->kind == L2_REFUSED)
		return;
	store(g);
	if (x->kind == L2_CR && has_nrip)
		x->length = (u32)(v->next_rip - v->rip);
	if (x->kind == L2_EXCEPTION) {
		x->vector = x->reason - SVM_EXCEPTION;
		x->error = (u32)v->exit_info1;
	}
}

static void run(struct l2 *g, struct l2_exit *x)
{
	svm_load(g);
	svm_run(g, x);
}

static void limits(struct crm_cpu *cpu)
{
	cpu->vendor = CRM_AMD;
	cpu->limits[CRM_CR0] = (struct crm_limits){.must0 = ~CR0_BITS};
	cpu->limits[CRM_CR4] = (struct crm_limits){.must0 = ~cr4_allowed()};
}

/* AMD APM vol. 2, 15.9; appendix C. */
static void cr_exit(const struct crm_cpu *cpu, const struct crm_insn *i, u32 gpr, struct l2_exit *x)
{
	bool cr4 = (i->op == CRM_MOV_TO || i->op == CRM_MOV_FROM) && i->cr == 4;
	u32 cr = cr4 ? 4 : 0;

	(void)gpr;
	x->linear = 0;
	if (!has_nrip)
		x->length = 0;
	if (i->op == CRM_MOV_FROM || i->op == CRM_SMSW)
		x->reason = SVM_CR_READ + cr;
	else if (cpu->intercepts[cr4 ? CRM_CR4 : CRM_CR0].write)
		x->reason = SVM_CR_WRITE + cr;
	else
		x->reason = SVM_CR0_SELECTIVE;
}

static u32 exited(const struct l2 *g, const struct l2_exit *x, struct crm_insn *i, u32 *gpr)
{
	struct insn d;
	int length = insn_decode((const u8 *)(uintptr_t)g->rip, INSN_MAX_BYTES, INSN_32, &d);

	(void)x;
	*gpr = d.rm.number;
	*i = (struct crm_insn){.op = d.op == INSN_MOV_TO_CR ? CRM_MOV_TO : CRM_MOV_FROM,
			       .cr = d.reg.number,
			       .value = g->gpr[*gpr]};
	return length > 0 ? (u32)length : 0;
}

const struct l1_vendor l1_svm = {
	.init = init,
	.enable = enable,
	.disable = disable,
	.run = run,
	.limits = limits,
	.cr_exit = cr_exit,
	.exited = exited,
	.call = {0x0f, 0x01, 0xd9},
};
