/* SPDX-License-Identifier: MIT */
/*
 * inject: disturbs CR0 or CR4 behind Lamina's back whenever the guest executes CPUID, as option
 * inject= says, to see who is blamed; at leaf 0 only, but extra-exit at all. What a
 * platform does wrong lasts until the next exit and is gone before Lamina looks; what Lamina would
 * do wrong stays.
 */
#include "inject_probe.h"

#include "core/core.h"
#include "hv/hypapp.h"
#include "x86/cr.h"

static struct undo {
	u32 n;
	enum cpu_reg reg[2];
	u64 value[2];
} undos[MAX_CPUS];

static void set_until_exit(struct vcpu *v, enum cpu_reg reg, u64 value)
{
	struct undo *u = &undos[v->index];

	u->reg[u->n] = reg;
	u->value[u->n++] = backend->state_get(v, reg);
	backend->state_set(v, reg, value);
}

/* The guest is shown the real values of the owned bits. */
static void leak(struct vcpu *v, enum cpu_reg hw, enum cpu_reg shadow, enum cpu_reg owned)
{
	u64 mask = backend->state_get(v, owned);

	set_until_exit(v, shadow,
		       (backend->state_get(v, hw) & mask) |
			       (backend->state_get(v, shadow) & ~mask));
}

/* Writes that change PSE exit, though Lamina does not own it. */
static void add_exit(struct vcpu *v)
{
	u64 shadow = backend->state_get(v, REG_CR4_SHADOW) & ~(u64)CR4_PSE;

	set_until_exit(v, REG_CR4_SHADOW, shadow | (backend->state_get(v, REG_CR4) & CR4_PSE));
	set_until_exit(v, REG_CR4_OWNED, backend->state_get(v, REG_CR4_OWNED) | CR4_PSE);
}

static void flip(struct vcpu *v, enum cpu_reg reg, u64 bit)
{
	backend->state_set(v, reg, backend->state_get(v, reg) ^ bit);
}

static enum exit_answer inject_on_exit(struct vcpu *v, const struct exit *x)
{
	struct undo *u = &undos[v->index];

	while (u->n) {
		u->n--;
		backend->state_set(v, u->reg[u->n], u->value[u->n]);
	}
	if (x->kind != EXIT_CPUID)
		return EXIT_PASS;
	if ((u32)v->gpr[GPR_RAX] != 0 && machine.opt.inject != INJECT_EXTRA_EXIT)
		return EXIT_PASS;
	switch (machine.opt.inject) {
	case INJECT_CR4_LEAK: leak(v, REG_CR4, REG_CR4_SHADOW, REG_CR4_OWNED); break;
	case INJECT_CR0_LEAK: leak(v, REG_CR0, REG_CR0_SHADOW, REG_CR0_OWNED); break;
	case INJECT_EXTRA_EXIT: add_exit(v); break;
	case INJECT_SHADOW_STALE: flip(v, REG_CR4_SHADOW, CR4_DE); break;
	case INJECT_MASK_LOST: flip(v, REG_CR4_OWNED, CR4_DE); break;
	case INJECT_HW_CHANGED: flip(v, REG_CR4, CR4_DE); break;
	default: break;
	}
	return EXIT_PASS;
}

static err_t inject_init(u32 cpus)
{
	(void)cpus;
	hypapp_want(~0u);
	inject_probe_init();
	return OK;
}

const struct hypapp inject_hypapp = {
	.name = "inject",
	.always = true,
	.init = inject_init,
	.on_exit = inject_on_exit,
};
