/* SPDX-License-Identifier: MIT */
/*
 * Events into the guest: injection, re-delivery, NMIs (AMD APM vol. 2, 15.20 and 15.21). There is
 * no virtual NMI mask: the guest is taken to be in its NMI handler from an injection to the IRET
 * that ends it, which exits and is then stepped over.
 */
#include "svm/svm.h"

#include "core/apic.h"
#include "core/event.h"
#include "core/trap.h"
#include "hv/exit.h"
#include "x86/apic.h"
#include "x86/cr.h"
#include "x86/insn.h"
#include "x86/rflags.h"
#include "x86/vector.h"

static void set_event(struct vcpu *v, u64 info)
{
	vmcb_write(v, VMCB_EVENTINJ, info);
	v->event_set = true;
}

/* In real mode exceptions push no error code. */
static void inject_exception(struct vcpu *v, u8 vector, bool has_error, u32 error)
{
	has_error = has_error && (vmcb_read(v, VMCB_CR0) & CR0_PE);
	if (VECTOR_FAULTS >> vector & 1)
		vmcb_write(v, VMCB_RFLAGS, vmcb_read(v, VMCB_RFLAGS) | RFLAGS_RF);
	set_event(v, EVENT_INFO_VALID | EVENT_TYPE_EXC << 8 | vector |
			     (has_error ? EVENT_INFO_ERROR | (u64)error << 32 : 0));
}

static void intercept(struct vcpu *v, u32 field, u32 bit, bool on)
{
	u64 bits = vmcb_read(v, field);

	vmcb_write(v, field, on ? bits | bit : bits & ~(u64)bit);
}

/*
 * The exit interrupted the delivery of an event: deliver it again at the next entry. INT n, INT3
 * and INTO simply run again. QEMU calls an interrupt an exception. Bochs names the exception before
 * for INT n: there RIP has moved on.
 */
void svm_event_redeliver(struct vcpu *v)
{
	u64 info = vmcb_read(v, VMCB_EXITINTINFO);
	u32 type = EVENT_INFO_TYPE(info);
	u8 vector = EVENT_INFO_VECTOR(info);
	bool int_n = svm_caps.bochs && vmcb_read(v, VMCB_NRIP) != vmcb_read(v, VMCB_RIP);

	if (!(info & EVENT_INFO_VALID) || type == EVENT_TYPE_SOFT || int_n ||
	    (type == EVENT_TYPE_EXC && (vector == VECTOR_BP || vector == VECTOR_OF)))
		return;
	if (type == EVENT_TYPE_EXC && vector >= VECTOR_COUNT)
		info = EVENT_INFO_VALID | EVENT_TYPE_INTR << 8 | vector;
	set_event(v, info);
}

/* With GIF 0, just before VMRUN: the NMI is held until the guest runs, and then exits. */
void svm_kick_self(struct vcpu *v)
{
	struct pcpu *p = gs_self();

	v->nmi_window = 0;
	if (!atomic_exchange(&p->pub.kick, 1))
		apic_send(atomic_load(&p->pub.apic_id),
			  ICR_SET_DELIVERY(ICR_DELIVERY_NMI) | ICR_ASSERT);
}

/* On: have an NMI come to this CPU when it is in the guest again, behind the event that is
 * injected. */
static void set_nmi_window(struct vcpu *v, bool on)
{
	v->nmi_window = on;
}

static bool nmi_blocked(struct vcpu *v)
{
	return v->event_set || (vmcb_read(v, VMCB_SHADOW) & 1);
}

/* The guest is in its NMI handler from here on, or is not: IRET ends that. */
static void set_nmi_masked(struct vcpu *v, bool on)
{
	svm_of(v)->nmi_masked = on;
	intercept(v, VMCB_INTERCEPTS1, INTERCEPT(SVM_IRET), on);
}

/* Put a pending NMI in, or see to it that there is an exit when the guest can take it. Injected as
 * an NMI it would keep Bochs from Lamina's own NMIs until the guest's IRET; as an interrupt it does
 * not. */
static void deliver_nmi(struct vcpu *v, bool blocked)
{
	struct svm_vcpu *m = svm_of(v);

	if (!m->nmis || m->nmi_masked) /* the IRET exits */
		return;
	if (blocked) {
		set_nmi_window(v, true);
		return;
	}
	set_event(v, EVENT_INFO_VALID | (svm_caps.bochs ? EVENT_TYPE_INTR : EVENT_TYPE_NMI) << 8 |
			     VECTOR_NMI);
	m->nmis--;
	set_nmi_masked(v, true);
}

/* An NMI exits where the CPU would take it, be it in the shadow of an STI. */
void svm_event_nmi_window(struct vcpu *v)
{
	deliver_nmi(v, v->event_set);
}

/* A CPU holds one NMI that is being handled and one that waits (AMD APM vol. 2, 8.1.3). */
static void inject_nmi(struct vcpu *v)
{
	struct svm_vcpu *m = svm_of(v);

	if (m->nmis + m->nmi_masked < 2)
		m->nmis++;
	deliver_nmi(v, nmi_blocked(v));
}

/* The IRET that ends the NMI handler is about to run: come back when it has. */
void svm_event_iret(struct vcpu *v)
{
	struct svm_vcpu *m = svm_of(v);
	u64 rflags = vmcb_read(v, VMCB_RFLAGS);

	m->stepping = true;
	m->guest_tf = rflags & RFLAGS_TF;
	vmcb_write(v, VMCB_RFLAGS, rflags | RFLAGS_TF);
	intercept(v, VMCB_INTERCEPTS1, INTERCEPT(SVM_IRET), false);
	intercept(v, VMCB_EXC_INTERCEPTS, 1u << VECTOR_DB, true);
}

void svm_event_nmi_over(struct vcpu *v)
{
	set_nmi_masked(v, false);
	set_nmi_window(v, svm_of(v)->nmis);
	trap_unblock_nmi(); /* one emulator holds NMIs back until an IRET runs */
}

bool svm_event_stepped(struct vcpu *v)
{
	struct svm_vcpu *m = svm_of(v);
	u64 dr6 = vmcb_read(v, VMCB_DR6);
	bool ours = m->stepping && !m->guest_tf;

	if (!m->stepping)
		return false;
	m->stepping = m->nmi_masked = false;
	intercept(v, VMCB_EXC_INTERCEPTS, 1u << VECTOR_DB, false);
	if (ours)
		vmcb_write(v, VMCB_DR6, dr6 & ~DR6_BS);
	else
		inject_exception(v, VECTOR_DB, false, 0);
	deliver_nmi(v, nmi_blocked(v));
	return true;
}

/* An exception takes the place of what is set up for the next entry. */
static void replace_event(struct vcpu *v, struct event e)
{
	u64 info = vmcb_read(v, VMCB_EVENTINJ);
	struct svm_vcpu *m = svm_of(v);
	bool exception = EVENT_INFO_TYPE(info) == EVENT_TYPE_EXC;

	if (EVENT_INFO_VECTOR(info) == VECTOR_NMI) {
		m->nmis++;
		set_nmi_masked(v, false);
		set_nmi_window(v, true);
	}
	if (exception && EVENT_INFO_VECTOR(info) == VECTOR_DF) {
		struct exit x = {.kind = EXIT_SHUTDOWN, .rip = vmcb_read(v, VMCB_RIP)};

		exit_dispatch(v, &x); /* VMRUN has no way to enter a CPU that is shut down */
		return;
	}
	if (exception && event_makes_df(EVENT_INFO_VECTOR(info), e.vector))
		inject_exception(v, VECTOR_DF, true, 0);
	else
		inject_exception(v, e.vector, e.has_error, e.error);
}

static void forget_events(struct vcpu *v)
{
	struct svm_vcpu *m = svm_of(v);

	vmcb_write(v, VMCB_EVENTINJ, 0);
	v->event_set = false;
	m->nmis = 0;
	m->stepping = false;
	set_nmi_window(v, false);
	set_nmi_masked(v, false);
	intercept(v, VMCB_EXC_INTERCEPTS, 1u << VECTOR_DB, false);
}

void svm_inject(struct vcpu *v, struct event e)
{
	if (e.type == EVENT_NONE)
		forget_events(v);
	else if (e.type == EVENT_NMI)
		inject_nmi(v);
	else if (v->event_set)
		replace_event(v, e);
	else
		inject_exception(v, e.vector, e.has_error, e.error);
}
