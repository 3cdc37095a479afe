/* SPDX-License-Identifier: MIT */
#include "hypapp/gdb/step.h"

#include "hypapp/gdb/step_class.h"
#include "hv/backend.h"
#include "hv/gmem.h"
#include "hv/rights.h"
#include "x86/msr.h"
#include "x86/rflags.h"
#include "x86/seg.h"
#include "x86/vector.h"

#define DR6_TRAPS 0xe00fULL /* BT, BS, BD, B3 to B0 */
#define DR6_RESERVED                                                                 \
	0xffff0ff0ULL /* read as 1, but for RTM, which is set where it means nothing \
		       */
#define DR6_B	    0xfULL
#define DR6_BS	    BIT(14)
#define DR7_GD	    BIT(13)
#define BTF	    BIT(1) /* of IA32_DEBUGCTL */
#define SHADOW	    3ULL   /* of STI or MOV SS, in REG_INTERRUPTIBILITY */
#define SHADOW_STI  BIT(0)
#define SHADOW_SS   BIT(1)
#define NMI_BLOCKED BIT(3)

/* All exceptions but NMI and #MC, which are none of the instruction's. */
#define EXCEPTIONS (~(1u << VECTOR_NMI | 1u << VECTOR_MC))

/* What the guest had before the step. */
static struct step {
	bool active, held, iret_nmi;
	enum step_class class;
	u32 cpl;
	u64 rip, rflags, shadow, pending, fmask, r11, debugctl, dr6;
} steps[MAX_CPUS];

static u64 get(struct vcpu *v, enum cpu_reg r)
{
	return backend->state_get(v, r);
}

static void set(struct vcpu *v, enum cpu_reg r, u64 value)
{
	backend->state_set(v, r, value);
}

static bool long_mode(struct vcpu *v)
{
	return get(v, REG_EFER) & EFER_LMA;
}

u64 step_linear_rip(struct vcpu *v)
{
	u64 linear = get(v, REG_RIP) + get(v, REG_SEG(SEG_CS, SEG_BASE));

	return gmem_code_mode(v) == INSN_64 ? linear : (u32)linear;
}

/* The pages on which the instruction lies, one or two. */
static u32 pages_of(struct vcpu *v, u32 length, u64 page[2])
{
	u64 first = step_linear_rip(v), last = first + (length ? length - 1 : 0), gpa;
	u32 n = 0;

	if (gmem_walk(v, first, &gpa))
		page[n++] = align_down(gpa, PAGE_SIZE);
	if (n && first / PAGE_SIZE != last / PAGE_SIZE && gmem_walk(v, last, &gpa))
		page[n++] = align_down(gpa, PAGE_SIZE);
	return n;
}

/*
 * No trap comes behind INT n and its like, and they push RFLAGS. They run without TF, and where no
 * other page can be executed: so their handler's first instruction exits.
 */
static bool is_soft(enum step_class class)
{
	return class == STEP_INT3 || class == STEP_INT_N || class == STEP_INTO ||
	       class == STEP_INT1;
}

static void save(struct vcpu *v, struct step *s)
{
	s->rip = get(v, REG_RIP);
	s->cpl = SEG_AR_DPL(get(v, REG_SEG(SEG_SS, SEG_AR)));
	s->rflags = get(v, REG_RFLAGS);
	s->shadow = get(v, REG_INTERRUPTIBILITY) & SHADOW;
	s->pending = get(v, REG_PENDING_DEBUG);
	s->debugctl = get(v, REG_DEBUGCTL);
	s->dr6 = get(v, REG_DR6);
	s->r11 = v->gpr[GPR_R11];
	if (s->class == STEP_SYSCALL)
		s->fmask = get(v, REG_FMASK);
}

/*
 * TF, and what else there is to see to that a trap comes behind the instruction. In the shadow of
 * STI or MOV SS, VT-x takes no TF (Intel SDM vol. 3C, 27.3.1.5): there IF is cleared instead for as
 * long.
 */
static void arm(struct vcpu *v, struct step *s, bool hold)
{
	u64 rflags = s->rflags | RFLAGS_TF;

	s->held = (hold || s->shadow) && (rflags & RFLAGS_IF);
	if (s->shadow)
		set(v, REG_INTERRUPTIBILITY, get(v, REG_INTERRUPTIBILITY) & ~SHADOW);
	set(v, REG_RFLAGS, s->held ? rflags & ~RFLAGS_IF : rflags);
	if (s->pending)
		set(v, REG_PENDING_DEBUG, 0);
	if (s->debugctl & BTF)
		set(v, REG_DEBUGCTL, s->debugctl & ~BTF);
	if (s->class != STEP_MOV_DR)
		set(v, REG_DR6, s->dr6 & ~DR6_TRAPS);
	if (s->class == STEP_SYSCALL)
		set(v, REG_FMASK, s->fmask & ~RFLAGS_TF);
	if (s->class == STEP_SYSRET)
		v->gpr[GPR_R11] |= RFLAGS_TF;
}

/*
 * A fetch is refused before its instruction has done anything, so the trap behind that cannot be
 * pending, as one platform has it; only one that a MOV SS holds back.
 */
void step_fetch_refused(struct vcpu *v)
{
	u64 pending = get(v, REG_PENDING_DEBUG);

	if ((pending & DR6_BS) && !(get(v, REG_INTERRUPTIBILITY) & SHADOW_SS))
		set(v, REG_PENDING_DEBUG, pending & ~DR6_BS);
}

/* A trap of the guest's own is due before the instruction, if no MOV SS holds it back. */
static bool traps_first(struct vcpu *v)
{
	return get(v, REG_PENDING_DEBUG) && !(get(v, REG_INTERRUPTIBILITY) & SHADOW_SS);
}

enum step_start step_begin(struct vcpu *v, bool hold, bool deaf)
{
	struct step *s = &steps[v->index];
	u8 bytes[INSN_MAX_BYTES];
	u64 page[2], rip = get(v, REG_RIP);
	enum insn_mode mode = gmem_code_mode(v);
	struct insn insn;
	u32 length, n;

	if (v->event_set)
		return STEP_EVENT;
	if (get(v, REG_ACTIVITY) != ACTIVITY_ACTIVE)
		return STEP_IMPOSSIBLE;
	s->class = step_classify(bytes, gmem_fetch(v, rip, mode, bytes, sizeof(bytes)), mode);
	length = gmem_insn(v, rip, &insn);
	if ((s->class == STEP_SYSCALL || s->class == STEP_SYSRET) && !long_mode(v))
		s->class = STEP_PLAIN;
	if (traps_first(v))
		return STEP_EVENT;
	n = pages_of(v, length, page);
	if (!slat_page_open(v, page, n, is_soft(s->class)))
		return STEP_IMPOSSIBLE;
	save(v, s);
	s->active = true;
	s->held = false;
	/* AMD-V's own way over the IRET that ends an NMI handler */
	s->iret_nmi = s->class == STEP_IRET && backend->vendor == CRM_AMD &&
		      (get(v, REG_INTERRUPTIBILITY) & NMI_BLOCKED);
	if (s->iret_nmi || is_soft(s->class))
		return STEP_ON;
	if (s->class != STEP_HLT)
		arm(v, s, hold);
	backend->trap_events(v, EXCEPTIONS, !deaf || s->class == STEP_HLT);
	return STEP_ON;
}

bool step_active(struct vcpu *v)
{
	return steps[v->index].active;
}

bool step_was_string(struct vcpu *v)
{
	return steps[v->index].class == STEP_STRING;
}

/* The instruction has not run: all is to be as before. */
static void undo(struct vcpu *v, const struct step *s)
{
	if (s->class == STEP_HLT || s->iret_nmi)
		return;
	/* RF as the exit has it (Intel SDM vol. 3C, 28.3.3) */
	set(v, REG_RFLAGS,
	    (get(v, REG_RFLAGS) & ~(RFLAGS_TF | RFLAGS_IF)) |
		    (s->rflags & (RFLAGS_TF | RFLAGS_IF)));
	if (s->shadow)
		set(v, REG_INTERRUPTIBILITY, get(v, REG_INTERRUPTIBILITY) | s->shadow);
	set(v, REG_PENDING_DEBUG, s->pending); /* one platform has BS there before its time */
	if (s->class == STEP_SYSRET)
		v->gpr[GPR_R11] = s->r11;
}

/* The stack's address: SS:RSP, of the size that SS says. */
static u64 stack(struct vcpu *v)
{
	u64 rsp = get(v, REG_RSP), base = get(v, REG_SEG(SEG_SS, SEG_BASE));

	if (gmem_code_mode(v) == INSN_64)
		return rsp;
	rsp = get(v, REG_SEG(SEG_SS, SEG_AR)) & SEG_AR_DB ? (u32)rsp : (u16)rsp;
	return (u32)(base + rsp);
}

/* TF and IF as the guest has them, in what PUSHF has pushed. */
static void fix_pushed(struct vcpu *v, const struct step *s)
{
	u16 image;

	if (gmem_read(v, stack(v), &image, sizeof(image)) != sizeof(image))
		return;
	image &= (u16)~RFLAGS_TF;
	image |= (u16)(s->rflags & RFLAGS_TF) | (s->held ? (u16)RFLAGS_IF : 0);
	gmem_write(v, stack(v), &image, sizeof(image));
}

/* May POPF and IRET change IF (Intel SDM vol. 2B, POPF; vol. 2A, IRET)? */
static bool may_set_if(const struct step *s)
{
	return s->cpl <= (s->rflags >> 12 & 3);
}

/* RFLAGS behind the instruction, as they would be without the step. */
static u64 flags_behind(struct vcpu *v, const struct step *s)
{
	u64 f = get(v, REG_RFLAGS);
	u64 tf = s->rflags & RFLAGS_TF, on = s->held ? RFLAGS_IF : 0;

	switch (s->class) {
	case STEP_POPF:
	case STEP_IRET: return may_set_if(s) ? f : f | on;
	case STEP_SYSRET: return (f & ~RFLAGS_TF) | (s->r11 & RFLAGS_TF);
	case STEP_SYSCALL: return (f & ~RFLAGS_TF) | (tf & ~s->fmask) | (on & ~s->fmask);
	case STEP_CLI:
	case STEP_STI:
	case STEP_SYSENTER: return (f & ~RFLAGS_TF) | tf;
	default: return (f & ~RFLAGS_TF) | tf | on;
	}
}

/* The guest's own trap behind the instruction? */
static bool guest_trap(const struct step *s)
{
	if (s->debugctl & BTF)
		return false;
	if (s->class == STEP_SYSCALL)
		return s->rflags & ~s->fmask & RFLAGS_TF;
	return (s->class == STEP_SYSRET ? s->r11 : s->rflags) & RFLAGS_TF;
}

static void finish(struct vcpu *v, const struct step *s)
{
	set(v, REG_RFLAGS, flags_behind(v, s));
	set(v, REG_PENDING_DEBUG, 0);
	/* not every platform tells of the shadow behind a trap */
	if (s->class == STEP_STI && !(s->rflags & RFLAGS_IF) && (get(v, REG_RFLAGS) & RFLAGS_IF))
		set(v, REG_INTERRUPTIBILITY, get(v, REG_INTERRUPTIBILITY) | SHADOW_STI);
	if (s->class == STEP_PUSHF)
		fix_pushed(v, s);
	if (s->class == STEP_SYSCALL)
		v->gpr[GPR_R11] = (v->gpr[GPR_R11] & ~RFLAGS_TF) | (s->rflags & RFLAGS_TF) |
				  (s->held ? RFLAGS_IF : 0);
	if (s->class == STEP_SYSRET)
		v->gpr[GPR_R11] = s->r11;
}

/* A #DB exit: what of it is the guest's goes on to the guest. */
static enum step_end debug_exit(struct vcpu *v, const struct step *s, u64 info)
{
	/* one platform exits before BS is in DR6 */
	bool moved = get(v, REG_RIP) != s->rip, done = (info & DR6_BS) || moved;
	u64 bits = info & DR6_TRAPS;

	if (s->class == STEP_MOV_DR) { /* DR6 is not what it was, but has no bits of this */
		bits &= DR6_BS;
		done = moved;
	}
	if (done)
		finish(v, s);
	else
		undo(v, s);
	if (done && guest_trap(s))
		bits |= DR6_BS;
	else
		bits &= ~DR6_BS;
	if (done)
		bits |= s->pending & DR6_B;
	if (!bits) {
		if (s->class != STEP_MOV_DR)
			set(v, REG_DR6, s->dr6);
		else
			set(v, REG_DR6, get(v, REG_DR6) & ~DR6_BS);
		return STEP_DONE;
	}
	/* the CPU would have changed the registers (Intel SDM vol. 3B, 18.3.1, and 3C, 28.1) */
	set(v, REG_DR6, (s->dr6 & ~DR6_B) | bits | DR6_RESERVED);
	set(v, REG_DR7, get(v, REG_DR7) & ~DR7_GD);
	backend->inject(v, (struct event){.type = EVENT_EXCEPTION, .vector = VECTOR_DB});
	return done ? STEP_TRAP : STEP_CUT;
}

enum step_end step_end(struct vcpu *v, const struct exit *x)
{
	struct step *s = &steps[v->index];

	if (s->iret_nmi && x->kind == EXIT_STEP && get(v, REG_RIP) == s->rip)
		return STEP_AGAIN;
	s->active = false;
	slat_page_close(v);
	if (s->iret_nmi)
		return x->kind == EXIT_STEP ? STEP_DONE : STEP_CUT;
	if (is_soft(s->class))
		return x->kind == EXIT_SLAT && x->rip != s->rip ? STEP_DONE : STEP_CUT;
	backend->trap_events(v, 0, false);
	if (s->class == STEP_SYSCALL)
		set(v, REG_FMASK, s->fmask);
	if (s->debugctl & BTF)
		set(v, REG_DEBUGCTL, s->debugctl);
	if (s->class == STEP_HLT) {
		if (x->kind == EXIT_EXCEPTION && x->exception.vector == VECTOR_PF)
			set(v, REG_CR2, x->exception.info);
		return STEP_CUT;
	}
	if (x->kind == EXIT_EXCEPTION && x->exception.vector == VECTOR_DB)
		return debug_exit(v, s, x->exception.info);
	undo(v, s);
	if (s->class != STEP_MOV_DR)
		set(v, REG_DR6, s->dr6);
	if (x->kind == EXIT_EXCEPTION && x->exception.vector == VECTOR_PF)
		set(v, REG_CR2, x->exception.info);
	return STEP_CUT;
}
