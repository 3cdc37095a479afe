/* SPDX-License-Identifier: MIT */
#include "hypapp/gdb/brk.h"

#include <stdatomic.h>

#include "hv/backend.h"
#include "hv/gmem.h"
#include "hv/rights.h"
#include "hv/world.h"
#include "x86/msr.h"

static struct brk {
	_Atomic u32 owner; /* enum brk_owner */
	u64 linear;
	u32 cpu;
	u32 next;	       /* the slot to be used next */
	u64 page[BRK_PAGES];   /* guest-physical */
	bool armed[BRK_PAGES]; /* page[] is valid */
} brks[BRK_MAX];

static _Atomic u32 lock;

/* Whoever waits lets the holder have translations flushed. */
static void take(struct vcpu *v)
{
	while (v && atomic_exchange(&lock, 1))
		world_serve(v);
}

static void release(void)
{
	atomic_store(&lock, 0);
}

static void disarm(struct vcpu *v, struct brk *b, u32 slot)
{
	if (b->armed[slot])
		slat_page_refuse(v, GPA(b->page[slot]), SLAT_EXEC, false);
	b->armed[slot] = false;
}

static bool has_page(const struct brk *b, u64 page)
{
	for (u32 i = 0; i < BRK_PAGES; i++)
		if (b->armed[i] && b->page[i] == page)
			return true;
	return false;
}

bool brk_add(struct vcpu *v, enum brk_owner owner, u64 linear, u32 cpu)
{
	struct brk *b = NULL;

	take(v);
	for (u32 i = 0; i < BRK_MAX && !b; i++)
		if (atomic_load(&brks[i].owner) == BRK_FREE)
			b = &brks[i];
	if (b) {
		b->linear = linear;
		b->cpu = cpu;
		b->next = 0;
		atomic_store(&b->owner, owner);
	}
	release();
	return b;
}

static void remove(struct vcpu *v, struct brk *b)
{
	atomic_store(&b->owner, BRK_FREE);
	for (u32 i = 0; i < BRK_PAGES; i++)
		disarm(v, b, i);
}

bool brk_remove(struct vcpu *v, enum brk_owner owner, u64 linear, u32 cpu)
{
	bool found = false;

	take(v);
	for (u32 i = 0; i < BRK_MAX && !found; i++) {
		struct brk *b = &brks[i];

		found = atomic_load(&b->owner) == owner && b->linear == linear && b->cpu == cpu;
		if (found)
			remove(v, b);
	}
	release();
	return found;
}

void brk_remove_all(struct vcpu *v, enum brk_owner owner)
{
	take(v);
	for (u32 i = 0; i < BRK_MAX; i++)
		if (atomic_load(&brks[i].owner) == owner)
			remove(v, &brks[i]);
	release();
}

static void arm(struct vcpu *v, struct brk *b, u64 page)
{
	take(v);
	if (atomic_load(&b->owner) != BRK_FREE && !has_page(b, page)) {
		disarm(v, b, b->next);
		b->armed[b->next] = slat_page_refuse(v, GPA(page), SLAT_EXEC, true);
		b->page[b->next] = page;
		b->next = (b->next + 1) % BRK_PAGES;
	}
	release();
}

static bool concerns(const struct brk *b, const struct vcpu *v)
{
	return atomic_load(&b->owner) != BRK_FREE && (b->cpu == BRK_ALL || b->cpu == v->index);
}

void brk_follow(struct vcpu *v)
{
	bool wide = backend->state_get(v, REG_EFER) & EFER_LMA;
	u64 gpa;

	for (u32 i = 0; i < BRK_MAX; i++) {
		struct brk *b = &brks[i];

		if (concerns(b, v) && (wide || !(b->linear >> 32)) &&
		    gmem_walk(v, b->linear, &gpa) && !has_page(b, align_down(gpa, PAGE_SIZE)))
			arm(v, b, align_down(gpa, PAGE_SIZE));
	}
}

enum brk_owner brk_at(struct vcpu *v, u64 linear)
{
	enum brk_owner found = BRK_FREE;

	for (u32 i = 0; i < BRK_MAX; i++)
		if (concerns(&brks[i], v) && brks[i].linear == linear &&
		    (found == BRK_FREE || found >= BRK_BY_STEP))
			found = (enum brk_owner)atomic_load(&brks[i].owner);
	return found;
}

bool brk_on_page(u64 page)
{
	for (u32 i = 0; i < BRK_MAX; i++)
		if (atomic_load(&brks[i].owner) != BRK_FREE && has_page(&brks[i], page))
			return true;
	return false;
}
