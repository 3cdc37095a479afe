/* SPDX-License-Identifier: MIT */
#include "testkernel/crprog.h"
#include "testkernel/cpu.h"
#include "testkernel/features.h"
#include "testkernel/quirks.h"
#include "x86/msr.h"
#include "x86/paging.h"

#define CR0(c) ((c)->cr[CRM_CR0].hw)
#define CR4(c) ((c)->cr[CRM_CR4].hw)

/* CR4 bits that are set after CR0, and cleared before. */
#define CR4_LATE (CR4_CET | CR4_PCIDE)

u8 crp_code(const struct crm_cpu *cpu)
{
	if (!(CR0(cpu) & CR0_PE))
		return CRX_CODE16;
	return cpu->cs_l ? CRX_CODE64 : CRX_CODE32;
}

const char *const crp_mode_names[CRP_MODES] = {
	[CRP_REAL] = "real mode",
	[CRP_PROTECTED] = "protected mode",
	[CRP_PAGING32] = "32-bit paging",
	[CRP_PAE] = "PAE paging",
	[CRP_COMPATIBILITY] = "compatibility mode",
	[CRP_LONG] = "64-bit mode",
};

enum crp_mode crp_mode(const struct crm_cpu *cpu)
{
	if (!(CR0(cpu) & CR0_PE))
		return CRP_REAL;
	if (!(CR0(cpu) & CR0_PG))
		return CRP_PROTECTED;
	if (cpu->efer & EFER_LMA)
		return cpu->cs_l ? CRP_LONG : CRP_COMPATIBILITY;
	return CR4(cpu) & CR4_PAE ? CRP_PAE : CRP_PAGING32;
}

void crp_init(struct crp *p)
{
	*p = (struct crp){
		.cpu = {.vendor = cpu_vendor(),
			.cr4_allowed = cr4_allowed(),
			.phys_bits = cpu_phys_bits()},
		.efer_allowed = efer_allowed(),
	};
	crp_start(p);
}

void crp_start(struct crp *p)
{
	p->n = 0;
	p->left_out = 0;
	CR0(&p->cpu) = read_cr0();
	CR4(&p->cpu) = read_cr4();
	p->cpu.cr3 = read_cr3();
	p->cpu.efer = rdmsr(MSR_EFER);
	p->cpu.cs_l = true;
	p->cpu.cpl = 0;
}

/* After the step the executor can go on. */
static bool survives(const struct crm_cpu *c)
{
	u64 cr3 = c->cr3, tables = crx_tables();

	if (CR4(c) & (CR4_LASS | CR4_FRED))
		return false;
	if (!(CR0(c) & CR0_PG))
		return true;
	if ((CR4(c) & CR4_PAE) && !(c->efer & EFER_LMA))
		return (u32)(cr3 & ~0x1fULL) == tables + CRX_PDPT;
	if ((cr3 & PTE_ADDR) == tables)
		return true;
	return (c->efer & EFER_LMA) && !(CR4(c) & CR4_LA57) && cr3 == read_cr3();
}

/* The four PDPTEs where a write would load them from. Only the executor's page of tables is looked
 * at: with any other CR3 paging cannot be on. */
static bool pdptes_valid(const struct crm_cpu *c, u64 cr3)
{
	const u64 *at = (const u64 *)(uintptr_t)(cr3 & 0xffffffe0);
	u64 pdpte[4];

	if ((cr3 & PTE_ADDR) != crx_tables())
		return true;
	for (u32 i = 0; i < ARRAY_SIZE(pdpte); i++)
		pdpte[i] = at[i] & ~quirk_pdpte_bits();
	return crm_pdptes_valid(pdpte, c->phys_bits);
}

static u8 vector_of(enum crm_verdict v)
{
	return v == CRM_UD ? VECTOR_UD : v == CRM_GP ? VECTOR_GP : 0;
}

static struct crm_insn model_insn(const struct crp_step *s)
{
	static const u8 ops[] = {[CRP_READ] = CRM_MOV_FROM,
				 [CRP_WRITE] = CRM_MOV_TO,
				 [CRP_SMSW] = CRM_SMSW,
				 [CRP_LMSW] = CRM_LMSW,
				 [CRP_CLTS] = CRM_CLTS};

	return (struct crm_insn){.op = ops[s->kind], .cr = s->cr, .value = s->value};
}

/* What the model says of a CR access: the CPU after it in *c. A bare CPU is one that owns nothing,
 * so crm_emulate is crm_native with the next value of the register. */
static void foresee_cr(struct crm_cpu *c, struct crp_foreseen *f)
{
	struct crm_insn i = model_insn(&f->step);
	struct crm_result r;

	f->from = i.cr == 3 ? c->cr3 : c->cr[i.op == CRM_MOV_TO && i.cr == 4].hw;
	c->cpl = f->step.ring == CRX_KERNEL ? 0 : 3;
	r = crm_emulate(c, &i);
	if ((r.effects & CRM_PDPTE) && !pdptes_valid(c, i.cr == 3 ? r.value : c->cr3))
		r.verdict = CRM_GP;
	f->vector = vector_of(r.verdict);
	f->value = r.verdict == CRM_OK ? r.value : 0;
	crm_apply(c, &i, &r);
	c->cpl = 0;
	if (!(CR0(c) & CR0_PE))
		c->cs_l = false;
}

/* WRMSR to EFER: reserved bits, LME with paging on (Intel SDM vol. 3A, 4.1.2; AMD APM vol.
 * 2, 3.1.7). */
static void foresee_efer(struct crm_cpu *c, struct crp_foreseen *f, u64 allowed)
{
	u64 v = (u32)f->step.value;

	f->from = f->value = c->efer;
	if (f->step.kind == CRP_READ_EFER)
		return;
	if ((v & ~allowed) || ((CR0(c) & CR0_PG) && ((v ^ c->efer) & EFER_LME)))
		f->vector = VECTOR_GP;
	else
		c->efer = (v & ~EFER_LMA) | (c->efer & EFER_LMA);
}

static bool foresee(const struct crp *p, struct crm_cpu *c, struct crp_foreseen *f)
{
	const struct crp_step *s = &f->step;

	if (s->kind == CRP_SVM) {
		f->vector = VECTOR_UD;
		return true;
	}
	if (s->kind == CRP_CODE) {
		c->cs_l = s->value == CRP_TO64;
		return !c->cs_l || (c->efer & EFER_LMA);
	}
	if (s->kind == CRP_READ_EFER || s->kind == CRP_WRITE_EFER)
		foresee_efer(c, f, p->efer_allowed);
	else
		foresee_cr(c, f);
	return true;
}

/* CRP_SVM */
static void absent_insn(struct crx_insn *i, u32 value)
{
	u32 n = 0;

	if (value >> 16)
		i->bytes[n++] = (u8)(value >> 16);
	i->bytes[n++] = 0x0f;
	i->bytes[n++] = value >> 8 ? (u8)(value >> 8) : 0x01;
	i->bytes[n++] = (u8)value;
	i->size = (u8)n;
}

/* A step as an instruction. */
static struct crx_insn encode(const struct crp_step *s)
{
	u8 modrm = 0xc0 | (s->reg & 7);
	u8 rex = (u8)((s->reg >> 3) | (s->cr >> 3) << 2);
	struct crx_insn i = {.bytes = {0x0f}, .size = 3, .has_reg = true, .reg = s->reg};

	i.value = s->value;
	i.rex = rex ? 0x40 | rex : 0;
	switch (s->kind) {
	case CRP_READ:
	case CRP_WRITE:
		i.bytes[1] = s->kind == CRP_READ ? 0x20 : 0x22;
		i.bytes[2] = modrm | (s->cr & 7) << 3;
		break;
	case CRP_SMSW:
	case CRP_LMSW:
		i.bytes[1] = 0x01;
		i.bytes[2] = modrm | (s->kind == CRP_SMSW ? 4 : 6) << 3;
		i.size16 = s->kind == CRP_SMSW;
		break;
	case CRP_SVM: absent_insn(&i, (u32)s->value); break;
	case CRP_CLTS:
		i.bytes[1] = 0x06;
		i.size = 2;
		i.has_reg = false;
		break;
	case CRP_CODE:
		i.size = 0;
		i.has_reg = false;
		break;
	default:
		i.bytes[1] = s->kind == CRP_READ_EFER ? 0x32 : 0x30;
		i.size = 2;
		i.msr = true;
		i.reg = i.rex = 0;
	}
	return i;
}

/* The operand is what `reg` can be in that mode; RSP only where a fault does not need the stack. */
static bool possible(const struct crm_cpu *c, const struct crp_step *s, u8 due)
{
	bool mode64 = crp_code(c) == CRX_CODE64;

	if ((s->reg > RDI || s->cr > 7) && !mode64)
		return false;
	if (s->reg == RSP && due && !mode64)
		return false;
	if (s->ring == CRX_KERNEL)
		return true;
	if (!(CR0(c) & CR0_PE) || s->reg || s->cr > 7 || s->kind > CRP_SVM)
		return false;
	return s->ring == CRX_CPL3 || !(c->efer & EFER_LMA);
}

/* PE is cleared from a 16-bit segment (Intel SDM vol. 3A, 10.9.2). */
static u8 code_for(const struct crp_step *s, const struct crm_cpu *before,
		   const struct crm_cpu *after)
{
	if (s->kind == CRP_CODE)
		return crp_code(after);
	return (CR0(before) & ~CR0(after)) & CR0_PE ? CRX_CODE16P : crp_code(before);
}

bool crp_add(struct crp *p, const struct crp_step *s)
{
	struct crp_foreseen *f = &p->steps[p->n];
	struct crm_cpu after = p->cpu;
	struct crx_insn i = encode(s);

	if (p->n == ARRAY_SIZE(p->steps))
		return false;
	*f = (struct crp_foreseen){.step = *s, .mode = (u8)crp_mode(&after)};
	if (!foresee(p, &after, f) || !possible(&p->cpu, s, f->vector))
		return false;
	if (!survives(&after) || quirk_excludes(&p->cpu, s, f->vector)) {
		p->left_out++;
		return false;
	}
	crx_encode(p->n, code_for(s, &p->cpu, &after), s->ring, f->vector, &i);
	p->cpu = after;
	p->n++;
	return true;
}

/* A step that has to be accepted. */
static bool must(struct crp *p, u8 kind, u8 cr, u64 value)
{
	struct crp_step s = {.kind = kind, .cr = cr, .value = value};

	return crp_add(p, &s) && !p->steps[p->n - 1].vector;
}

static bool set(struct crp *p, u8 cr, u64 value)
{
	u64 now = cr == 3 ? p->cpu.cr3 : p->cpu.cr[cr == 4].hw;

	return now == value || must(p, CRP_WRITE, cr, value);
}

/* Down to unpaged protected mode. */
static bool leave(struct crp *p)
{
	if (p->cpu.cs_l && !must(p, CRP_CODE, 0, CRP_TO32))
		return false;
	if (!set(p, 4, CR4(&p->cpu) & ~CR4_LATE))
		return false;
	return set(p, 0, CR0_PE | CR0_ET);
}

bool crp_route(struct crp *p, const struct crm_cpu *to)
{
	const u64 flags = EFER_LME | EFER_NXE | EFER_SCE;
	u64 efer = to->efer & flags;

	if (CR0(&p->cpu) == CR0(to) && CR4(&p->cpu) == CR4(to) && p->cpu.cr3 == to->cr3 &&
	    !((p->cpu.efer ^ efer) & flags) && p->cpu.cs_l == to->cs_l)
		return true;
	if (!leave(p))
		return false;
	if (((p->cpu.efer ^ efer) & flags) && !must(p, CRP_WRITE_EFER, 0, efer))
		return false;
	if (!set(p, 3, to->cr3) || !set(p, 4, CR4(to) & ~CR4_LATE) || !set(p, 0, CR0(to)) ||
	    !set(p, 4, CR4(to)))
		return false;
	return !to->cs_l || must(p, CRP_CODE, 0, CRP_TO64);
}

/* The bits of the value that a read has to get right. */
static u64 read_mask(const struct crp_step *s)
{
	switch (s->kind) {
	case CRP_READ: return ~0ULL;
	case CRP_SMSW: return 0xffff;
	case CRP_READ_EFER: return UINT32_MAX;
	default: return 0;
	}
}

bool crp_run(struct crp *p, struct crp_wrong *w)
{
	const struct crx_op *ops = crx_context()->ops;
	u32 done = crx_run(p->n);

	for (u32 i = 0; i < p->n; i++) {
		const struct crp_foreseen *f = &p->steps[i];
		u64 mask = f->vector ? 0 : read_mask(&f->step);

		if (i < done && !((ops[i].value ^ f->value) & mask))
			continue;
		*w = (struct crp_wrong){.at = i, .vector = ops[i].vector, .value = ops[i].value};
		return false;
	}
	return true;
}
