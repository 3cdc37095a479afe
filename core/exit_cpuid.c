/* SPDX-License-Identifier: MIT */
/* CPUID: the machine's own answers, less what the guest cannot have (Intel SDM vol. 2A, CPUID). */
#include "core/core.h"
#include "core/exit_handlers.h"
#include "hv/gmem.h"
#include "x86/cpuid.h"
#include "x86/cr.h"
#include "x86/insn.h"

/* "LaminaLamina" in EBX, ECX, EDX */
#define NAME_EBX 0x696d614cu
#define NAME_ECX 0x614c616eu
#define NAME_EDX 0x616e696du

static void give(struct vcpu *v, const struct cpuid *c)
{
	v->gpr[GPR_RAX] = c->eax;
	v->gpr[GPR_RBX] = c->ebx;
	v->gpr[GPR_RCX] = c->ecx;
	v->gpr[GPR_RDX] = c->edx;
}

static void leaf_1(struct vcpu *v, struct cpuid *c)
{
	c->ecx &= ~(CPUID_1_ECX_VMX | CPUID_1_ECX_SMX | CPUID_1_ECX_OSXSAVE);
	if ((c->ecx & CPUID_1_ECX_XSAVE) && (guest_cr(v, CRM_CR4) & CR4_OSXSAVE))
		c->ecx |= CPUID_1_ECX_OSXSAVE;
	if (machine.opt.cpuid == OPT_CPUID_HYPERVISOR)
		c->ecx |= CPUID_1_ECX_HYPERVISOR;
}

static void leaf_7(struct vcpu *v, struct cpuid *c)
{
	c->ebx &= ~(CPUID_7_EBX_SGX | CPUID_7_EBX_PT);
	c->ecx &= ~(CPUID_7_ECX_OSPKE | CPUID_7_ECX_KL | CPUID_7_ECX_ENQCMD);
	if ((c->ecx & CPUID_7_ECX_PKU) && (guest_cr(v, CRM_CR4) & CR4_PKE))
		c->ecx |= CPUID_7_ECX_OSPKE;
}

/* FRED would deliver the guest's events by rules that Lamina does not know yet. */
static void leaf_7_1(struct cpuid *c)
{
	c->eax &= ~CPUID_7_1_EAX_FRED;
}

/* Intel's processors have SYSCALL in 64-bit mode only, and show it in that mode only: ours. */
static void leaf_80000001(struct vcpu *v, struct cpuid *c)
{
	c->ecx &= ~(CPUID_80000001_ECX_SVM | CPUID_80000001_ECX_SKINIT);
	if (backend->vendor == CRM_INTEL && gmem_code_mode(v) != INSN_64)
		c->edx &= ~CPUID_80000001_EDX_SYSCALL;
}

static void leaf_hv(struct cpuid *c)
{
	if (machine.opt.cpuid != OPT_CPUID_NATIVE)
		*c = (struct cpuid){CPUID_HV_BASE, NAME_EBX, NAME_ECX, NAME_EDX};
}

/* Out of line, so that all other leaves are answered without a stack frame. */
__attribute__((noinline)) static void change(struct vcpu *v, u32 leaf, u32 subleaf)
{
	struct cpuid c = cpuid(leaf, subleaf);

	if (leaf == 1)
		leaf_1(v, &c);
	else if (leaf == 7 && subleaf == 0)
		leaf_7(v, &c);
	else if (leaf == 7 && subleaf == 1)
		leaf_7_1(&c);
	else if (leaf == CPUID_HV_BASE)
		leaf_hv(&c);
	else if (leaf == 0x80000001)
		leaf_80000001(v, &c);
	else if (leaf == 0x8000000a && backend->vendor == CRM_AMD)
		c = (struct cpuid){0, 0, 0, 0}; /* reserved without AMD-V */
	give(v, &c);
}

enum exit_answer exit_cpuid(struct vcpu *v, const struct exit *x)
{
	u32 leaf = (u32)v->gpr[GPR_RAX];

	(void)x;
	/* in one test: leaves 1 and 7, and those from the hypervisors' on */
	if (leaf < 8 ? (1u << 1 | 1u << 7) >> leaf & 1 : leaf >= CPUID_HV_BASE)
		change(v, leaf, (u32)v->gpr[GPR_RCX]);
	else
		cpuid64(&v->gpr[GPR_RAX], &v->gpr[GPR_RBX], &v->gpr[GPR_RCX], &v->gpr[GPR_RDX]);
	return EXIT_ADVANCE;
}
