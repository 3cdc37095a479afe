/* SPDX-License-Identifier: MIT */
/* The instructions of AMD-V (AMD APM vol. 3, chapter 4): in this kernel with EFER.SVME 0 and 1, and
 * in its guest, at CPL 0 and 3. */
#include "testkernel/cases/level1.h"
#include "testkernel/exec.h"
#include "testkernel/l1/l2.h"
#include "testkernel/l1/svm.h"
#include "testkernel/quirks.h"
#include "testkernel/smp.h"
#include "testkernel/tap.h"
#include "x86/msr.h"

#define SVM_INSNS    8 /* 0F 01 D8 to DF */
#define ADDRESS_BITS 52

#define CPUID_80000001_ECX_SKINIT (1u << 12)

static const struct {
	const char *name;
	u32 code; /* of its intercept */
} insns[SVM_INSNS] = {
	{"VMRUN", SVM_VMRUN},	{"VMMCALL", SVM_VMMCALL}, {"VMLOAD", SVM_VMLOAD},
	{"VMSAVE", SVM_VMSAVE}, {"STGI", SVM_STGI},	  {"CLGI", SVM_CLGI},
	{"SKINIT", SVM_SKINIT}, {"INVLPGA", SVM_INVLPGA},
};

static u32 try(u32 cpl, u32 code, u64 rax)
{
	const u8 bytes[] = {0x0f, 0x01, 0xd8};
	u8 copy[sizeof(bytes)] = {bytes[0], bytes[1], (u8)(bytes[2] + code)};
	struct exec e = {.f.gpr[RAX] = rax};

	return exec_bytes(&e, cpl, copy, sizeof(copy));
}

/* STGI and SKINIT also exist where CPUID says so. */
static void without_svme(void *unused)
{
	bool skinit = cpuid(0x80000001, 0).ecx & CPUID_80000001_ECX_SKINIT;

	(void)unused;
	l1->disable();
	for (u32 i = 0; i < SVM_INSNS; i++)
		for (u32 cpl = 0; cpl <= 3; cpl += 3) {
			u32 v;

			if (skinit && (insns[i].code == SVM_STGI || insns[i].code == SVM_SKINIT))
				continue;
			v = try(cpl, i, (uintptr_t)svm_vmcb());
			check(v == VECTOR_UD, "%s at CPL %u: vector %u", insns[i].name, cpl, v);
		}
	l1->enable();
}

static void with_svme(void *unused)
{
	u64 bad[] = {(uintptr_t)svm_vmcb() + 8, BIT(ADDRESS_BITS)};
	u32 v;

	(void)unused;
	for (u32 i = 0; i < SVM_INSNS; i++) {
		if (insns[i].code == SVM_SKINIT && quirk_here(TCG_SKINIT))
			continue;
		v = try(3, i, (uintptr_t)svm_vmcb());
		check(v == (insns[i].code == SVM_VMMCALL ? VECTOR_UD : VECTOR_GP),
		      "%s at CPL 3: vector %u", insns[i].name, v);
	}
	v = try(0, SVM_VMMCALL - SVM_VMRUN, 0);
	check(v == VECTOR_UD, "VMMCALL at CPL 0: vector %u", v);
	v = try(0, SVM_CLGI - SVM_VMRUN, 0);
	check(v == VEC_DONE, "CLGI at CPL 0: vector %u", v);
	v = try(0, SVM_STGI - SVM_VMRUN, 0);
	check(v == VEC_DONE, "STGI at CPL 0: vector %u", v);
	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		v = try(0, SVM_VMLOAD - SVM_VMRUN, bad[i]);
		check(v == VECTOR_GP, "VMLOAD of %lx: vector %u", bad[i], v);
		v = try(0, SVM_VMSAVE - SVM_VMRUN, bad[i]);
		check(v == VECTOR_GP, "VMSAVE to %lx: vector %u", bad[i], v);
		v = try(0, 0, bad[i]);
		check(v == VECTOR_GP, "VMRUN of %lx: vector %u", bad[i], v);
	}
}

static u32 due_in_guest(u32 mode, u32 cpl, u32 code)
{
	if (code == SVM_VMMCALL)
		return code;
	if (mode == L2_REAL || mode == L2_V86)
		return SVM_EXCEPTION + VECTOR_UD;
	return cpl ? SVM_EXCEPTION + VECTOR_GP : code;
}

static void one_in_guest(u32 mode, u32 cpl, u32 i)
{
	u32 due = due_in_guest(mode, cpl, insns[i].code);
	struct l1_case c;
	struct l2 g;
	struct l2_exit x;
	u8 *code;

	if (insns[i].code == SVM_SKINIT && cpl && quirk_here(TCG_SKINIT))
		return;
	if (mode == L2_V86 && insns[i].code != SVM_VMMCALL && quirk_here(TCG_SVM_V86))
		return;
	l1_plain(&c, (enum l2_mode)mode);
	c.op = CRM_MOV_FROM;
	c.cpl = cpl;
	l2_build(&c, &g);
	code = (u8 *)(uintptr_t)(l2_area(&c) + L2_CODE);
	code[0] = 0x0f;
	code[1] = 0x01;
	code[2] = (u8)(0xd8 + i);
	g.gpr[RAX] = l2_area(&c) + L2_DATA;
	l1->run(&g, &x);
	check(x.reason == due, "%s, %s, CPL %u: exit code %x, due %x", insns[i].name,
	      l1_mode_name(mode), cpl, x.reason, due);
}

static void in_guest(void *unused)
{
	(void)unused;
	for (u32 mode = 0; mode < L2_MODES; mode++)
		for (u32 cpl = 0; cpl <= 3; cpl += 3)
			for (u32 i = 0; i < SVM_INSNS; i++) {
				if ((mode == L2_REAL && cpl) || (mode == L2_V86 && !cpl))
					continue;
				one_in_guest(mode, cpl, i);
			}
}

void level1_svm_insns(void)
{
	on_each_cpu(without_svme, NULL);
	tap("instructions: without EFER.SVME all of AMD-V's are #UD");
	on_each_cpu(with_svme, NULL);
	tap("instructions: with EFER.SVME they want CPL 0 and the address of a page");
	on_each_cpu(in_guest, NULL);
	tap("instructions: a guest's exit, but for its own faults, in every mode");
}
