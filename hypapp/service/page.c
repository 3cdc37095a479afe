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
