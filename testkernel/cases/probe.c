/* SPDX-License-Identifier: MIT */
/* Is each CPU where it should be: all of them bare, or all of them in Lamina's guest mode? */
#include "testkernel/groups.h"
#include "testkernel/lamina.h"
#include "testkernel/smp.h"
#include "testkernel/tap.h"

static void probe_this(void *arg)
{
	struct lamina_probe *answers = arg;

	answers[this_cpu()->index] = lamina_probe();
}

static void check_answer(const struct lamina_probe *answers, u32 i)
{
	const struct lamina_probe *p = &answers[i];
	bool want = expect == EXPECT_ANY ? answers[0].present : expect == EXPECT_LAMINA;

	check(p->present == want, "cpu %u is %s", i, p->present ? "in guest mode" : "bare");
	if (!p->present) {
		check(p->vector == VECTOR_UD, "cpu %u: bare VMCALL ended with %u", i, p->vector);
		return;
	}
	check(p->cpus == cpu_count, "cpu %u: Lamina counts %u CPUs of %u", i, p->cpus, cpu_count);
	check(p->cpu < p->cpus, "cpu %u: Lamina's index is %u", i, p->cpu);
	for (u32 k = 0; k < i; k++)
		check(p->cpu != answers[k].cpu, "cpu %u and %u: Lamina's index %u", i, k, p->cpu);
}

static void probe(struct lamina_probe *answers)
{
	on_each_cpu(probe_this, answers);
	for (u32 i = 0; i < cpu_count; i++)
		check_answer(answers, i);
}

void probe_all(void)
{
	struct lamina_probe answers[MAX_CPUS];

	probe(answers);
}

void group_probe(void)
{
	struct lamina_probe answers[MAX_CPUS];

	probe(answers);
	for (u32 i = 0; i < cpu_count; i++) {
		if (answers[i].present)
			note("probe cpu %u: lamina vcpu %u of %u", i, answers[i].cpu,
			     answers[i].cpus);
		else
			note("probe cpu %u: bare", i);
	}
	tap("VMCALL at CPL 0, pinned to each CPU: all are bare or all are Lamina's");
}
