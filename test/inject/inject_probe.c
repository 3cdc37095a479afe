/* SPDX-License-Identifier: MIT */
/*
 * The same for the probe, which runs before any hypapp is asked: a backend that sets the registers
 * otherwise than it is told, and does not let on.
 */
#include "inject_probe.h"

#include "core/core.h"
#include "x86/cr.h"

static const struct backend *real;
static u64 told[MAX_CPUS][REG_COUNT];
static bool was_told[MAX_CPUS][REG_COUNT];

/* The bits of the mask from `other`. */
static u64 mix(u64 value, u64 other, u64 mask)
{
	return (value & ~mask) | (other & mask);
}

/* What becomes of a register that Lamina sets; the order is that of set() in core/exit_cr.c. */
static u64 disturbed(struct vcpu *v, enum cpu_reg r, u64 value)
{
	u32 fault = machine.opt.inject;

	if (fault == INJECT_PROBE_CR4_LEAK && r == REG_CR4_SHADOW)
		return mix(value, real->state_get(v, REG_CR4), real->state_get(v, REG_CR4_OWNED));
	if (fault == INJECT_PROBE_CR0_LEAK && r == REG_CR0_SHADOW)
		return mix(value, real->state_get(v, REG_CR0), real->state_get(v, REG_CR0_OWNED));
	if (fault == INJECT_PROBE_EXTRA && r == REG_CR0_SHADOW)
		return mix(value, real->state_get(v, REG_CR0), CR0_TS);
	if (fault == INJECT_PROBE_EXTRA && r == REG_CR0_OWNED)
		return value | CR0_TS;
	if (fault == INJECT_PROBE_HW && r == REG_CR4)
		return value ^ CR4_DE;
	return value;
}

static void state_set(struct vcpu *v, enum cpu_reg r, u64 value)
{
	u64 set = v->probing ? disturbed(v, r, value) : value;

	real->state_set(v, r, set);
	told[v->index][r] = value;
	was_told[v->index][r] = set != value;
}

static u64 state_get(struct vcpu *v, enum cpu_reg r)
{
	return was_told[v->index][r] ? told[v->index][r] : real->state_get(v, r);
}

void inject_probe_init(void)
{
	static struct backend wrong;

	if (machine.opt.inject < INJECT_PROBE_CR4_LEAK)
		return;
	real = backend;
	wrong = *real;
	wrong.state_set = state_set;
	wrong.state_get = state_get;
	backend = &wrong;
}
