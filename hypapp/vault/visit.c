/* SPDX-License-Identifier: MIT */
/*
 * Into a vault and out of it. The world outside gets its own registers back, at the entry, whenever
 * the vault is left before its function returns: so whatever interrupts comes to a program that is
 * about to call, and when that goes on, the call goes on.
 */
#include "hv/backend.h"
#include "hv/gmem.h"
#include "hypapp/vault/vault.h"
#include "lib/string.h"
#include "x86/rflags.h"
#include "x86/vector.h"

/* All but NMI and #MC, which are none of the vault's. */
#define EXCEPTIONS (~(1u << VECTOR_NMI | 1u << VECTOR_MC))
#define USER_END   BIT(47)

static struct vault *visited[MAX_CPUS];

struct vault *vault_of(struct vcpu *v)
{
	return visited[v->index];
}

static void save(struct vcpu *v, struct vault_side *s)
{
	memcpy(s->gpr, v->gpr, sizeof(s->gpr));
	s->rip = backend->state_get(v, REG_RIP);
	s->rsp = backend->state_get(v, REG_RSP);
	s->rflags = backend->state_get(v, REG_RFLAGS);
}

static void load(struct vcpu *v, const struct vault_side *s)
{
	memcpy(v->gpr, s->gpr, sizeof(s->gpr));
	backend->state_set(v, REG_RIP, s->rip);
	backend->state_set(v, REG_RSP, s->rsp);
	backend->state_set(v, REG_RFLAGS, s->rflags);
}

/* What the function finds: its arguments, its stack, and nothing else of the caller's. */
static void begin(struct vault *w)
{
	static const u8 argument[] = {GPR_RDI, GPR_RSI, GPR_RDX, GPR_RCX, GPR_R8, GPR_R9};
	u32 top = w->layout.stack - 8;

	w->in = (struct vault_side){
		.rip = w->out.rip,
		.rsp = w->layout.base + top,
		.rflags = RFLAGS_FIXED | RFLAGS_IF,
	};
	for (u32 i = 0; i < ARRAY_SIZE(argument); i++)
		w->in.gpr[argument[i]] = w->out.gpr[argument[i]];
	space_put(w->page[top / PAGE_SIZE].gpa + top % PAGE_SIZE, VAULT_RETURN);
}

static bool is_same(const struct vault_side *a, const struct vault_side *b)
{
	return a->rip == b->rip && a->rsp == b->rsp && !memcmp(a->gpr, b->gpr, sizeof(a->gpr));
}

/* Its own call, or the one that was interrupted: 0 and held; EXIT_RETRY: not yet. */
static bool prepare(struct vcpu *v, struct vault *w, enum exit_answer *a)
{
	struct vault_side now;

	*a = EXIT_RETRY;
	save(v, &now);
	if (w->suspended)
		return is_same(&now, &w->out);
	if (gmem_read(v, now.rsp, &w->back, sizeof(w->back)) != sizeof(w->back) ||
	    w->back >= USER_END) {
		*a = inject_gp(v);
		return false;
	}
	w->out = now;
	begin(w);
	atomic_fetch_add(&vault_calls, 1);
	return true;
}

enum exit_answer vault_enter(struct vcpu *v, struct vault *w)
{
	enum exit_answer a = EXIT_RETRY;

	if (!vault_hold(v, w)) /* another CPU is in it: the guest tries again, with interrupts */
		return EXIT_RETRY;
	if (!atomic_load(&w->used) || !prepare(v, w, &a)) {
		vault_drop(w);
		return a;
	}
	w->out.rflags = backend->state_get(v, REG_RFLAGS);
	w->out_cr3 = backend->state_get(v, REG_CR3);
	w->suspended = false;
	visited[v->index] = w;
	load(v, &w->in);
	space_enter(v, &w->space);
	backend->trap_events(v, EXCEPTIONS, true);
	return EXIT_RETRY;
}

static void leave(struct vcpu *v, struct vault *w)
{
	visited[v->index] = NULL;
	backend->trap_events(v, 0, false);
	space_leave(v, w->out_cr3);
	load(v, &w->out);
}

static void suspend(struct vcpu *v, struct vault *w)
{
	save(v, &w->in);
	leave(v, w);
	w->suspended = true;
	w->last_cpu = v->index;
	vault_drop(w);
}

/* The function has returned: behind the call, with RAX, and the caller's other registers. */
static enum exit_answer finish(struct vcpu *v, struct vault *w)
{
	u64 result = v->gpr[GPR_RAX];

	leave(v, w);
	v->gpr[GPR_RAX] = result;
	backend->state_set(v, REG_RIP, w->back);
	backend->state_set(v, REG_RSP, w->out.rsp + 8);
	memset(&w->in, 0, sizeof(w->in));
	vault_drop(w);
	return EXIT_RETRY;
}

/* What a vault does wrong ends it: nobody else could tell what it was about. */
static void end(struct vcpu *v, struct vault *w)
{
	leave(v, w);
	vault_release(v, w);
	vault_drop(w);
}

static enum exit_answer crash(struct vcpu *v, struct vault *w)
{
	end(v, w);
	return inject_gp(v);
}

static bool has_returned(const struct exit *x)
{
	return x->exception.vector == VECTOR_PF && x->rip == VAULT_RETURN &&
	       x->exception.info == VAULT_RETURN;
}

static enum exit_answer exception(struct vcpu *v, struct vault *w, const struct exit *x)
{
	if (v->event_set) { /* an NMI found no IDT there; outside there is one */
		suspend(v, w);
		return EXIT_RETRY;
	}
	return has_returned(x) ? finish(v, w) : crash(v, w);
}

enum exit_answer vault_inside(struct vcpu *v, const struct exit *x)
{
	struct vault *w = vault_of(v);

	switch (x->kind) {
	case EXIT_EXCEPTION: return exception(v, w, x);
	case EXIT_CPUID:
		backend->trap_events(v, EXCEPTIONS, true); /* a timer may have changed it */
		return EXIT_PASS;
	case EXIT_INTR:
	case EXIT_NMI:
	case EXIT_NMI_WINDOW:
	case EXIT_TIMER:
	case EXIT_STEP: suspend(v, w); return EXIT_PASS;
	case EXIT_INIT:
	case EXIT_SIPI:
	case EXIT_SHUTDOWN: end(v, w); return EXIT_PASS;
	default: return crash(v, w);
	}
}
