/* SPDX-License-Identifier: MIT */
/* Runs the cases whose numbers are written down: level1_vmx_numbers.c, level1_svm_numbers.c. */
#include "testkernel/cases/level1.h"
#include "testkernel/smp.h"
#include "testkernel/tap.h"
#include "testkernel/trap.h"

static void run(void *arg)
{
	const struct level1_number *n = arg;
	enum crm_name name = n->op == CRM_MOV_TO || n->op == CRM_MOV_FROM
				     ? (n->num == 4 ? CRM_CR4 : CRM_CR0)
				     : CRM_CR0;
	struct l1_case c;
	struct l1_result r;

	l1_plain(&c, n->mode);
	if (n->cr0.hw)
		c.cr[CRM_CR0] = n->cr0;
	c.cr[CRM_CR4] = n->cr4;
	c.op = n->op;
	c.num = n->num;
	c.gpr = RDX;
	c.value = n->value;
	c.traps = n->traps;
	if (!level1_check(&c, &r))
		return;
	check(r.x.kind == n->end, "exit kind %u, reason %u, not %u", (u32)r.x.kind, r.x.reason,
	      (u32)n->end);
	if (n->end == L2_CALL)
		check(r.value == n->read, "reads %lx, not %lx", r.value, n->read);
	check(r.after.cr[name].hw == n->hw, "hw is %lx, not %lx", r.after.cr[name].hw, n->hw);
}

void level1_numbers(const struct level1_number *numbers, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		on_each_cpu(run, (void *)(uintptr_t)&numbers[i]);
		level1_tap(numbers[i].text);
	}
}
