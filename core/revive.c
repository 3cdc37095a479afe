/* SPDX-License-Identifier: MIT */
#include "core/revive.h"

#include "boot/boot_low.h"
#include "core/apic.h"
#include "core/core.h"
#include "core/mp.h"
#include "core/panic.h"
#include "core/this_cpu.h"
#include "lib/spinlock.h"
#include "x86/apic.h"
#include "x86/insn.h"

#define UP_BOUND 1000000u /* SIPIs until we give up */

/* Lamina's start-up code in the low page takes one CPU at a time. */
static struct spinlock one_at_a_time;

static struct pcpu *helper_of(struct pcpu *p)
{
	for (u32 i = 0; i < cpu_count; i++)
		if (pcpus[i] != p && atomic_load(&pcpus[i]->pub.up))
			return pcpus[i];
	return NULL;
}

void revive_self(struct vcpu *v)
{
	struct pcpu *p = pcpu_of(v);
	struct pcpu *helper = helper_of(p);

	if (!helper)
		panic("CPU %u has an INIT pending and no other CPU to help", p->index);
	spin_lock(&one_at_a_time, this_cpu());
	boot_low_set_ap(p);
	atomic_store(&p->pub.kick, 0);
	atomic_store(&p->pub.up, 0);
	atomic_store(&p->pub.revive, 1);
	mp_post(helper, MAIL_REVIVE);
	backend->disable(v);
	for (;;) /* the INIT takes this CPU out of here */
		cpu_halt();
}

static void revive(struct pcpu *p)
{
	u32 sipi = ICR_SET_DELIVERY(ICR_DELIVERY_SIPI) | ICR_ASSERT | (u32)(machine.low_base >> 12);

	/* ignored until the CPU has left VMX operation and taken its INIT */
	for (u32 i = 0; i < UP_BOUND && !atomic_load(&p->pub.up); i++) {
		apic_send(atomic_load(&p->pub.apic_id), sipi);
		for (u32 n = 0; n < 1000 && !atomic_load(&p->pub.up); n++)
			cpu_pause();
	}
	if (!atomic_load(&p->pub.up))
		panic("CPU %u does not come back from its INIT", p->index);
	spin_unlock(&one_at_a_time);
}

void revive_others(void)
{
	for (u32 i = 0; i < cpu_count; i++)
		if (atomic_exchange(&pcpus[i]->pub.revive, 0))
			revive(pcpus[i]);
}
