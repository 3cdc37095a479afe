/* SPDX-License-Identifier: MIT */
#include "core/core.h"
#include "core/sipi.h"
#include "core/slat.h"
#include "hv/rights.h"
#include "hypapp/service/rights.h"

bool slat_page_refuse(struct vcpu *v, gpa_t page, u32 access, bool on)
{
	bool ok = slat_refuse(align_down(page.v, PAGE_SIZE), access, on);

	if (ok && v->arch) { /* else no guest runs yet */
		backend->tlb_flush(v, true);
		sipi_flush_others(v);
	}
	return ok;
}

u64 slat_map_needs(void)
{
	return slat_map_memory(machine.ram_top);
}

bool slat_map_init(void)
{
	return slat_map_make(machine.ram_top);
}

void slat_map_fill(enum page_state s)
{
	const struct mem_map *m = &machine.boot.map;

	for (u32 i = 0; i < m->count; i++) {
		u64 end = m->range[i].base + m->range[i].size;

		if (m->range[i].type != E820_RAM)
			continue;
		for (u64 p = align_up(m->range[i].base, PAGE_SIZE); p + PAGE_SIZE <= end;
		     p += PAGE_SIZE)
			slat_map_set(p, s);
	}
}

bool slat_map_apply(struct vcpu *v)
{
	bool ok = slat_map_sync();

	backend->tlb_flush(v, true);
	sipi_flush_others(v);
	return ok;
}

bool slat_map_give(struct vcpu *v, u64 gpa)
{
	bool ok = slat_map_give_page(gpa);

	backend->tlb_flush(v, true);
	return ok;
}

bool slat_page_open(struct vcpu *v, const u64 *page, u32 n, bool only)
{
	static struct slat_view views[MAX_CPUS];
	hpa_t root;

	if (!slat_view(&views[v->index], page, n, only, &root))
		return false;
	backend->slat_root(v, root);
	backend->tlb_flush(v, true);
	return true;
}

void slat_page_close(struct vcpu *v)
{
	backend->slat_root(v, slat_root());
	backend->tlb_flush(v, true);
}
