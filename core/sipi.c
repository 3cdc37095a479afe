/* SPDX-License-Identifier: MIT */
#include "core/sipi.h"

#include "core/apic.h"
#include "core/core.h"
#include "core/exit_handlers.h"
#include "core/mp.h"
#include "core/probe.h"
#include "core/reset.h"
#include "core/revive.h"
#include "core/slat.h"
#include "core/trace.h"
#include "core/world.h"
#include "hv/hypapp.h"
#include "lib/spinlock.h"
#include "x86/apic.h"
#include "x86/cpuid.h"
#include "x86/insn.h"
#include "x86/msr.h"

static struct {
	bool has_x2apic;
	bool loses_init; /* the platform does not deliver INIT exits as the manual says */
	bool init_pends; /* an INIT that exited is still to come (AMD-V) */
	bool hold;	 /* the trap stays for good */
	_Atomic u32 trapping;
	_Atomic u32 given_up; /* never trap again */
	struct spinlock lock; /* of waiting and trapping together */
	u32 waiting;	      /* CPUs that have not been started, or were stopped again */
} sipi;

/*
 * An INIT exit works as the manual says on hardware and under KVM. Emulated local APICs give
 * themselves away by version 14h without a hypervisor's CPUID bit (hardware: 15h and up; Intel SDM
 * vol. 3A, 11.4.8).
 */
static bool platform_loses_init(void)
{
	bool emulated_apic = (apic_read(APIC_VERSION) & 0xff) <= 0x14;

	return emulated_apic && !(cpuid(1, 0).ecx & CPUID_1_ECX_HYPERVISOR);
}

/* AMD-V has no SIPI exit, and an INIT that exits is taken as soon as GIF is 1 unless it is
 * redirected to #SX, which emulators do not do (AMD APM vol. 2, 15.21.8 and 15.30.1). Only one of
 * them, the one without a hypervisor's CPUID bit, waits for GIF. */
static bool redirects_init(void)
{
	u64 vm_cr;

	return rdmsr_safe(MSR_VM_CR, &vm_cr) && (vm_cr & VM_CR_R_INIT);
}

bool sipi_owns_page(u64 gpa)
{
	for (u32 i = 0; i < cpu_count; i++)
		if (atomic_load(&pcpus[i]->pub.apic_page) == align_down(gpa, PAGE_SIZE))
			return true;
	return false;
}

/* Every page at which some CPU has its APIC. */
static void trap_pages(bool on)
{
	for (u32 i = 0; i < cpu_count; i++)
		if (atomic_load(&pcpus[i]->pub.apic_page))
			slat_trap_writes(atomic_load(&pcpus[i]->pub.apic_page), on);
}

static void set_trap(bool on)
{
	if (on && atomic_load(&sipi.given_up))
		return;
	atomic_store(&sipi.trapping, on);
	trap_pages(on);
	if (sipi.has_x2apic)
		backend->trap_msr(MSR_X2APIC_ICR, false, on);
}

/* One CPU more or less waits for a SIPI: the trap is set while any does. True: it was set just now.
 */
static bool count_waiting(struct vcpu *v, s32 change)
{
	bool was, is;

	spin_lock(&sipi.lock, v->index);
	was = sipi.waiting;
	sipi.waiting += (u32)change;
	is = sipi.waiting;
	if (was != is && (is || !sipi.hold))
		set_trap(is);
	spin_unlock(&sipi.lock);
	return is && !was;
}

void sipi_init(void)
{
	sipi.has_x2apic = cpuid(1, 0).ecx & CPUID_1_ECX_X2APIC;
	sipi.waiting = cpu_count - 1;
	atomic_store(&sipi.given_up, 0);
	sipi.loses_init = platform_loses_init();
	sipi.hold = machine.opt.sipi == OPT_SIPI_HOLD;
	machine.sipi_icr = sipi.hold || machine.opt.sipi == OPT_SIPI_ICR ||
			   (machine.opt.sipi == OPT_SIPI_AUTO && sipi.loses_init);
	if (backend->vendor == CRM_AMD) {
		machine.sipi_icr = true;
		sipi.init_pends = sipi.loses_init && !redirects_init();
		sipi.loses_init = false;
		sipi.hold |= !sipi.init_pends && !redirects_init();
	}
	if (machine.sipi_icr && cpu_count > 1)
		set_trap(true);
}

bool sipi_trapping(void)
{
	return atomic_load(&sipi.trapping);
}

void sipi_give_up_trap(void)
{
	atomic_store(&sipi.given_up, 1);
	set_trap(false);
}

void sipi_apic_moved(struct pcpu *p, u64 old)
{
	spin_lock(&sipi.lock, p->index);
	if (sipi_trapping()) {
		if (old && !sipi_owns_page(old))
			slat_trap_writes(old, false);
		set_trap(true);
	}
	spin_unlock(&sipi.lock);
}

/* --- the sender's side --- */

static bool in_logical(struct pcpu *p, u32 dest)
{
	u32 ldr = atomic_load(&p->pub.ldr);

	if (atomic_load(&p->pub.x2apic))
		return dest == 0xffffffff || (ldr >> 16 == dest >> 16 && (ldr & dest & 0xffff));
	if (dest == 0xff)
		return true;
	ldr >>= 24;
	if (atomic_load(&p->pub.dfr) >> 28 == 0xf)
		return ldr & dest;
	return ldr >> 4 == dest >> 4 && (ldr & dest & 0xf);
}

static bool is_target(struct pcpu *self, struct pcpu *p, u32 icr, u32 dest)
{
	u32 broadcast = atomic_load(&self->pub.x2apic) ? 0xffffffff : 0xff;

	switch (ICR_SHORTHAND(icr)) {
	case ICR_SHORTHAND_SELF: return p == self;
	case ICR_SHORTHAND_ALL: return true;
	case ICR_SHORTHAND_OTHERS: return p != self;
	default: break;
	}
	if (icr & ICR_LOGICAL)
		return in_logical(p, dest);
	return dest == broadcast || dest == atomic_load(&p->pub.apic_id);
}

/* True: it was an INIT or SIPI, and is dealt with. */
static bool start_ipi(struct vcpu *v, u32 icr, u32 dest)
{
	struct pcpu *self = pcpu_of(v);
	u32 mode = ICR_DELIVERY(icr);

	if (mode != ICR_DELIVERY_INIT && mode != ICR_DELIVERY_SIPI)
		return false;
	/* INIT level de-assert has been without effect since the Pentium 4 (Intel SDM vol.
	 * 3A, 11.6.1) */
	if (mode == ICR_DELIVERY_INIT && (icr & ICR_LEVEL) && !(icr & ICR_ASSERT))
		return true;
	for (u32 i = 0; i < cpu_count; i++) {
		if (!is_target(self, pcpus[i], icr, dest))
			continue;
		trace_add(v, TRACE_WHAT(TRACE_START, mode == ICR_DELIVERY_SIPI, 2),
			  (const u64[]){ICR_VECTOR(icr), i});
		if (mode == ICR_DELIVERY_INIT)
			mp_post_init(pcpus[i]);
		else
			mp_post_sipi(pcpus[i], ICR_VECTOR(icr));
	}
	return true;
}

void sipi_write_xapic(struct vcpu *v, u32 reg, u32 value)
{
	struct pcpu *p = pcpu_of(v);

	if (reg == APIC_ICR_LO && start_ipi(v, value, apic_read(APIC_ICR_HI) >> 24))
		return;
	apic_write(reg, value);
	if (reg == APIC_LDR || reg == APIC_DFR || reg == APIC_ID)
		mp_publish_apic(p);
}

enum exit_answer sipi_write_x2icr(struct vcpu *v, u64 value)
{
	if (apic_is_x2() && start_ipi(v, (u32)value, value >> 32))
		return sipi_check_mail(v) ? EXIT_RETRY : EXIT_ADVANCE;
	return wrmsr_safe(MSR_X2APIC_ICR, value) ? EXIT_ADVANCE : inject_gp(v);
}

/* --- the target's side --- */

static void inject_nmi(struct vcpu *v)
{
	trace_add(v, TRACE_WHAT(TRACE_NMI, 0, 0), (const u64[]){0});
	backend->inject(v, (struct event){.type = EVENT_NMI});
}

static void start(struct vcpu *v, u8 vector)
{
	struct pcpu *p = pcpu_of(v);

	trace_add(v, TRACE_WHAT(TRACE_START, TRACE_SIPI, 2), (const u64[]){vector, v->index});
	reset_sipi(v, vector);
	p->sipi_vector = vector;
	count_waiting(v, -1);
	hypapp_started(v);
}

void sipi_serve(struct vcpu *v, bool may_wait)
{
	struct pcpu *p = pcpu_of(v);
	u32 take = MAIL_FLUSH | MAIL_REVIVE | MAIL_CALL | (may_wait ? MAIL_STILL : 0);
	u32 mail = atomic_fetch_and(&p->pub.mail, ~take);

	if (mail & MAIL_STOP) {
		backend->disable(v);
		atomic_store(&p->pub.stopped, 1);
		for (;;)
			cpu_halt();
	}
	if (mail & MAIL_FLUSH) {
		backend->tlb_flush(v, true);
		atomic_fetch_add(&p->pub.flushed, 1);
	}
	if (mail & MAIL_REVIVE)
		revive_others();
	if (mail & take & (MAIL_CALL | MAIL_STILL))
		world_mail(v, mail & take);
}

void sipi_flush_others(struct vcpu *v)
{
	u32 seen[MAX_CPUS];

	for (u32 i = 0; i < cpu_count; i++) {
		seen[i] = atomic_load(&pcpus[i]->pub.flushed);
		if (pcpus[i] != pcpu_of(v) && atomic_load(&pcpus[i]->pub.up))
			mp_post(pcpus[i], MAIL_FLUSH);
	}
	for (u32 i = 0; i < cpu_count; i++) {
		while (pcpus[i] != pcpu_of(v) && atomic_load(&pcpus[i]->pub.up) &&
		       !atomic_load(&pcpus[i]->pub.asleep) &&
		       atomic_load(&pcpus[i]->pub.flushed) == seen[i]) {
			sipi_serve(v, false); /* the other may be waiting for us */
			cpu_pause();
		}
	}
}

/* Sleep until a SIPI comes; NMIs are held until then. */
static void wait_sipi(struct vcpu *v)
{
	struct pcpu *p = pcpu_of(v);
	u32 held = 0;
	u32 mail;

	for (;;) {
		mail = atomic_load(&p->pub.mail);
		if (mail & MAIL_INIT) {
			atomic_fetch_and(&p->pub.mail, ~(u32)MAIL_INIT);
			held = 0;
			continue;
		}
		if (mail & (MAIL_FLUSH | MAIL_REVIVE | MAIL_STOP | MAIL_CALL | MAIL_STILL))
			sipi_serve(v, true);
		if (mail & MAIL_SIPI) {
			u32 none = mail & ~(u32)(MAIL_SIPI | MAIL_WAIT_SIPI);

			if (atomic_compare_exchange_weak(&p->pub.mail, &mail, none))
				break;
			continue; /* more mail has come: it may take this SIPI back */
		}
		wait_nmi(v);
		held += atomic_exchange(&v->nmi_root, 0);
		held -= mp_take_kick(p);
	}
	start(v, MAIL_VECTOR(mail));
	while (held--)
		inject_nmi(v);
}

/* INIT: an AP waits for a SIPI. The CPU that booted would start over in the firmware: a reset. */
static void take_init(struct vcpu *v)
{
	struct pcpu *p = pcpu_of(v);
	u32 old = atomic_load(&p->pub.mail);

	if (v->is_bsp)
		machine_reset("INIT to the boot CPU");
	while (!atomic_compare_exchange_weak(&p->pub.mail, &old,
					     (old & ~(u32)MAIL_INIT) | MAIL_WAIT_SIPI))
		;
	trace_add(v, TRACE_WHAT(TRACE_START, TRACE_INIT, 0), (const u64[]){0});
	reset_init(v);
	if (count_waiting(v, 1)) {
		backend->tlb_flush(v, true);
		sipi_flush_others(v);
	}
	wait_sipi(v);
}

bool sipi_check_mail(struct vcpu *v)
{
	struct pcpu *p = pcpu_of(v);
	u32 mail = atomic_load(&p->pub.mail);
	bool replaced = false;

	sipi_serve(v, true);
	if (mail & MAIL_INIT) {
		take_init(v);
		replaced = true;
	}
	return replaced;
}

void sipi_wait_first(struct vcpu *v)
{
	if (machine.sipi_icr)
		atomic_fetch_or(&pcpu_of(v)->pub.mail, MAIL_WAIT_SIPI);
	atomic_store(&pcpu_of(v)->pub.up, 1);
	probe_run(v);
	reset_init(v);
	if (machine.sipi_icr) {
		wait_sipi(v);
		return;
	}
	backend->state_set(v, REG_ACTIVITY, ACTIVITY_WAIT_SIPI);
	atomic_store(&pcpu_of(v)->pub.asleep, 1);
}

/* --- exits --- */

/* An NMI of the guest, or the kick of another CPU, or both. */
enum exit_answer exit_nmi(struct vcpu *v, const struct exit *x)
{
	u32 n = atomic_exchange(&v->nmi_root, 0);

	(void)x;
	if (n && mp_take_kick(pcpu_of(v)))
		n--;
	while (n--)
		inject_nmi(v);
	sipi_check_mail(v);
	return EXIT_RETRY;
}

/*
 * A second INIT exit before the first guest instruction after a SIPI: the platform keeps an INIT
 * pending behind its exit, where the manual takes it as consumed (Intel SDM vol. 3C, 26.2). NMI
 * exits of ours may lie between.
 */
static bool init_is_stale(struct vcpu *v, const struct exit *x)
{
	struct pcpu *p = pcpu_of(v);

	return sipi.loses_init && p->init_exited && x->rip == 0 &&
	       backend->state_get(v, REG_SEG(SEG_CS, SEG_BASE)) == (u64)p->sipi_vector << 12;
}

enum exit_answer exit_init(struct vcpu *v, const struct exit *x)
{
	struct pcpu *p = pcpu_of(v);

	if (v->is_bsp)
		machine_reset("INIT to the boot CPU");
	if (sipi.init_pends) { /* come back by a real SIPI, and wait for the guest's */
		atomic_fetch_or(&p->pub.mail, MAIL_WAIT_SIPI);
		if (count_waiting(v, 1))
			sipi_flush_others(v);
	}
	if (sipi.init_pends || init_is_stale(v, x))
		revive_self(v);
	p->init_exited = true;
	if (machine.sipi_icr) {
		take_init(v);
		return EXIT_RETRY;
	}
	reset_init(v);
	backend->state_set(v, REG_ACTIVITY, ACTIVITY_WAIT_SIPI);
	atomic_store(&p->pub.asleep, 1);
	return EXIT_RETRY;
}

enum exit_answer exit_sipi(struct vcpu *v, const struct exit *x)
{
	struct pcpu *p = pcpu_of(v);

	p->sipi_vector = (u8)x->vector;
	reset_sipi(v, p->sipi_vector);
	atomic_store(&p->pub.asleep, 0);
	sipi_serve(v, true); /* nobody has waited for it */
	hypapp_started(v);
	return EXIT_RETRY;
}

void sipi_resume(struct vcpu *v)
{
	struct pcpu *p = pcpu_of(v);

	reset_init(v);
	reset_sipi(v, p->sipi_vector);
	p->init_exited = false;
	/* NMIs that were on their way when the CPU was reset are gone, kicks too; their mail is not
	 */
	atomic_store(&v->nmi_root, 0);
	atomic_store(&p->pub.kick, 0);
	atomic_store(&p->pub.up, 1);
	sipi_check_mail(v);
	hypapp_started(v);
}
