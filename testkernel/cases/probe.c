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

/* What of CR0 and CR4 the CPU's owner below owns, and how often it was surprised. */
struct cr_owned {
	u64 cr0, cr4;
	bool known;
};

static void owned_here(void *arg)
{
	struct cr_owned *o = (struct cr_owned *)arg + this_cpu()->index;

	o->known = lamina_cr(HC_CR0_OWNED, &o->cr0) && lamina_cr(HC_CR4_OWNED, &o->cr4);
}

/* The masks of all CPUs are equal, and Lamina's model expected every exit. */
static void check_owned(bool present)
{
	struct cr_owned owned[MAX_CPUS];
	u64 unexpected = 0;

	on_each_cpu(owned_here, owned);
	for (u32 i = 0; i < cpu_count; i++) {
		check(owned[i].known == present, "cpu %u: Lamina does not tell its masks", i);
		check(!present || (owned[i].cr0 == owned[0].cr0 && owned[i].cr4 == owned[0].cr4),
		      "cpu %u owns %lx of CR0 and %lx of CR4, cpu 0 %lx and %lx", i, owned[i].cr0,
		      owned[i].cr4, owned[0].cr0, owned[0].cr4);
	}
	check(!present || lamina_info(HC_INFO_CR_UNEXPECTED, &unexpected),
	      "Lamina does not count unexpected CR exits");
	check(!unexpected, "%lu CR exits were unexpected", unexpected);
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
	check_owned(answers[0].present);
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
