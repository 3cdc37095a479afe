/* SPDX-License-Identifier: MIT */
/* XSETBV: the value is the CPU's to judge (Intel SDM vol. 2C, XSETBV). #UD and CPL come before the
 * exit (vol. 3C, 26.1.1), but not on every emulator. */
#include "core/core.h"
#include "core/exit_handlers.h"
#include "x86/insn.h"

enum exit_answer exit_xsetbv(struct vcpu *v, const struct exit *x)
{
	u64 value = (u32)v->gpr[GPR_RAX] | v->gpr[GPR_RDX] << 32;

	(void)x;
	if (guest_cpl(v) != 0)
		return inject_gp(v);
	return xsetbv_safe((u32)v->gpr[GPR_RCX], value) ? EXIT_ADVANCE : inject_gp(v);
}
