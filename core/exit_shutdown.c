/* SPDX-License-Identifier: MIT */
/* A triple fault: hardware would reset the machine (Intel SDM vol. 3A, 6.15). */
#include "core/core.h"
#include "core/exit_handlers.h"
#include "core/layout.h"
#include "core/panic.h"
#include "core/reset.h"
#include "core/serial.h"
#include "hv/hypapp.h"
#include "lib/fmt.h"
#include "x86/insn.h"

#define RESET_PORT  0xcf9 /* of Intel's chipsets since the 430: 6 is a hard reset */
#define KBC_COMMAND 0x64
#define KBC_RESET   0xfe

void machine_reset(const char *why)
{
	struct pcpu *p = gs_self();

	say("%s; resetting the machine", why);
	hypapps_wipe(&p->vcpu);
	outb(RESET_PORT, 2);
	outb(RESET_PORT, 6);
	outb(KBC_COMMAND, KBC_RESET);
	for (;;)
		cpu_halt();
}

enum exit_answer exit_shutdown(struct vcpu *v, const struct exit *x)
{
	/* One emulator stores Lamina's state as the guest's (doc/platforms.md, tcg-ferr-race). */
	bool ours = backend->state_get(v, REG_CR3) == read_cr3() && x->rip >= HV_VMA;
	char why[96];

	fmt(why, sizeof(why), "the %s CPU %u down (triple fault) at RIP %" FMT64 "x",
	    ours ? "platform, with Lamina's state, shut" : "guest shut", v->index, x->rip);
	if (machine.opt.shutdown == OPT_SHUTDOWN_PANIC)
		panic("%s", why);
	machine_reset(why);
}
