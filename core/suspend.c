/* SPDX-License-Identifier: MIT */
/* ACPI specification 6.4, 5.2.10 (FACS), 7.4.2.3 and 16.3 (waking). */
#include "core/suspend.h"

#include "boot/boot_low.h"
#include "core/core.h"
#include "core/mp.h"
#include "core/mtrr.h"
#include "core/page.h"
#include "core/panic.h"
#include "core/reset.h"
#include "core/serial.h"
#include "core/sipi.h"
#include "core/slat.h"
#include "core/virtualize.h"
#include "core/world.h"
#include "hv/hypapp.h"
#include "iommu/iommu.h"
#include "lib/string.h"
#include "x86/insn.h"

/* Where the firmware is to wake in real mode, below 1 MiB; 0: nowhere. And in protected mode. */
#define VECTOR	 (*(volatile u32 *)phys_ptr(machine.pm.facs + 12))
#define X_VECTOR (*(volatile u64 *)phys_ptr(machine.pm.facs + 24))

static u32 guest_vector;

bool suspend_prepare(struct vcpu *v, u8 type)
{
	u32 wake_at = machine.pm.facs ? VECTOR : 0;

	if (machine.pm.s3 ? type != (machine.pm.s3 & 7) : !wake_at)
		return false;
	if (!wake_at || wake_at >= MiB(1)) {
		say("warning: no waking vector in real mode: suspended, to wake without Lamina");
		return false;
	}
	world_stop(v);	       /* then no other CPU holds a lock, */
	guest_vector = VECTOR; /* nor writes to this */
	VECTOR = (u32)machine.low_base;
	X_VECTOR = 0; /* protected mode is none of ours */
	boot_low_set_ap(pcpus[0]);
	world_write_back(v);
	return true;
}

void suspend_wait(struct vcpu *v)
{
	io_delay(1000000);
	say("warning: the machine does not go to sleep");
	VECTOR = guest_vector;
	world_go(v);
}

static void power_on(struct pcpu *p)
{
	slat_trap_writes(atomic_load(&p->pub.apic_page), false);
	memset(&p->pub, 0, sizeof(p->pub));
	atomic_store(&p->pub.apic_id, p->first_id);
	atomic_store(&p->vcpu.nmi_root, 0);
	p->vcpu.entry_hook = p->init_exited = false;
	p->fresh = true;
}

void suspend_wake(struct pcpu *p)
{
	struct mtrr_state mtrr;
	u16 cs = (u16)(guest_vector >> 4), ip = guest_vector & 0xf;
	err_t err;

	for (u32 i = 0; i < cpu_count; i++)
		power_on(pcpus[i]);
	mp_publish_apic(p);
	hypapps_woken();
	serial_init((u16)machine.opt.serial);
	mtrr_read(&mtrr);
	slat_set_mtrr(&mtrr);
	err = iommu_resume();
	if (!err)
		err = virtualize_prepare(p);
	if (!err) {
		backend->slat_root(&p->vcpu, slat_root());
		sipi_init();
		err = mp_start_aps();
	}
	if (err || virtualize_ap_error())
		panic("no return from a suspend: %s", err ? err : virtualize_ap_error());
	say("back from a suspend on %u CPUs", cpu_count);
	VECTOR = guest_vector;
	boot_low_jump(&cs, &ip);
	reset_real_mode(&p->vcpu, cs, ip);
	hypapp_started(&p->vcpu);
	virtualize_run(p);
}
