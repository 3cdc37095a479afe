/* SPDX-License-Identifier: MIT */
#include "hypapp/service/watch.h"

#include "core/core.h"
#include "core/cr.h"
#include "core/msr.h"
#include "core/port.h"
#include "core/this_cpu.h"
#include "hv/hypapp.h"
#include "hv/world.h"
#include "lib/spinlock.h"
#include "x86/insn.h"
#include "x86/msr.h"

#define WATCHES_MAX 64

/* What is watched, and by how many. */
struct watches {
	struct {
		u32 what, owners;
	} of[WATCHES_MAX];
	u32 n; /* entries above that have been used */
};

static struct spinlock guard;
static struct watches msrs, ports;
static u32 bit_owners[CRM_CRS][64];

/* Counts an owner more or less. False: no room, or there was none. */
static bool count(struct watches *w, u32 what, bool on)
{
	u32 i = 0, free = w->n;

	for (i = 0; i < w->n && !(w->of[i].owners && w->of[i].what == what); i++)
		if (!w->of[i].owners)
			free = i;
	if (i == w->n && (!on || free == WATCHES_MAX))
		return false;
	i = i == w->n ? free : i;
	w->n = i == w->n ? i + 1 : w->n;
	w->of[i].what = what;
	w->of[i].owners += on ? 1 : -1;
	return true;
}

static bool is_watched(const struct watches *w, u32 what)
{
	for (u32 i = 0; i < w->n; i++)
		if (w->of[i].owners && w->of[i].what == what)
			return true;
	return false;
}

static void again(struct vcpu *v, void *name)
{
	cr_again(v, *(enum crm_name *)name);
}

void cr_watch(struct vcpu *v, enum crm_name cr, u64 bits, bool on)
{
	u64 watched = 0;

	spin_lock(&guard, this_cpu());
	for (u32 i = 0; i < 64; i++) {
		bit_owners[cr][i] += bits >> i & 1 ? (on ? 1 : -1) : 0;
		watched |= bit_owners[cr][i] ? BIT(i) : 0;
	}
	cr_watched[cr] = watched;
	spin_unlock(&guard);
	for (u32 i = 0; v && i < cpu_count; i++)
		world_call(v, i, again, &cr);
}

static bool can_watch_msr(u32 msr)
{
	bool amd = backend->vendor == CRM_AMD && (msr & ~0x1fffu) == 0xc0010000;

	if ((msr & ~0x1fffu) && (msr & ~0x1fffu) != 0xc0000000 && !amd)
		return false; /* they exit always, or never */
	return msr != MSR_X2APIC_ICR && msr != MSR_PAT && msr != MSR_DEBUGCTL &&
	       msr != MSR_FS_BASE && msr != MSR_GS_BASE;
}

bool msr_watch(u32 msr, bool on)
{
	bool ok;

	if (!can_watch_msr(msr))
		return false;
	spin_lock(&guard, this_cpu());
	ok = count(&msrs, msr, on);
	backend->trap_msr(msr, is_watched(&msrs, msr), is_watched(&msrs, msr));
	msr_trap_init(); /* what core itself traps */
	for (u32 i = 0; i < msrs.n; i++)
		if (msrs.of[i].owners)
			backend->trap_msr(msrs.of[i].what, true, true);
	hypapp_want(BIT(EXIT_RDMSR) | BIT(EXIT_WRMSR));
	spin_unlock(&guard);
	return ok;
}

bool port_watch(u16 port, bool on)
{
	bool ok;

	spin_lock(&guard, this_cpu());
	ok = count(&ports, port, on);
	backend->trap_port(port, is_watched(&ports, port));
	port_trap_power(true);
	hypapp_want(BIT(EXIT_PORT));
	spin_unlock(&guard);
	return ok;
}

bool ports_open(const struct exit *x)
{
	bool ok;

	spin_lock(&guard, this_cpu());
	ok = !guard_has(x);
	for (u32 i = 0; ok && i < x->port.size; i++)
		backend->trap_port(x->port.port + i, false);
	spin_unlock(&guard);
	return ok;
}

/* MSRs of the guest that are not in the CPU's while Lamina runs. */
static const struct {
	u32 msr;
	enum cpu_reg reg;
} kept[] = {
	{MSR_STAR, REG_STAR},
	{MSR_LSTAR, REG_LSTAR},
	{MSR_CSTAR, REG_CSTAR},
	{MSR_FMASK, REG_FMASK},
	{MSR_KERNEL_GS_BASE, REG_KERNEL_GS_BASE},
	{MSR_SYSENTER_CS, REG_SYSENTER_CS},
	{MSR_SYSENTER_ESP, REG_SYSENTER_ESP},
	{MSR_SYSENTER_EIP, REG_SYSENTER_EIP},
};

static const enum cpu_reg *kept_as(u32 msr)
{
	for (u32 i = 0; i < ARRAY_SIZE(kept); i++)
		if (kept[i].msr == msr)
			return &kept[i].reg;
	return NULL;
}

bool msr_read(struct vcpu *v, u32 msr, u64 *value)
{
	const enum cpu_reg *reg = kept_as(msr);

	if (!reg && msr != MSR_EFER)
		return rdmsr_safe(msr, value);
	*value = backend->state_get(v, reg ? *reg : REG_EFER);
	return true;
}

/* The CPU itself judges the value, in its own register. */
static enum exit_answer write_kept(struct vcpu *v, u32 msr, enum cpu_reg reg)
{
	u64 host = rdmsr(msr), value = 0;
	bool ok = wrmsr_safe(msr, (u32)v->gpr[GPR_RAX] | v->gpr[GPR_RDX] << 32);

	if (ok)
		value = rdmsr(msr);
	wrmsr(msr, host);
	if (!ok)
		return inject_gp(v);
	backend->state_set(v, reg, value);
	return EXIT_ADVANCE;
}

static enum exit_answer read_kept(struct vcpu *v, enum cpu_reg reg)
{
	u64 value = backend->state_get(v, reg);

	v->gpr[GPR_RAX] = (u32)value;
	v->gpr[GPR_RDX] = value >> 32;
	return EXIT_ADVANCE;
}

enum exit_answer watch_on_exit(struct vcpu *v, const struct exit *x)
{
	u32 msr = (u32)v->gpr[GPR_RCX];
	const enum cpu_reg *reg;

	if (x->kind != EXIT_RDMSR && x->kind != EXIT_WRMSR)
		return EXIT_PASS;
	reg = kept_as(msr);
	if (!reg)
		return EXIT_PASS;
	return x->kind == EXIT_RDMSR ? read_kept(v, *reg) : write_kept(v, msr, *reg);
}
