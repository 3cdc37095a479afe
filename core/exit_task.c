/* SPDX-License-Identifier: MIT */
/*
 * Hardware task switches, which VT-x does not carry out: 32-bit systems use them for #DF, NMI and
 * machine checks, old ones for everything (Intel SDM vol. 3A, 8.3; vol. 3C, 26.4.2). The checks of
 * the new TSS descriptor were made before the exit, but for an IRET that a backend intercepts.
 */
#include "core/core.h"
#include "core/cr.h"
#include "core/exit_handlers.h"
#include "hv/gmem.h"
#include "x86/cr.h"
#include "x86/rflags.h"
#include "x86/seg.h"
#include "x86/vector.h"

/* Offsets in a TSS; what is saved lies together: IP, FLAGS, general registers, segments. */
#define TSS32_SIZE 0x68
#define TSS32_IP   0x20
#define TSS32_CR3  0x1c
#define TSS32_TRAP 0x64
#define TSS16_SIZE 0x2c
#define TSS16_IP   0x0e

#define DESC_AR_BYTE   5
#define DESC_ACCESSED  1u /* of code and data */
#define DESC_TSS_BUSY  2u
#define SEL_INDEX(sel) ((sel) & ~7u)
#define SEL_TI	       4u
#define SEL_RPL(sel)   ((sel)&3u)
#define DR7_LOCAL      0x155u /* L0 to L3, LE */
#define DR6_BT	       BIT(15)

/* A task switch under way. The fault that ends it is in `fault`, 0: none. */
struct task {
	struct vcpu *v;
	bool wide; /* 32-bit TSS */
	u32 cpl;
	u32 ext; /* EXT of error codes: no instruction caused it */
	u8 fault;
	u32 error;
};

struct desc {
	u32 at; /* linear address */
	u32 base, limit, ar;
};

static bool fail(struct task *t, u8 vector, u32 error)
{
	t->fault = vector;
	t->error = error;
	return false;
}

static bool fail_selector(struct task *t, u8 vector, u32 selector)
{
	return fail(t, vector, (selector & ~3u) | t->ext);
}

static bool page_fault(struct task *t, u64 linear, u32 error)
{
	backend->state_set(t->v, REG_CR2, linear);
	return fail(t, VECTOR_PF, error);
}

static bool read_linear(struct task *t, u32 linear, void *out, size_t n)
{
	size_t done = gmem_read(t->v, linear, out, n);

	return done == n || page_fault(t, linear + done, 0);
}

static bool write_linear(struct task *t, u32 linear, const void *in, size_t n)
{
	size_t done = gmem_write(t->v, linear, in, n);

	return done == n || page_fault(t, linear + done, 2);
}

static u64 seg(struct vcpu *v, enum cpu_seg s, enum cpu_seg_part part)
{
	return backend->state_get(v, REG_SEG(s, part));
}

static void set_seg(struct vcpu *v, enum cpu_seg s, u32 selector, const struct desc *d)
{
	backend->state_set(v, REG_SEG(s, SEG_SEL), selector);
	backend->state_set(v, REG_SEG(s, SEG_BASE), d->base);
	backend->state_set(v, REG_SEG(s, SEG_LIMIT), d->limit);
	backend->state_set(v, REG_SEG(s, SEG_AR), d->ar);
}

static bool read_desc(struct task *t, u32 selector, struct desc *d)
{
	bool ldt = selector & SEL_TI;
	u64 base = ldt ? seg(t->v, SEG_LDTR, SEG_BASE) : backend->state_get(t->v, REG_GDTR_BASE);
	u64 limit = ldt ? seg(t->v, SEG_LDTR, SEG_LIMIT) : backend->state_get(t->v, REG_GDTR_LIMIT);
	u64 raw;

	if ((ldt && (seg(t->v, SEG_LDTR, SEG_AR) & SEG_AR_UNUSABLE)) ||
	    SEL_INDEX(selector) + 7 > limit)
		return fail_selector(t, VECTOR_TS, selector);
	d->at = (u32)base + SEL_INDEX(selector);
	if (!read_linear(t, d->at, &raw, sizeof(raw)))
		return false;
	d->base = (u32)(raw >> 16 & 0xffffff) | (u32)(raw >> 32 & 0xff000000);
	d->limit = (u32)(raw & 0xffff) | (u32)(raw >> 32 & 0xf0000);
	d->ar = (u32)(raw >> 40) & 0xf0ff;
	if (d->ar & SEG_AR_G)
		d->limit = d->limit << 12 | 0xfff;
	return true;
}

/* Sets and clears bits of the descriptor's type, in memory and in d. */
static bool mark_desc(struct task *t, struct desc *d, u32 set, u32 clear)
{
	u32 ar = (d->ar | set) & ~clear;
	u8 byte = (u8)ar;

	if (ar == d->ar)
		return true;
	d->ar = ar;
	return write_linear(t, d->at + DESC_AR_BYTE, &byte, 1);
}

/* A word or doubleword of a TSS image, as wide as the TSS. */
static u32 get(const struct task *t, const u8 *tss, u32 at)
{
	return (u32)(tss[at] | tss[at + 1] << 8) |
	       (t->wide ? (u32)tss[at + 2] << 16 | (u32)tss[at + 3] << 24 : 0);
}

static void put(u8 *tss, u32 at, u32 value, u32 bytes)
{
	for (u32 i = 0; i < bytes; i++)
		tss[at + i] = (u8)(value >> 8 * i);
}

static u32 gpr(struct vcpu *v, u32 i)
{
	return (u32)(i == GPR_RSP ? backend->state_get(v, REG_RSP) : v->gpr[i]);
}

/* Into the TSS that TR names. IRET leaves a task that is nested no more. */
static bool save_old(struct task *t, const struct exit *x)
{
	struct vcpu *v = t->v;
	bool wide = seg(v, SEG_TR, SEG_AR) & SEG_AR_TSS32;
	u32 width = wide ? 4 : 2, segs = wide ? 6 : 4, first = wide ? TSS32_IP : TSS16_IP;
	u32 bytes = (10 + segs) * width, flags = (u32)backend->state_get(v, REG_RFLAGS), at = 0;
	u32 tss = (u32)seg(v, SEG_TR, SEG_BASE) + first;
	u8 image[TSS32_SIZE];

	if (!read_linear(t, tss, image, bytes)) /* what lies beside the selectors stays */
		return false;
	put(image, at, (u32)x->rip + x->length, width);
	at += width;
	put(image, at, x->task.source == TASK_IRET ? flags & ~(u32)RFLAGS_NT : flags, width);
	for (u32 i = 0; i < 8; i++)
		put(image, at += width, gpr(v, i), width);
	for (u32 i = 0; i < segs; i++)
		put(image, at += width, (u32)seg(v, i, SEG_SEL), 2);
	return write_linear(t, tss, image, bytes);
}

/* The old TSS is busy no more; the new one is, and knows whom it returns to. */
static bool mark_tasks(struct task *t, const struct exit *x, struct desc *tss)
{
	u32 link = (u32)seg(t->v, SEG_TR, SEG_SEL);
	bool nests = x->task.source == TASK_CALL || x->task.source == TASK_GATE;
	struct desc old;

	if (!nests && (!read_desc(t, link, &old) || !mark_desc(t, &old, 0, DESC_TSS_BUSY)))
		return false;
	if (nests && !write_linear(t, tss->base, &link, 2))
		return false;
	return mark_desc(t, tss, DESC_TSS_BUSY, 0);
}

static bool load_cr3(struct task *t, u32 cr3)
{
	struct vcpu *v = t->v;

	if (!(guest_cr(v, CRM_CR0) & CR0_PG))
		return true;
	if ((guest_cr(v, CRM_CR4) & CR4_PAE) && !cr_load_pdptes(v, cr3))
		return fail(t, VECTOR_GP, 0);
	backend->state_set(v, REG_CR3, cr3);
	backend->tlb_flush(v, false);
	return true;
}

/* Segments of virtual-8086 mode; of conforming code, good at any level, without a byte; of a null
 * selector, at level 3. */
static const struct desc v86 = {.limit = 0xffff, .ar = 0xf3};
static const struct desc no_code = {.ar = SEG_AR_P | SEG_AR_DB | SEG_AR_S | 0xf};
static const struct desc unusable = {.ar = SEG_AR_UNUSABLE | SEG_AR_DPL_IS(3)};

/* The checks of SS, then those of the others (Intel SDM vol. 3A, table 8-1). */
static bool usable_as(struct task *t, enum cpu_seg s, u32 selector, const struct desc *d)
{
	u32 type = SEG_AR_TYPE(d->ar), dpl = SEG_AR_DPL(d->ar), rpl = SEL_RPL(selector);
	bool code = type & 8, conforming = (type & 12) == 12, good = d->ar & SEG_AR_S;

	if (s == SEG_CS)
		good = good && code && (conforming ? dpl <= rpl : dpl == rpl);
	else if (s == SEG_SS)
		good = good && (type & 10) == 2 && dpl == t->cpl && rpl == t->cpl;
	else
		good = good && (type & 10) != 8 && (conforming || (dpl >= t->cpl && dpl >= rpl));
	if (!good)
		return fail_selector(t, VECTOR_TS, selector);
	if (!(d->ar & SEG_AR_P))
		return fail_selector(t, s == SEG_SS ? VECTOR_SS : VECTOR_NP, selector);
	return true;
}

static bool load_seg(struct task *t, enum cpu_seg s, u32 selector)
{
	struct desc d;

	if (!SEL_INDEX(selector) && !(selector & SEL_TI)) {
		if (s == SEG_CS || s == SEG_SS)
			return fail_selector(t, VECTOR_TS, selector);
		return true;
	}
	if (!read_desc(t, selector, &d) || !usable_as(t, s, selector, &d) ||
	    !mark_desc(t, &d, DESC_ACCESSED, 0))
		return false;
	set_seg(t->v, s, selector, &d);
	return true;
}

static bool load_ldtr(struct task *t, u32 selector)
{
	struct desc d;

	set_seg(t->v, SEG_LDTR, selector, &unusable);
	if (!SEL_INDEX(selector))
		return true;
	if ((selector & SEL_TI) || !read_desc(t, selector, &d) ||
	    (d.ar & 0x1f) != SEG_AR_TYPE_LDT || !(d.ar & SEG_AR_P))
		return fail_selector(t, VECTOR_TS, selector);
	set_seg(t->v, SEG_LDTR, selector, &d);
	return true;
}

/*
 * All selectors first, with segments that a fault on the way may find: the privilege level is 3
 * until SS is good, so that the fault's handler has the stack of level 0.
 */
static bool load_segs(struct task *t, const u16 selector[6], u32 ldt, bool vm86)
{
	static const u8 order[] = {SEG_SS, SEG_DS, SEG_ES, SEG_FS, SEG_GS, SEG_CS};

	for (u32 i = 0; i < 6; i++) {
		struct desc d = vm86 ? v86 : i == SEG_CS ? no_code : unusable;

		d.base = vm86 ? (u32)selector[i] << 4 : 0;
		set_seg(t->v, i, i == SEG_CS && !vm86 ? selector[i] | 3 : selector[i], &d);
	}
	if (!load_ldtr(t, ldt))
		return false;
	t->cpl = SEL_RPL(selector[SEG_CS]);
	for (u32 i = 0; i < 6 && !vm86; i++) {
		if (!load_seg(t, order[i], selector[order[i]]))
			return false;
		if (order[i] == SEG_SS)
			set_seg(t->v, SEG_CS, selector[SEG_CS], &no_code);
	}
	return true;
}

/* Registers from the image of the new TSS. A 16-bit one leaves the upper halves all ones. */
static bool load_new(struct task *t, const u8 *tss, bool nests)
{
	struct vcpu *v = t->v;
	u32 width = t->wide ? 4 : 2, segs = t->wide ? 6 : 4, at = t->wide ? TSS32_IP : TSS16_IP;
	u32 flags = get(t, tss, at + width);
	u16 selector[6] = {0};

	if (t->wide && !load_cr3(t, get(t, tss, TSS32_CR3)))
		return false;
	backend->state_set(v, REG_RIP, get(t, tss, at));
	flags = (flags & RFLAGS_WRITABLE) | RFLAGS_FIXED | (nests ? RFLAGS_NT : 0);
	backend->state_set(v, REG_RFLAGS, flags);
	at += width;
	for (u32 i = 0; i < 8; i++) {
		u32 value = get(t, tss, at += width) | (t->wide ? 0 : 0xffff0000);

		v->gpr[i] = value;
		if (i == GPR_RSP)
			backend->state_set(v, REG_RSP, value);
	}
	for (u32 i = 0; i < segs; i++)
		selector[i] = (u16)get(t, tss, at += width);
	return load_segs(t, selector, (u16)get(t, tss, at + width), flags & RFLAGS_VM);
}

/* The error code of the exception that came through the gate, on the new stack. */
static bool push_error(struct task *t, const struct exit *x)
{
	u32 width = t->wide ? 4 : 2, mask = seg(t->v, SEG_SS, SEG_AR) & SEG_AR_DB ? ~0u : 0xffff;
	u32 sp = gpr(t->v, GPR_RSP), at = (sp - width) & mask;

	if (!x->task.has_error)
		return true;
	if (!write_linear(t, (u32)seg(t->v, SEG_SS, SEG_BASE) + at, &x->task.error, width))
		return false;
	backend->state_set(t->v, REG_RSP, (sp & ~mask) | at);
	return true;
}

/* What belongs to the CPU and not to a task. */
static void set_cpu_state(struct vcpu *v, const struct exit *x)
{
	u64 nmi = backend->state_get(v, REG_INTERRUPTIBILITY) & BIT(3);

	nmi = x->task.source == TASK_IRET ? 0 : x->task.nmi ? BIT(3) : nmi;
	backend->state_set(v, REG_INTERRUPTIBILITY, nmi);
	backend->state_set(v, REG_PENDING_DEBUG, 0);
	backend->state_set(v, REG_DR7, backend->state_get(v, REG_DR7) & ~(u64)DR7_LOCAL);
	cr_reset(v, guest_cr(v, CRM_CR0) | CR0_TS, guest_cr(v, CRM_CR4));
}

/* Of either width */
static bool is_busy_tss(const struct desc *d)
{
	return (d->ar & (SEG_AR_P | SEG_AR_S | 7)) == (SEG_AR_P | SEG_AR_TYPE_TSS16BUSY);
}

static bool switch_task(struct task *t, const struct exit *x)
{
	bool nests = x->task.source == TASK_CALL || x->task.source == TASK_GATE;
	u8 image[TSS32_SIZE];
	struct desc tss;
	u32 size;

	if (!read_desc(t, x->task.selector, &tss))
		return false;
	t->wide = tss.ar & SEG_AR_TSS32;
	size = t->wide ? TSS32_SIZE : TSS16_SIZE;
	if (x->task.source == TASK_IRET && (!is_busy_tss(&tss) || tss.limit < size - 1))
		return fail_selector(t, VECTOR_TS, x->task.selector);
	if (!read_linear(t, tss.base, image, size) || !save_old(t, x) || !mark_tasks(t, x, &tss))
		return false;
	set_seg(t->v, SEG_TR, x->task.selector, &tss);
	set_cpu_state(t->v, x);
	if (!load_new(t, image, nests) || !push_error(t, x))
		return false;
	if (t->wide && (image[TSS32_TRAP] & 1)) {
		backend->state_set(t->v, REG_DR6, backend->state_get(t->v, REG_DR6) | DR6_BT);
		return fail(t, VECTOR_DB, 0);
	}
	return true;
}

enum exit_answer exit_task_switch(struct vcpu *v, const struct exit *x)
{
	struct task t = {.v = v, .ext = x->task.external};

	if (switch_task(&t, x))
		return EXIT_RETRY;
	return inject_fault(v, t.fault, t.error);
}
