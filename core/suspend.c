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

enum { FACS_VECTOR = 12, FACS_X_VECTOR = 24 };

static u32 guest_vector;

/* Where the firmware is to wake in real mode, below 1 MiB; 0: nowhere. */
static volatile u32 *vector(void)
{
	return phys_ptr(machine.pm.facs + FACS_VECTOR);
}

bool suspend_prepare(struct vcpu *v, u8 type)
{
	u32 wake_at = machine.pm.facs ? *vector() : 0;

	if (machine.pm.has_s3 ? type != machine.pm.s3_type : !wake_at)
		return false;
	if (!wake_at || wake_at >= MiB(1)) {
		say("warning: no waking vector in real mode: suspended, to wake without Lamina");
		return false;
	}
	world_stop(v); /* then no other CPU holds a lock, */
	mp_stop_others();
	guest_vector = *vector(); /* nor writes to this */
	*vector() = (u32)machine.low_base;
	*(u64 *)phys_ptr(machine.pm.facs + FACS_X_VECTOR) = 0; /* protected mode is none of ours */
	boot_low_set_ap(pcpus[0]);
	backend->disable(v);
	wbinvd(); /* the caches lose their contents */
	return true;
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
	*vector() = guest_vector;
	boot_low_jump(&cs, &ip);
	reset_real_mode(&p->vcpu, cs, ip);
	hypapp_started(&p->vcpu);
	virtualize_run(p);
}
