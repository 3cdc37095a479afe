/* SPDX-License-Identifier: MIT */
/* What only VT-x has: the checks at VMXON and VM entry, CR3 targets, and guests that are not
 * unrestricted. */
#include "testkernel/cases/level1.h"
#include "testkernel/exec.h"
#include "testkernel/l1/l2.h"
#include "testkernel/l1/vmcs.h"
#include "testkernel/l1/vmx.h"
#include "testkernel/smp.h"
#include "testkernel/tap.h"
#include "x86/cr.h"
#include "x86/msr.h"

/* One VM entry with a field that is not as it was built (Intel SDM vol. 3C, 27.2 and 27.3.1). */
struct entry {
	const char *text;
	enum l2_mode mode;
	u32 field;
	u64 set, clear;
	u64 proc2_off; /* secondary controls not used */
	u32 reason;    /* due; VMfail: the instruction error */
};

#define NUMBERS_OF_CR0 (0xffc0ULL | BIT(17) | 0x1ff80000ULL) /* 15:6, 17, 28:19 */

static const struct entry entries[] = {
	{"entry: real mode is accepted (F5)", L2_REAL, GUEST_CR0, 0, 0, 0, REASON_VMCALL},
	{"entry: CR0.NE = 0 is refused (F1, F5)", L2_LONG, GUEST_CR0, 0, CR0_NE, 0,
	 REASON_GUEST_STATE},
	{"entry: CR0.PG without PE is refused", L2_PAGED, GUEST_CR0, 0, CR0_PE, 0,
	 REASON_GUEST_STATE},
	{"entry: CR0 bit 32 is refused", L2_LONG, GUEST_CR0, BIT(32), 0, 0, REASON_GUEST_STATE},
	{"entry: CR0.PE = 0 is refused without unrestricted guest (F5)", L2_REAL, GUEST_CR0, 0, 0,
	 PROC2_UNRESTRICTED, REASON_GUEST_STATE},
	{"entry: CR0.PG = 0 is refused without unrestricted guest (F5)", L2_FLAT, GUEST_CR0, 0, 0,
	 PROC2_UNRESTRICTED, REASON_GUEST_STATE},
	{"entry: paging is accepted without unrestricted guest", L2_PAE, GUEST_CR0, 0, 0,
	 PROC2_UNRESTRICTED, REASON_VMCALL},
	{"entry: CR0 bits 15:6, 17 and 28:19 are ignored (F12)", L2_LONG, GUEST_CR0, NUMBERS_OF_CR0,
	 CR0_ET, 0, REASON_VMCALL},
	{"entry: CR0.NW without CD is ignored (F12)", L2_LONG, GUEST_CR0, CR0_NW, 0, 0,
	 REASON_VMCALL},
	{"entry: CR0.CD is not loaded (F12)", L2_LONG, GUEST_CR0, CR0_CD, 0, 0, REASON_VMCALL},
	{"entry: CR4.VMXE = 0 is refused (F1)", L2_LONG, GUEST_CR4, 0, CR4_VMXE, 0,
	 REASON_GUEST_STATE},
	{"entry: CR4 bit 63 is refused (F4)", L2_LONG, GUEST_CR4, BIT(63), 0, 0,
	 REASON_GUEST_STATE},
	{"entry: CR4 bit 15 is refused (F4)", L2_LONG, GUEST_CR4, BIT(15), 0, 0,
	 REASON_GUEST_STATE},
	{"entry: CR4.PAE = 0 is refused in IA-32e mode", L2_LONG, GUEST_CR4, 0, CR4_PAE, 0,
	 REASON_GUEST_STATE},
	{"entry: CR4.PCIDE is refused outside IA-32e mode", L2_PAE, GUEST_CR4, CR4_PCIDE, 0, 0,
	 REASON_GUEST_STATE},
	{"entry: CR4.CET without CR0.WP is refused (G11)", L2_LONG, GUEST_CR4, CR4_CET, 0, 0,
	 REASON_GUEST_STATE},
	{"entry: CR3 bit 62 is refused", L2_LONG, GUEST_CR3, BIT(62), 0, 0, REASON_GUEST_STATE},
	{"entry: EFER bit 1 is refused", L2_LONG, GUEST_EFER, BIT(1), 0, 0, REASON_GUEST_STATE},
	{"entry: EFER.LMA that differs from the control is refused (E1)", L2_LONG, GUEST_EFER, 0,
	 EFER_LMA, 0, REASON_GUEST_STATE},
	{"entry: LME that differs from LMA under paging is refused (E1)", L2_PAE, GUEST_EFER,
	 EFER_LME, 0, 0, REASON_GUEST_STATE},
	{"entry: a PDPTE with a reserved bit is refused (P1)", L2_PAE, GUEST_PDPTE0 + 2, 3, 0, 0,
	 REASON_GUEST_STATE},
	{"entry: host CR4.PAE = 0 is refused (F9)", L2_LONG, HOST_CR4, 0, CR4_PAE, 0, 8},
	{"entry: host CR4.VMXE = 0 is refused (F1)", L2_LONG, HOST_CR4, 0, CR4_VMXE, 0, 8},
	{"entry: host CR0.NE = 0 is refused (F1)", L2_LONG, HOST_CR0, 0, CR0_NE, 0, 8},
};

static void prepare(struct l1_case *c, struct l2 *g)
{
	u32 total, back;

	l2_code(c, &total, &back);
	l2_build(c, g);
	vmx_load(g);
}

static void enter(void *arg)
{
	const struct entry *e = arg;
	u64 proc2 = vmread(PROC_CONTROLS2), was;
	struct l1_case c;
	struct l2 g;
	struct l2_exit x;

	l1_plain(&c, e->mode);
	c.op = CRM_MOV_FROM;
	c.gpr = RBX;
	prepare(&c, &g);
	was = vmread(e->field);
	vmwrite(PROC_CONTROLS2, proc2 & ~e->proc2_off);
	vmwrite(e->field, (was | e->set) & ~e->clear);
	vmx_run(&g, &x);
	vmwrite(e->field, was);
	vmwrite(PROC_CONTROLS2, proc2);
	check(x.reason == e->reason, "reason %x, not %x", x.reason, e->reason);
	check(x.reason != REASON_VMCALL || (u32)g.gpr[RBX] == (u32)c.cr[CRM_CR0].hw,
	      "the guest reads CR0 %lx, not %lx", g.gpr[RBX], c.cr[CRM_CR0].hw);
}

/* How many there may be (Intel SDM vol. 3D, A.6). */
#define MISC_CR3_TARGETS(misc) ((u32)((misc) >> 16) & 0x1ff)

/* With `targets` CR3-target values, MOV of candidate `i` to CR3 (R5; Intel SDM vol. 3C, 25.6.7). */
static void cr3_target(enum l2_mode mode, u32 targets, u32 i)
{
	u64 proc = vmread(PROC_CONTROLS), cr3;
	struct l1_case c;
	struct l2 g;
	struct l2_exit x;

	l1_plain(&c, mode);
	c.op = CRM_MOV_TO;
	c.num = 3;
	c.gpr = RDX;
	c.value = i << 3; /* PWT, PCD */
	prepare(&c, &g);
	cr3 = g.cr3;
	for (u32 n = 0; n < targets; n++)
		vmwrite(CR3_TARGET0 + 2 * n, cr3 | n << 3);
	vmwrite(CR3_TARGET_COUNT, targets);
	vmwrite(PROC_CONTROLS, proc | PROC_CR3_LOAD);
	vmx_run(&g, &x);
	vmwrite(PROC_CONTROLS, proc);
	vmwrite(CR3_TARGET_COUNT, 0);
	if (i < targets)
		check(x.kind == L2_CALL && g.cr3 == (cr3 | i << 3) && (u32)g.gpr[RBX] == g.cr3,
		      "%s, %u targets, value %u: reason %u, CR3 %lx", l1_mode_name(mode), targets,
		      i, x.reason, g.cr3);
	else
		check(x.kind == L2_CR && x.qualification == (3 | RDX << 8) && g.cr3 == cr3,
		      "%s, %u targets, value %u: reason %u, qualification %lx", l1_mode_name(mode),
		      targets, i, x.reason, x.qualification);
}

static void cr3_targets(void *unused)
{
	static const enum l2_mode modes[] = {L2_PAGED, L2_PAE, L2_COMPAT, L2_LONG};
	u32 max = MISC_CR3_TARGETS(rdmsr(MSR_VMX_MISC));

	(void)unused;
	for (size_t m = 0; m < ARRAY_SIZE(modes); m++)
		for (u32 targets = 0; targets <= 4 && targets <= max; targets++)
			for (u32 i = 0; i < 4; i++)
				cr3_target(modes[m], targets, i);
}

/*
 * A guest that is not unrestricted may not switch paging off: an attempt to set a bit to a value
 * that VMX operation does not support is #GP (Intel SDM vol. 3C, 26.3). Bochs 2.7 lets it
 * (doc/cr-platforms.md): noted, and nothing else is accepted.
 */
static void restricted(void *unused)
{
	u64 proc2 = vmread(PROC_CONTROLS2);
	struct l1_case c;
	struct l2 g;
	struct l2_exit x;

	(void)unused;
	l1_plain(&c, L2_PAE);
	c.op = CRM_MOV_TO;
	c.gpr = RDX;
	c.value = c.cr[CRM_CR0].hw & ~CR0_PG;
	prepare(&c, &g);
	vmwrite(PROC_CONTROLS2, proc2 & ~PROC2_UNRESTRICTED);
	vmx_run(&g, &x);
	vmwrite(PROC_CONTROLS2, proc2);
	if (x.kind == L2_CALL && g.cr[CRM_CR0].hw == c.value)
		note("cpu %u: CR0.PG := 0 in a guest that is not unrestricted is done",
		     this_cpu()->index);
	else
		check(x.kind == L2_EXCEPTION && x.vector == VECTOR_GP &&
			      g.cr[CRM_CR0].hw == c.cr[CRM_CR0].hw,
		      "reason %u, vector %u, CR0 %lx", x.reason, x.vector, g.cr[CRM_CR0].hw);
	check(g.cr[CRM_CR0].shadow == c.cr[CRM_CR0].shadow, "the shadow is %lx",
	      g.cr[CRM_CR0].shadow);
}

static u32 try_vmxon(u32 cpl)
{
	u64 *operand = (u64 *)this_cpu()->data;
	struct exec e = {.f.gpr[RDI] = exec_data(cpl)};

	*operand = vmx_region();
	return exec(&e, cpl, &snip_vmxon);
}

/* Intel SDM vol. 3C, 24.8; VMXON in 31.3. */
static void vmxon_checks(void *unused)
{
	u64 cr0, cr4;
	u32 v;

	(void)unused;
	l1->disable();
	cr0 = read_cr0();
	cr4 = read_cr4();
	v = try_vmxon(0);
	check(v == VECTOR_UD, "VMXON with CR4.VMXE = 0: vector %u", v);
	write_cr4(cr4 | CR4_VMXE);
	v = try_vmxon(3);
	check(v == VECTOR_GP, "VMXON at CPL 3: vector %u", v);
	write_cr0(cr0 & ~CR0_NE);
	v = try_vmxon(0);
	check(v == VECTOR_GP, "VMXON with CR0.NE = 0: vector %u", v);
	write_cr0(cr0);
	l1->enable();
	v = exec_acd(0, &snip_mov_to_cr4, read_cr4() & ~CR4_VMXE, 0, 0);
	check(v == VECTOR_GP && (read_cr4() & CR4_VMXE),
	      "CR4.VMXE := 0 in VMX operation: vector %u", v);
	v = exec_acd(0, &snip_mov_to_cr0, read_cr0() & ~CR0_NE, 0, 0);
	check(v == VECTOR_GP && (read_cr0() & CR0_NE), "CR0.NE := 0 in VMX operation: vector %u",
	      v);
}

void level1_vmx(void)
{
	level1_numbers(level1_vmx_numbers, level1_vmx_number_count);
	on_each_cpu(vmxon_checks, NULL);
	tap("vmxon: needs VMXE, NE and CPL 0, and keeps VMXE and NE (F1, F2, F8)");
	for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
		on_each_cpu(enter, (void *)(uintptr_t)&entries[i]);
		tap("%s", entries[i].text);
	}
	on_each_cpu(cr3_targets, NULL);
	tap("cr3: a write of a target value does not exit, of any other it does (R5)");
	on_each_cpu(restricted, NULL);
	tap("cr0: PG := 0 without unrestricted guest (F5)");
}
