/* SPDX-License-Identifier: MIT */
/*
 * AMD-V as a guest sees it: not at all. Its instructions are #UD in every mode, its MSRs and
 * EFER.SVME as on a processor without it (AMD APM vol. 2, 15.4; vol. 3, each instruction). On a
 * bare machine whose CPUID shows AMD-V the MSRs are there, and only noted.
 */
#include "testkernel/exec.h"
#include "testkernel/groups.h"
#include "testkernel/lamina.h"
#include "testkernel/lapic.h"
#include "testkernel/quirks.h"
#include "testkernel/tap.h"
#include "testkernel/cases/model.h"
#include "lib/string.h"
#include "x86/cr.h"
#include "x86/msr.h"

#define FIRST_INSN 0xd8 /* VMRUN VMMCALL VMLOAD VMSAVE STGI CLGI SKINIT INVLPGA */
#define LAST_INSN  0xdf
#define VECTOR	   (VEC_TEST + 6)
#define PATTERN	   0xa5

#define MSR_KERNEL_GS_BASE 0xc0000102
#define MSR_STAR	   0xc0000081
#define MSR_LSTAR	   0xc0000082

static struct crp programs[MAX_CPUS];

static void insns(void *unused)
{
	struct crp *p = &programs[this_cpu()->index];
	struct model_tally *t = &model_tally[this_cpu()->index];
	struct crm_cpu base;
	struct crp_wrong w;

	(void)unused;
	crp_init(p);
	base = model_base(p, model_job.mode, model_job.filled);
	t->stuck |= !crp_route(p, &base);
	for (u32 i = FIRST_INSN; i <= LAST_INSN; i++) {
		struct crp_step s = {.kind = CRP_SVM, .ring = model_job.ring, .value = i};

		t->done += crp_add(p, &s);
	}
	if (!crp_run(p, &w))
		model_wrong(t, p, &w);
}

static void in_ring(u8 ring, const char *name)
{
	u32 n = model_in_modes(ring, insns, name);

	tap("%s: %u instructions of AMD-V in all modes are #UD", name, n);
}

/* What VMLOAD would load. */
static void hidden_state(u64 v[8])
{
	static const u32 msrs[8] = {MSR_FS_BASE,      MSR_GS_BASE,     MSR_KERNEL_GS_BASE,
				    MSR_STAR,	      MSR_LSTAR,       MSR_SYSENTER_CS,
				    MSR_SYSENTER_ESP, MSR_SYSENTER_EIP};

	for (u32 i = 0; i < ARRAY_SIZE(msrs); i++)
		v[i] = rdmsr(msrs[i]);
}

/* With RAX a page of the kernel's own, and the pages of Lamina's: nothing is loaded or stored, and
 * interrupts go on. */
static void no_effect(void *unused)
{
	static const struct snippet *const codes[] = {&snip_vmrun,  &snip_vmload, &snip_vmsave,
						      &snip_stgi,   &snip_clgi,	  &snip_skinit,
						      &snip_invlpga};
	struct cpu *c = this_cpu();
	u64 at[] = {(uintptr_t)c->data, 0, 0}, before[8], after[8];
	u32 irqs = c->irq_count[VECTOR];

	(void)unused;
	if (lamina_here())
		check(lamina_info(HC_INFO_HV_BASE, &at[1]) && lamina_info(HC_INFO_LOW_BASE, &at[2]),
		      "Lamina does not tell where it is");
	hidden_state(before);
	for (u32 i = 0; i < ARRAY_SIZE(codes) * ARRAY_SIZE(at) * 2; i++) {
		const struct snippet *s = codes[i / 6];
		u32 v;

		memset(c->data, PATTERN, PAGE_SIZE);
		v = exec_acd(i & 1 ? 3 : 0, s, at[i / 2 % 3], 0, 0);
		check(v == VECTOR_UD, "%u: vector %u", i, v);
		for (u32 k = 0; k < PAGE_SIZE; k++)
			check(c->data[k] == PATTERN, "%u: byte %u is %x", i, k, c->data[k]);
	}
	hidden_state(after);
	check(!memcmp(before, after, sizeof(before)), "VMLOAD loaded something");
	lapic_send(0, ICR_FIXED | ICR_TO_SELF | VECTOR);
	tk_sti();
	check(wait_for(c->irq_count[VECTOR] == irqs + 1), "no interrupt comes");
	tk_cli();
}

static bool shown(void)
{
	return cpuid(0x80000001, 0).ecx & CPUID_80000001_ECX_SVM;
}

/* EFER.SVME is a reserved bit. */
static void svme(void *unused)
{
	u64 efer = rdmsr(MSR_EFER), now;
	bool ok = try_wrmsr(MSR_EFER, efer | EFER_SVME);

	(void)unused;
	now = rdmsr(MSR_EFER);
	check(shown() || (now == efer && (!ok || quirk_took(TCG_EFER_UNCHECKED, !lamina_here()))),
	      "EFER is %lx, was %lx", now, efer);
	wrmsr(MSR_EFER, efer);
	check(try_wrmsr(MSR_EFER, efer) && rdmsr(MSR_EFER) == efer, "EFER: %lx", rdmsr(MSR_EFER));
}

/* VM_CR: there is none, or it says that AMD-V is locked off, and stays so. */
static void vm_cr(void *unused)
{
	u64 before, now = 0;
	bool there = try_rdmsr(MSR_VM_CR, &before);
	bool off = before & VM_CR_SVMDIS;

	(void)unused;
	check(shown() || !there || (lamina_amd() && off) ||
		      quirk_took(TCG_MSR_UNCHECKED, !before && !lamina_here()),
	      "VM_CR is %lx", before);
	if (shown())
		return;
	for (u64 v = 0; v < 0x20; v++)
		check(!try_wrmsr(MSR_VM_CR, v) || off ||
			      quirk_took(TCG_MSR_UNCHECKED, !lamina_here()),
		      "VM_CR := %lx", v);
	try_rdmsr(MSR_VM_CR, &now);
	check(now == before, "VM_CR is %lx, was %lx", now, before);
}

/* VM_HSAVE_PA: there is none. QEMU has it always. */
static void vm_hsave(void *unused)
{
	u64 before, now;
	bool there = try_rdmsr(MSR_VM_HSAVE_PA, &before);
	bool ok = !shown() && try_wrmsr(MSR_VM_HSAVE_PA, (uintptr_t)this_cpu()->data);

	(void)unused;
	check(shown() || !there || quirk_took(TCG_MSR_UNCHECKED, !lamina_here()),
	      "VM_HSAVE_PA is %lx", before);
	check(!ok || quirk_took(TCG_MSR_UNCHECKED, !lamina_here() &&
							   try_rdmsr(MSR_VM_HSAVE_PA, &now) &&
							   now == (uintptr_t)this_cpu()->data),
	      "VM_HSAVE_PA is written");
	if (ok)
		wrmsr(MSR_VM_HSAVE_PA, before);
}

void group_svm(void)
{
	crx_init();
	in_ring(CRX_KERNEL, "CPL 0");
	in_ring(CRX_CPL3, "CPL 3");
	in_ring(CRX_V86, "virtual-8086 mode");
	on_each_cpu(no_effect, NULL);
	tap("AMD-V's instructions load and store nothing, and hold no interrupt");
	on_each_cpu(svme, NULL);
	tap("EFER.SVME cannot be set");
	on_each_cpu(vm_cr, NULL);
	on_each_cpu(vm_hsave, NULL);
	tap("VM_CR says that AMD-V is off, or is not there; VM_HSAVE_PA is not there");
	if (shown())
		note("AMD-V is here and shown: its MSRs are not judged");
	probe_all();
	tap("after all this every CPU is where it was");
}
