/* SPDX-License-Identifier: MIT */
/* Checks on the guest's segment registers (Intel SDM vol. 3C, 27.3.1.2). */
#include "vmx/vmx_check.h"

#include "lib/fmt.h"
#include "x86/rflags.h"
#include "x86/seg.h"

struct segment {
	u32 sel, limit, ar;
	u64 base;
	const char *name;
};

static struct segment segment(enum cpu_seg s)
{
	static const char *const name[SEG_COUNT] = {"ES", "CS", "SS",	"DS",
						    "FS", "GS", "LDTR", "TR"};

	return (struct segment){
		.sel = (u32)vmx_field(VMCS_GUEST_ES_SEL + 2 * s),
		.limit = (u32)vmx_field(VMCS_GUEST_ES_LIMIT + 2 * s),
		.ar = (u32)vmx_field(VMCS_GUEST_ES_AR + 2 * s),
		.base = vmx_field(VMCS_GUEST_ES_BASE + 2 * s),
		.name = name[s],
	};
}

static u32 type_of(const struct segment *s)
{
	return s->ar & 15;
}

/* Reserved bits, and a limit that the granularity can express */
static void check_form(struct check *c, const struct segment *s)
{
	check_that(c, !(s->ar & 0xfffe0f00), "guest %s access rights %x: reserved bits", s->name,
		   s->ar);
	check_that(c, (s->limit & 0xfff) == 0xfff || !(s->ar & SEG_AR_G),
		   "guest %s: limit %x with G = 1", s->name, s->limit);
	check_that(c, !(s->limit & 0xfff00000) || (s->ar & SEG_AR_G),
		   "guest %s: limit %x with G = 0", s->name, s->limit);
	check_that(c, s->ar & SEG_AR_P, "guest %s is not present", s->name);
}

static void check_vm86(struct check *c, const struct segment *s)
{
	check_that(c, s->base == (u64)s->sel << 4 && s->limit == 0xffff && s->ar == 0xf3,
		   "guest %s is no virtual-8086 segment", s->name);
}

static void check_cs(struct check *c, const struct segment *s, u32 ss_dpl, bool unrestricted)
{
	u32 type = type_of(s);
	u32 dpl = SEG_AR_DPL(s->ar);

	check_that(c,
		   type == 9 || type == 11 || type == 13 || type == 15 ||
			   (unrestricted && type == 3),
		   "guest CS: type %u", type);
	check_that(c, s->ar & SEG_AR_S, "guest CS: S = 0");
	if (type == 3)
		check_that(c, dpl == 0, "guest CS: DPL %u of a data segment", dpl);
	else if (type == 9 || type == 11)
		check_that(c, dpl == ss_dpl, "guest CS: DPL %u, SS.DPL %u", dpl, ss_dpl);
	else
		check_that(c, dpl <= ss_dpl, "guest CS: DPL %u above SS.DPL", dpl);
	check_that(c,
		   (s->ar & (SEG_AR_L | SEG_AR_DB)) != (SEG_AR_L | SEG_AR_DB) ||
			   !(vmx_field(VMCS_ENTRY_CONTROLS) & ENTRY_CTL_IA32E),
		   "guest CS: L and D both 1");
	check_form(c, s);
}

static void check_data(struct check *c, const struct segment *s, bool is_ss)
{
	u32 type = type_of(s);

	if (s->ar & SEG_AR_UNUSABLE)
		return;
	if (is_ss)
		check_that(c, type == 3 || type == 7, "guest SS: type %u", type);
	else
		check_that(c, (type & 1) && (!(type & 8) || (type & 2)), "guest %s: type %u",
			   s->name, type);
	check_that(c, s->ar & SEG_AR_S, "guest %s: S = 0", s->name);
	check_form(c, s);
}

static void check_system(struct check *c, bool ia32e)
{
	struct segment tr = segment(SEG_TR);
	struct segment ldtr = segment(SEG_LDTR);

	check_that(c, !(tr.sel & 4), "guest TR: TI = 1");
	check_that(c, vmx_check_canonical(tr.base), "guest TR: base is not canonical");
	check_that(c, type_of(&tr) == 11 || (type_of(&tr) == 3 && !ia32e), "guest TR: type %u",
		   type_of(&tr));
	check_that(c, !(tr.ar & SEG_AR_S), "guest TR: S = 1");
	check_that(c, !(tr.ar & SEG_AR_UNUSABLE), "guest TR is unusable");
	check_form(c, &tr);
	if (ldtr.ar & SEG_AR_UNUSABLE)
		return;
	check_that(c, !(ldtr.sel & 4), "guest LDTR: TI = 1");
	check_that(c, type_of(&ldtr) == 2, "guest LDTR: type %u", type_of(&ldtr));
	check_that(c, !(ldtr.ar & SEG_AR_S), "guest LDTR: S = 1");
	check_form(c, &ldtr);
}

void vmx_check_segments(struct check *c)
{
	bool ia32e = vmx_field(VMCS_ENTRY_CONTROLS) & ENTRY_CTL_IA32E;
	bool unrestricted = vmx_field(VMCS_PROC_CONTROLS2) & PROC2_UNRESTRICTED;
	bool vm86 = vmx_field(VMCS_GUEST_RFLAGS) & RFLAGS_VM;
	struct segment ss = segment(SEG_SS);

	for (u32 i = SEG_ES; i <= SEG_GS; i++) {
		struct segment s = segment(i);

		if (vm86)
			check_vm86(c, &s);
		else if (i == SEG_CS)
			check_cs(c, &s, SEG_AR_DPL(ss.ar), unrestricted);
		else
			check_data(c, &s, i == SEG_SS);
	}
	check_system(c, ia32e);
}
