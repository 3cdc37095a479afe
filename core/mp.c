/* SPDX-License-Identifier: MIT */
#include "core/mp.h"

#include "boot/boot_low.h"
#include "core/apic.h"
#include "core/core.h"
#include "core/page.h"
#include "core/serial.h"
#include "core/suspend.h"
#include "core/trace.h"
#include "core/trap.h"
#include "core/virtualize.h"
#include "x86/apic.h"
#include "x86/insn.h"

struct pcpu *pcpus[MAX_CPUS];
u32 cpu_count;

#define STARTS	    30u	      /* of a CPU, before it counts as missing */
#define START_BOUND 2000000u  /* turns of a loop that a CPU may take to its first instructions */
#define UP_BOUND    50000000u /* and to come up from there */

static struct pcpu *alloc_cpu(u32 index, u32 id)
{
	struct pcpu *p = page_alloc((sizeof(struct pcpu) + PAGE_SIZE - 1) / PAGE_SIZE);

	if (p) {
		p->index = index;
		p->vcpu.index = index;
		p->vcpu.is_bsp = index == 0;
		p->first_id = id;
		p->fresh = true;
		atomic_store(&p->pub.apic_id, id);
		if (!trace_init(p))
			return NULL;
		pcpus[index] = p;
	}
	return p;
}

err_t mp_alloc(void)
{
	u32 self = apic_id();

	if (!alloc_cpu(0, self))
		return "too little memory for the CPUs";
	cpu_count = 1;
	for (u32 i = 0; i < machine.cpus.count; i++) {
		if (machine.cpus.apic_id[i] == self)
			continue;
		if (cpu_count == MAX_CPUS)
			return "more than 64 CPUs";
		if (!alloc_cpu(cpu_count, machine.cpus.apic_id[i]))
			return "too little memory for the CPUs";
		cpu_count++;
	}
	return OK;
}

void mp_publish_apic(struct pcpu *p)
{
	bool x2 = apic_is_x2();

	atomic_store(&p->pub.x2apic, x2);
	atomic_store(&p->pub.apic_page, x2 ? 0 : apic_base());
	atomic_store(&p->pub.apic_id, apic_id());
	atomic_store(&p->pub.ldr, apic_read(APIC_LDR));
	atomic_store(&p->pub.dfr, x2 ? 0 : apic_read(APIC_DFR));
}

/* A read of port 80h takes a microsecond on every PC. */
void io_delay(u32 n)
{
	while (n--)
		inb(0x80);
}

static bool wait_for(const _Atomic u32 *flag, u32 bound)
{
	for (u32 i = 0; i < bound && !atomic_load(flag); i++)
		cpu_pause();
	return atomic_load(flag);
}

/* Firmware may have left it a SIPI that has not come yet: the CPU then takes that one, runs astray,
 * and needs another INIT (SeaBIOS does not wait for the CPUs when it wakes from S3). */
static bool start_ap(struct pcpu *p)
{
	u32 id = atomic_load(&p->pub.apic_id), starts = 0;
	u32 sipi = ICR_SET_DELIVERY(ICR_DELIVERY_SIPI) | ICR_ASSERT | (u32)(machine.low_base >> 12);

	boot_low_set_ap(p);
	do {
		apic_send(id, ICR_SET_DELIVERY(ICR_DELIVERY_INIT) | ICR_ASSERT);
		io_delay(10000);
		apic_send(id, sipi);
		io_delay(200);
		if (!atomic_load(&p->pub.arrived))
			apic_send(id, sipi);
	} while (!wait_for(&p->pub.arrived, START_BOUND) && ++starts < STARTS);
	if (starts)
		say("platform: CPU %u has lost %u of its starts", p->index, starts);
	return wait_for(&p->pub.up, UP_BOUND);
}

err_t mp_start_aps(void)
{
	for (u32 i = 1; i < cpu_count; i++)
		if (!start_ap(pcpus[i]))
			return "a CPU that the firmware lists does not start";
	return OK;
}

void mp_release_aps(void)
{
	mp_stop_others(); /* out of VMX operation, where an INIT would be blocked */
	for (u32 i = 1; i < cpu_count; i++)
		apic_send(atomic_load(&pcpus[i]->pub.apic_id),
			  ICR_SET_DELIVERY(ICR_DELIVERY_INIT) | ICR_ASSERT);
	io_delay(10000);
}

void ap_main(struct pcpu *p)
{
	atomic_store(&p->pub.arrived, 1);
	trap_cpu_init(p);
	mp_publish_apic(p);
	if (p->index == 0) /* no AP, but the CPU that the firmware wakes first */
		suspend_wake(p);
	virtualize_ap(p);
}

/* One NMI is on its way at most: the flag says so until the CPU has taken it. */
static void kick(struct pcpu *p)
{
	if (p == gs_self()) /* it looks at its mail when it is done with what it does */
		return;
	if (!atomic_exchange(&p->pub.kick, 1))
		apic_send(atomic_load(&p->pub.apic_id),
			  ICR_SET_DELIVERY(ICR_DELIVERY_NMI) | ICR_ASSERT);
}

void mp_post(struct pcpu *p, u32 requests)
{
	atomic_fetch_or(&p->pub.mail, requests);
	kick(p);
}

void mp_post_init(struct pcpu *p)
{
	u32 old = atomic_load(&p->pub.mail);

	/* a SIPI that came before this INIT has lost its chance */
	while (!atomic_compare_exchange_weak(&p->pub.mail, &old,
					     (old & ~(u32)MAIL_SIPI) | MAIL_INIT))
		;
	kick(p);
}

void mp_post_sipi(struct pcpu *p, u8 vector)
{
	u32 old = atomic_load(&p->pub.mail);
	u32 new;

	do {
		bool waits = old & (MAIL_WAIT_SIPI | MAIL_INIT);

		if (!waits || (old & MAIL_SIPI))
			return;
		new = (old & ~MAIL_VECTOR_MASK) | MAIL_SIPI | MAIL_SET_VECTOR(vector);
	} while (!atomic_compare_exchange_weak(&p->pub.mail, &old, new));
	kick(p);
}

bool mp_take_kick(struct pcpu *p)
{
	return atomic_exchange(&p->pub.kick, 0);
}

void mp_stop_others(void)
{
	struct pcpu *self = gs_self();

	for (u32 i = 0; i < cpu_count; i++)
		if (pcpus[i] != self && atomic_load(&pcpus[i]->pub.up))
			mp_post(pcpus[i], MAIL_STOP);
	for (u32 i = 0; i < cpu_count; i++)
		for (u32 n = 0;
		     n < UP_BOUND && pcpus[i] != self && atomic_load(&pcpus[i]->pub.up) &&
		     !atomic_load(&pcpus[i]->pub.stopped);
		     n++)
			cpu_pause();
}
