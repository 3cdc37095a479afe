/* SPDX-License-Identifier: MIT */
/* Events into the guest: injection, re-delivery, NMIs (Intel SDM vol. 3C, 25.8.3, 27.6, 28.2.4). */
#include "vmx/vmx.h"

#include "core/event.h"
#include "x86/cr.h"
#include "x86/insn.h"
#include "x86/vector.h"

static void set_event(struct vcpu *v, u64 info, u64 error)
{
	vmwrite(VMCS_ENTRY_INTR_INFO, info);
	if (info & INTR_INFO_ERROR)
		vmwrite(VMCS_ENTRY_ERROR_CODE, error);
	v->event_set = true;
}

/* No error code goes with it in real mode (Intel SDM vol. 3A, 21.1.4; vol. 3C, 27.2.1.3). */
static void inject_exception(struct vcpu *v, u8 vector, bool has_error, u32 error)
{
	has_error = has_error && (vmread(VMCS_GUEST_CR0) & CR0_PE);
	if (VECTOR_FAULTS >> vector & 1) /* injection does not (27.6.1.1) */
		vmwrite(VMCS_GUEST_RFLAGS, vmread(VMCS_GUEST_RFLAGS) | RFLAGS_RF);
	set_event(v,
		  INTR_INFO_VALID | INTR_TYPE_HARD_EXC << 8 | vector |
			  (has_error ? INTR_INFO_ERROR : 0),
		  error);
}

/* The exit interrupted the delivery of an event: deliver it again at the next entry. */
void vmx_event_redeliver(struct vcpu *v)
{
	u64 info = vmread(VMCS_IDT_VECTORING_INFO);
	u32 type = INTR_INFO_TYPE(info);

	if (!(info & INTR_INFO_VALID))
		return;
	/* bit 12 is undefined here and must be 0 on entry */
	set_event(v, info & ~INTR_INFO_NMI_UNBLOCK, vmread(VMCS_IDT_VECTORING_ERROR));
	if (type == INTR_TYPE_SOFT_INT || type == INTR_TYPE_SOFT_EXC ||
	    type == INTR_TYPE_PRIV_SOFT_EXC)
		vmwrite(VMCS_ENTRY_INSN_LENGTH, vmread(VMCS_EXIT_INSN_LENGTH));
	/* the NMI is not in its handler yet */
	if (type == INTR_TYPE_NMI)
		vmwrite(VMCS_GUEST_INTERRUPTIBILITY,
			vmread(VMCS_GUEST_INTERRUPTIBILITY) & ~INTERRUPTIBILITY_NMI);
}

static void set_nmi_window(struct vmx_vcpu *m, bool on)
{
	u32 proc = on ? m->proc | PROC_NMI_WINDOW : m->proc & ~(u32)PROC_NMI_WINDOW;

	if (proc != m->proc) {
		m->proc = proc;
		vmwrite(VMCS_PROC_CONTROLS, proc);
	}
}

static bool nmi_blocked(struct vcpu *v)
{
	u64 blocking = vmread(VMCS_GUEST_INTERRUPTIBILITY);
	u64 activity = vmread(VMCS_GUEST_ACTIVITY);

	/* a trap that is due goes first: an event put in here would be its end (27.7.3) */
	return activity == ACTIVITY_WAIT_SIPI || activity == ACTIVITY_SHUTDOWN || v->event_set ||
	       (vmread(VMCS_GUEST_PENDING_DEBUG) & (PENDING_DEBUG_BS | PENDING_DEBUG_ENABLED)) ||
	       (blocking & (INTERRUPTIBILITY_NMI | INTERRUPTIBILITY_MOV_SS | INTERRUPTIBILITY_STI));
}

/* Put a pending NMI in, or ask for an exit when the guest can take it. */
static void deliver_nmi(struct vcpu *v)
{
	struct vmx_vcpu *m = vmx_of(v);

	if (m->nmis && !nmi_blocked(v)) {
		set_event(v, INTR_INFO_VALID | INTR_TYPE_NMI << 8 | VECTOR_NMI, 0);
		m->nmis--;
	}
	set_nmi_window(m, m->nmis);
}

void vmx_event_nmi_window(struct vcpu *v)
{
	deliver_nmi(v);
}

/* A CPU holds one NMI that is being handled and one that waits (Intel SDM vol. 3A, 6.7.1). */
static void inject_nmi(struct vcpu *v)
{
	struct vmx_vcpu *m = vmx_of(v);
	bool handling = vmread(VMCS_GUEST_INTERRUPTIBILITY) & INTERRUPTIBILITY_NMI;
	u32 held = m->nmis +
		   (v->event_set && INTR_INFO_TYPE(vmread(VMCS_ENTRY_INTR_INFO)) == INTR_TYPE_NMI);

	if (held + handling < 2)
		m->nmis++;
	deliver_nmi(v);
}

/* An exception takes the place of what is set up for the next entry. */
static void replace_event(struct vcpu *v, struct event e)
{
	u64 info = vmread(VMCS_ENTRY_INTR_INFO);

	if (INTR_INFO_TYPE(info) == INTR_TYPE_NMI) {
		vmx_of(v)->nmis++;
		set_nmi_window(vmx_of(v), true);
	}
	if (INTR_INFO_TYPE(info) == INTR_TYPE_HARD_EXC && INTR_INFO_VECTOR(info) == VECTOR_DF) {
		vmwrite(VMCS_ENTRY_INTR_INFO, 0);
		vmwrite(VMCS_GUEST_ACTIVITY, ACTIVITY_SHUTDOWN);
		return;
	}
	if (INTR_INFO_TYPE(info) == INTR_TYPE_HARD_EXC &&
	    event_makes_df(INTR_INFO_VECTOR(info), e.vector))
		inject_exception(v, VECTOR_DF, true, 0);
	else
		inject_exception(v, e.vector, e.has_error, e.error);
}

static void forget_events(struct vcpu *v)
{
	vmwrite(VMCS_ENTRY_INTR_INFO, 0);
	v->event_set = false;
	vmx_of(v)->nmis = 0;
	set_nmi_window(vmx_of(v), false);
}

void vmx_inject(struct vcpu *v, struct event e)
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
