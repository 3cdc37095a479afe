/* SPDX-License-Identifier: MIT */
#include "core/world.h"

#include "core/core.h"
#include "core/mp.h"
#include "core/sipi.h"
#include "x86/insn.h"

static struct {
	_Atomic u32 holder; /* index + 1 of the CPU that has stopped the others; 0: none */
	_Atomic u32 caller; /* of the call below */
	void (*fn)(struct vcpu *v, void *arg);
	void *arg;
	_Atomic u32 done;
} world;

static void stand_still(struct vcpu *v)
{
	struct pcpu *p = pcpu_of(v);

	if (atomic_exchange(&p->pub.still, 1)) /* this is its own loop, below */
		return;
	while (atomic_load(&world.holder) && !world_is_mine(v)) {
		world_serve(v);
		cpu_pause();
	}
	atomic_store(&p->pub.still, 0);
}

void world_mail(struct vcpu *v, u32 mail)
{
	if (mail & MAIL_CALL) {
		world.fn(v, world.arg);
		atomic_store(&world.done, 1);
	}
	if (mail & MAIL_STILL)
		stand_still(v);
}

void world_serve(struct vcpu *v)
{
	sipi_serve(v, true);
}

bool world_is_mine(struct vcpu *v)
{
	return atomic_load(&world.holder) == v->index + 1;
}

static void take(struct vcpu *v, _Atomic u32 *lock)
{
	u32 none = 0;

	while (!atomic_compare_exchange_weak(lock, &none, v->index + 1)) {
		none = 0;
		world_serve(v);
		cpu_pause();
	}
}

static bool reachable(const struct pcpu *p)
{
	return atomic_load(&p->pub.up) && !atomic_load(&p->pub.asleep);
}

void world_stop(struct vcpu *v)
{
	if (world_is_mine(v))
		return;
	take(v, &world.holder);
	for (u32 i = 0; i < cpu_count; i++)
		if (i != v->index && atomic_load(&pcpus[i]->pub.up))
			mp_post(pcpus[i], MAIL_STILL);
	for (u32 i = 0; i < cpu_count; i++)
		while (i != v->index && reachable(pcpus[i]) && !atomic_load(&pcpus[i]->pub.still)) {
			world_serve(v);
			cpu_pause();
		}
}

void world_go(struct vcpu *v)
{
	if (world_is_mine(v))
		atomic_store(&world.holder, 0);
}

static void write_back(struct vcpu *v, void *arg)
{
	(void)v;
	(void)arg;
	wbinvd();
}

void world_write_back(struct vcpu *v)
{
	for (u32 i = 0; i < cpu_count; i++)
		world_call(v, i, write_back, NULL);
}

void world_forget(void)
{
	atomic_store(&world.holder, 0);
	atomic_store(&world.caller, 0);
}

void world_pass(struct vcpu *v, u32 cpu)
{
	atomic_store(&world.holder, cpu + 1);
	stand_still(v);
}

bool world_call(struct vcpu *v, u32 cpu, void (*fn)(struct vcpu *v, void *arg), void *arg)
{
	bool ok = cpu < cpu_count && reachable(pcpus[cpu]);

	if (cpu == v->index || !ok) {
		if (ok)
			fn(v, arg);
		return ok;
	}
	take(v, &world.caller);
	world.fn = fn;
	world.arg = arg;
	atomic_store(&world.done, 0);
	mp_post(pcpus[cpu], MAIL_CALL);
	while (!atomic_load(&world.done)) {
		world_serve(v);
		cpu_pause();
	}
	atomic_store(&world.caller, 0);
	return true;
}
