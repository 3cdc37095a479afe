/* SPDX-License-Identifier: MIT */
/* What only AMD-V has: intercepts of CR0 and CR4, the checks of VMRUN, and its instructions. */
#include "testkernel/cases/level1.h"
#include "testkernel/l1/l2.h"
#include "testkernel/l1/svm.h"
#include "testkernel/quirks.h"
#include "testkernel/smp.h"
#include "testkernel/tap.h"
#include "testkernel/trap.h"
#include "x86/cr.h"
#include "x86/msr.h"

#define ATTR_D (1ULL << 26) /* of a segment in the VMCB, as the first 8 bytes have it */

/* One VMRUN with 8 bytes of the VMCB that are not as they were built (AMD APM vol. 2, 15.5.1). */
struct entry {
	const char *text;
	enum l2_mode mode;
	size_t field; /* offset */
	u64 set, clear;
	bool accepted;
	enum quirk quirk; /* whose platforms do it otherwise */
};

#define FIELD(f) offsetof(struct vmcb, f)

static const struct entry entries[] = {
	{"vmrun: real mode is accepted", L2_REAL, FIELD(cr0), 0, 0, true, QUIRKS},
	{"vmrun: paged real mode is accepted", L2_REAL, FIELD(cr0), CR0_PG, 0, true, QUIRKS},
	{"vmrun: CR0.NE = 0 is accepted", L2_LONG, FIELD(cr0), 0, CR0_NE, true, QUIRKS},
	{"vmrun: CR0.CD is accepted (A4)", L2_LONG, FIELD(cr0), CR0_CD, 0, true, QUIRKS},
	{"vmrun: CR0.NW with CD is accepted (A4)", L2_LONG, FIELD(cr0), CR0_CD | CR0_NW, 0, true,
	 QUIRKS},
	{"vmrun: CR0.NW without CD is refused (A4)", L2_LONG, FIELD(cr0), CR0_NW, 0, false, QUIRKS},
	{"vmrun: CR0 bit 32 is refused (A4)", L2_LONG, FIELD(cr0), BIT(32), 0, false, QUIRKS},
	{"vmrun: CR0 bit 63 is refused (A4)", L2_LONG, FIELD(cr0), BIT(63), 0, false, QUIRKS},
	{"vmrun: CR3 bit 62 is refused (A5)", L2_LONG, FIELD(cr3), BIT(62), 0, false,
	 BOCHS_VMRUN_CR3},
	{"vmrun: CR4 bit 13, VMXE, is refused (A5)", L2_LONG, FIELD(cr4), CR4_VMXE, 0, false,
	 QUIRKS},
	{"vmrun: CR4 bit 15 is refused (A5)", L2_LONG, FIELD(cr4), BIT(15), 0, false, QUIRKS},
	{"vmrun: CR4 bit 63 is refused (A5)", L2_LONG, FIELD(cr4), BIT(63), 0, false, QUIRKS},
	{"vmrun: EFER.SVME = 0 is refused", L2_LONG, FIELD(efer), 0, EFER_SVME, false, QUIRKS},
	{"vmrun: EFER bit 1 is refused", L2_LONG, FIELD(efer), BIT(1), 0, false, QUIRKS},
	{"vmrun: EFER bit 63 is refused", L2_LONG, FIELD(efer), BIT(63), 0, false, QUIRKS},
	{"vmrun: LME and PG without PAE are refused", L2_LONG, FIELD(cr4), 0, CR4_PAE, false,
	 QUIRKS},
	{"vmrun: LME and PG without PE are refused", L2_LONG, FIELD(cr0), 0, CR0_PE, false,
	 BOCHS_VMRUN_LME_PE},
	{"vmrun: CS.L with CS.D is refused in long mode", L2_LONG, FIELD(seg[VMCB_CS]), ATTR_D, 0,
	 false, QUIRKS},
	{"vmrun: DR6 bit 32 is refused", L2_LONG, FIELD(dr6), BIT(32), 0, false, QUIRKS},
	{"vmrun: DR7 bit 32 is refused", L2_LONG, FIELD(dr7), BIT(32), 0, false, QUIRKS},
	{"vmrun: ASID 0 is refused", L2_LONG, FIELD(asid), 0, UINT32_MAX, false, QUIRKS},
	{"vmrun: VMRUN not intercepted is refused", L2_LONG, FIELD(intercepts[1]), 0,
	 SVM_INTERCEPT(SVM_VMRUN), false, QUIRKS},
	{"vmrun: an I/O map behind the last address is refused", L2_LONG, FIELD(iopm), BIT(52), 0,
	 false, QUIRKS},
	{"vmrun: an MSR map behind the last address is refused", L2_LONG, FIELD(msrpm), BIT(52), 0,
	 false, QUIRKS},
	{"vmrun: an event of type 1 is refused", L2_LONG, FIELD(event), BIT(31) | BIT(8), 0, false,
	 QUIRKS},
};

static void enter(void *arg)
{
	const struct entry *e = arg;
	u64 *field = (u64 *)(uintptr_t)((uintptr_t)svm_vmcb() + e->field);
	u64 cr0 = read_cr0(), cr3 = read_cr3(), cr4 = read_cr4(), efer = rdmsr(MSR_EFER), due;
	u32 total, back;
	struct l1_case c;
	struct l2 g;
	struct l2_exit x;

	l1_plain(&c, e->mode);
	c.op = CRM_MOV_FROM;
	c.gpr = RBX;
	l2_code(&c, &total, &back);
	l2_build(&c, &g);
	svm_load(&g);
	*field = (*field | e->set) & ~e->clear;
	due = svm_vmcb()->cr0;
	svm_run(&g, &x);
	check(x.kind == (e->accepted ? L2_CALL : L2_REFUSED), "exit code %x", x.reason);
	check(x.kind != L2_CALL || (u32)g.gpr[RBX] == (u32)due, "the guest reads CR0 %lx, not %lx",
	      g.gpr[RBX], due);
	check(read_cr0() == cr0 && read_cr3() == cr3 && read_cr4() == cr4 &&
		      rdmsr(MSR_EFER) == efer,
	      "after it CR0 is %lx, CR3 %lx, CR4 %lx, EFER %lx", read_cr0(), read_cr3(), read_cr4(),
	      rdmsr(MSR_EFER));
}

static void all_entries(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
		const struct entry *e = &entries[i];

		if (e->quirk < QUIRKS && quirk_here(e->quirk)) {
			note("left out, for quirks of this platform: %s", e->text);
			continue;
		}
		on_each_cpu(enter, (void *)(uintptr_t)e);
		tap("%s", e->text);
	}
}

static void plain_access(struct l1_case *c, u32 mode, enum crm_op op, u64 num)
{
	l1_plain(c, (enum l2_mode)mode);
	c->op = op;
	c->num = num;
	c->gpr = RDX;
}

/* A1: what MOV to CR0 changes decides, and the full intercept goes first. */
static void selective_mov(u32 mode)
{
	static const u64 with[] = {0, CR0_TS, CR0_MP, CR0_TS | CR0_MP};
	struct l1_case c;
	struct l1_result r;

	for (u32 i = 0; i < 32 * 8; i++) {
		u64 change = BIT(i >> 3) ^ with[i & 3];
		bool full = i & 4;

		plain_access(&c, mode, CRM_MOV_TO, 0);
		c.traps = L1_SELECTIVE | (full ? L1_WRITE_CR0 : 0);
		c.value = c.cr[CRM_CR0].hw ^ change;
		if (!level1_check(&c, &r) || c.cpl)
			continue;
		if (full)
			check(r.x.reason != SVM_CR0_SELECTIVE, "%lx: the selective one", c.value);
		else if (!(change & ~(CR0_TS | CR0_MP)))
			check(r.x.kind == L2_CALL, "%lx: exit code %x", c.value, r.x.reason);
		else
			check(r.x.kind != L2_CALL, "%lx: no exit", c.value);
	}
}

/* A1: LMSW always exits, CLTS never. */
static void selective_lmsw(u32 mode)
{
	struct l1_case c;
	struct l1_result r;

	for (u32 i = 0; i < 256; i++) {
		plain_access(&c, mode, i & 1 ? CRM_LMSW : CRM_CLTS, 0);
		c.traps = L1_SELECTIVE;
		c.mem = c.op == CRM_LMSW && (i & 2);
		c.value = i >> 1 & 15;
		c.cr[CRM_CR0].hw |= i >> 4 & (CR0_MP | CR0_EM | CR0_TS);
		if (!level1_check(&c, &r))
			continue;
		check(r.x.kind == (c.op == CRM_LMSW ? L2_CR : L2_CALL),
		      "%s, from %lx: exit code %x", c.op == CRM_LMSW ? "LMSW" : "CLTS",
		      c.cr[CRM_CR0].hw, r.x.reason);
	}
}

/* G4: with all intercepts on, each bit of CR0 and CR4 is changed; a bad value is #GP all the same.
 */
static void values_first(u32 mode)
{
	u32 faults = 0, exits = 0;
	struct l1_case c;
	struct l1_result r;

	for (u32 i = 0; i < 128; i++) {
		enum crm_name name = i & 1 ? CRM_CR4 : CRM_CR0;

		plain_access(&c, mode, CRM_MOV_TO, i & 1 ? 4 : 0);
		c.traps = L1_TRAPS - 1;
		c.value = c.cr[name].hw ^ BIT(i >> 1 & 63);
		if (!level1_check(&c, &r))
			continue;
		faults += r.x.kind == L2_EXCEPTION;
		exits += r.x.kind == L2_CR;
		check(r.after.cr[name].hw == c.cr[name].hw, "%lx was written", c.value);
	}
	note("cpu %u, %s: %u faults, %u exits", this_cpu()->index, l1_mode_name(mode), faults,
	     exits);
	check(exits > 16, "only %u exits", exits);
}

/* A6: reads exit by the read intercept of their register, and by nothing else. */
static void reads(u32 mode)
{
	struct l1_case c;
	struct l1_result r;

	for (u32 i = 0; i < 4 * L1_TRAPS; i++) {
		u32 which = i / L1_TRAPS;

		plain_access(&c, mode, which < 2 ? CRM_MOV_FROM : CRM_SMSW, which == 1 ? 4 : 0);
		c.traps = i % L1_TRAPS;
		c.mem = which == 3;
		if (!level1_check(&c, &r))
			continue;
		check((r.x.kind == L2_CR) ==
			      ((c.traps & (which == 1 ? L1_READ_CR4 : L1_READ_CR0)) != 0),
		      "%s, CR%u, intercepts %x: exit code %x", l1_mode_name(c.mode), (u32)c.num,
		      (u32)c.traps, r.x.reason);
	}
}

void level1_svm(void)
{
	level1_numbers(level1_svm_numbers, level1_svm_number_count);
	all_entries();
	level1_parts(selective_mov, L2_MODES);
	level1_tap("selective: each bit of CR0, with TS and MP and without, in every mode (A1)");
	level1_parts(selective_lmsw, L2_V86);
	level1_tap("selective: any LMSW exits, no CLTS does (A1)");
	level1_parts(values_first, L2_V86);
	level1_tap("intercepts: each bit of CR0 and CR4, a bad value is #GP first (G4)");
	level1_parts(reads, L2_V86);
	level1_tap("intercepts: each read, under all intercepts of CR0 and CR4 (A6)");
	level1_svm_insns();
}
