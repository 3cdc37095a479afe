/* SPDX-License-Identifier: MIT */
/* The laws of virtualization over the bare machine's rules (crm_rules.c). */
#include "crmodel/crm.h"

#include "crmodel/crm_rules.h"
#include "x86/cr.h"
#include "x86/msr.h"

u64 crm_read(const struct crm_cr *c)
{
	return (c->hw & ~c->owned) | (c->shadow & c->owned);
}

bool crm_write_exits(const struct crm_cr *c, u64 value)
{
	return ((value ^ c->shadow) & c->owned) != 0;
}

struct crm_limits crm_vmx_limits(enum crm_name name, u64 fixed0, u64 fixed1, bool unrestricted)
{
	u64 exempt = name == CRM_CR0 && unrestricted ? CR0_PE | CR0_PG : 0;

	return (struct crm_limits){.must1 = fixed0 & ~exempt, .must0 = ~fixed1};
}

u64 crm_minimum(const struct crm_cpu *cpu, enum crm_name name)
{
	const struct crm_limits *l = &cpu->limits[name];

	return name == CRM_CR0 ? l->must1 : l->must1 | (~cpu->cr4_allowed & ~l->must0);
}

struct crm_cr crm_make(const struct crm_limits *l, u64 view, u64 owned)
{
	return (struct crm_cr){.hw = (view | l->must1) & ~l->must0, .shadow = view, .owned = owned};
}

/* A bit that is hidden from reads needs them, and writes are then compared with what is hidden. */
struct crm_intercepts crm_svm_intercepts(enum crm_name name, const struct crm_cr *c)
{
	bool hides = ((c->hw ^ c->shadow) & c->owned) != 0;
	bool selective = name == CRM_CR0 && !hides && !(c->owned & (CR0_TS | CR0_MP));

	return (struct crm_intercepts){
		.read = hides,
		.write = c->owned && !selective,
		.selective = c->owned && selective,
	};
}

/* Intel SDM vol. 3C, 26.1.3: CLTS, LMSW, MOV to CR0 and to CR4; nothing that reads. */
static bool vmx_exits(const struct crm_cpu *cpu, const struct crm_insn *i)
{
	const struct crm_cr *c = &cpu->cr[crm_target(i)];
	u64 differs = c->owned & (c->shadow ^ i->value);

	switch (i->op) {
	case CRM_MOV_TO: return crm_write_exits(c, crm_width(cpu, i->value));
	case CRM_CLTS: return c->owned & c->shadow & CR0_TS;
	case CRM_LMSW:
		return (differs & (CR0_MP | CR0_EM | CR0_TS)) || (differs & i->value & CR0_PE);
	default: return false;
	}
}

/* AMD APM vol. 2, 15.8 and 15.9: the selective intercept takes any LMSW, and no CLTS. */
static bool svm_exits(const struct crm_cpu *cpu, const struct crm_insn *i)
{
	const struct crm_intercepts *t = &cpu->intercepts[crm_target(i)];
	u64 changed = cpu->cr[CRM_CR0].hw ^ crm_width(cpu, i->value);

	if (crm_is_read(i))
		return t->read;
	if (t->write || (t->selective && i->op == CRM_LMSW))
		return true;
	return t->selective && i->op == CRM_MOV_TO && i->cr == 0 && (changed & ~(CR0_TS | CR0_MP));
}

/* CR2, CR3 and CR8 are none of the model's: it only knows their rules. */
static bool is_other(const struct crm_insn *i)
{
	return (i->op == CRM_MOV_TO || i->op == CRM_MOV_FROM) && i->cr != 0 && i->cr != 4;
}

bool crm_exits(const struct crm_cpu *cpu, const struct crm_insn *i)
{
	if (is_other(i))
		return false;
	return cpu->vendor == CRM_INTEL ? vmx_exits(cpu, i) : svm_exits(cpu, i);
}

struct crm_result crm_native(const struct crm_cpu *cpu, const struct crm_insn *i)
{
	struct crm_regs r = {{crm_read(&cpu->cr[CRM_CR0]), crm_read(&cpu->cr[CRM_CR4])}};
	struct crm_result out = {.verdict = crm_decode(cpu, &r, i)};
	enum crm_name name = crm_target(i);
	u64 proposed = crm_proposed(cpu, i, r.cr[name]);

	if (out.verdict == CRM_OK && is_other(i)) {
		out = crm_other(cpu, &r, i);
	} else if (out.verdict == CRM_OK && crm_is_read(i)) {
		out.value = crm_width(cpu, r.cr[name]);
	} else if (out.verdict == CRM_OK) {
		out.verdict = crm_judge(cpu, &r, name, proposed);
		if (out.verdict == CRM_OK) {
			out.value =
				crm_stored(name, proposed) | (name == CRM_CR4 ? cpu->cr4_fixed : 0);
			out.effects = crm_effects(cpu, &r, name, out.value);
		}
	}
	out.next = cpu->cr[name];
	return out;
}

struct crm_result crm_emulate(const struct crm_cpu *cpu, const struct crm_insn *i)
{
	struct crm_result out = crm_native(cpu, i);
	enum crm_name name = crm_target(i);

	if (out.verdict == CRM_OK && !crm_is_read(i) && !is_other(i))
		out.next = crm_make(&cpu->limits[name], out.value, cpu->cr[name].owned);
	return out;
}

/*
 * The write that does not exit. VT-x leaves owned bits alone and raises #GP where an unowned one
 * breaks its demands (Intel SDM vol. 3C, 26.3); SVM knows no owned bits.
 */
static void write_unexited(const struct crm_cpu *cpu, const struct crm_regs *r,
			   const struct crm_insn *i, struct crm_result *out)
{
	enum crm_name name = crm_target(i);
	const struct crm_limits *l = &cpu->limits[name];
	u64 kept = cpu->vendor == CRM_INTEL ? cpu->cr[name].owned : 0;
	u64 hw = (crm_proposed(cpu, i, r->cr[name]) & ~kept) | (r->cr[name] & kept);

	out->verdict = crm_judge(cpu, r, name, hw);
	hw = crm_stored(name, hw);
	if ((hw & l->must1 & ~kept) != (l->must1 & ~kept) || (hw & l->must0 & ~kept))
		out->verdict = CRM_GP;
	if (out->verdict != CRM_OK)
		return;
	out->effects = crm_effects(cpu, r, name, hw);
	out->next.hw = hw;
	out->value = kept ? crm_read(&out->next) : hw;
}

struct crm_result crm_execute(const struct crm_cpu *cpu, const struct crm_insn *i)
{
	struct crm_regs r = {{cpu->cr[CRM_CR0].hw, cpu->cr[CRM_CR4].hw}};
	enum crm_name name = crm_target(i);
	struct crm_result out = {.verdict = crm_decode(cpu, &r, i), .next = cpu->cr[name]};
	bool amd = cpu->vendor == CRM_AMD;

	if (out.verdict != CRM_OK)
		return out;
	if (is_other(i)) {
		out = crm_other(cpu, &r, i);
		out.next = cpu->cr[name];
		return out;
	}
	/* AMD finds a bad value before it looks at the intercepts (AMD APM vol. 2, 15.7), Intel
	 * after */
	if (amd && !crm_is_read(i))
		out.verdict = crm_judge(cpu, &r, name, crm_proposed(cpu, i, r.cr[name]));
	if (out.verdict != CRM_OK)
		return out;
	if (crm_exits(cpu, i))
		out.verdict = CRM_EXIT;
	else if (crm_is_read(i))
		out.value = crm_width(cpu, amd ? r.cr[name] : crm_read(&cpu->cr[name]));
	else
		write_unexited(cpu, &r, i, &out);
	return out;
}

void crm_apply(struct crm_cpu *cpu, const struct crm_insn *i, const struct crm_result *r)
{
	if (r->verdict != CRM_OK || crm_is_read(i))
		return;
	if (!is_other(i))
		cpu->cr[crm_target(i)] = r->next;
	else if (i->cr == 3)
		cpu->cr3 = r->value;
	if (r->effects & CRM_LMA_SET)
		cpu->efer |= EFER_LMA;
	if (r->effects & CRM_LMA_CLEAR)
		cpu->efer &= ~EFER_LMA;
}
