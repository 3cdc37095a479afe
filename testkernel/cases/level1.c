/* SPDX-License-Identifier: MIT */
/*
 * The kernel as a small hypervisor: what CR0 and CR4 do in guest mode under any masks, shadows and
 * real values, against the model (crmodel/crm.h). Options: seed=N for the random cases;
 * level1=WORDS, as a failed case prints it, runs that one case.
 */
#include "testkernel/cases/level1.h"
#include "testkernel/groups.h"
#include "testkernel/l1/l2.h"
#include "testkernel/mb2.h"
#include "testkernel/smp.h"
#include "testkernel/tap.h"

#define PRINTED 40

static u32 exits_first[MAX_CPUS];
static u32 asked, left_out[MAX_CPUS]; /* accesses run and not run; asked: by the present case */

static void enable(void *unused)
{
	(void)unused;
	l1->enable();
}

static void disable(void *unused)
{
	(void)unused;
	l1->disable();
}

/* At most PRINTED cases are shown in full. */
bool level1_check(const struct l1_case *c, struct l1_result *r)
{
	static u32 printed;

	l1_try(c, r);
	if (r->left_out) {
		left_out[this_cpu()->index]++;
		return false;
	}
	check(!r->wrong, "%s: %s is %lx, due %lx", l1_mode_name(c->mode), r->wrong, r->got,
	      r->want);
	if (r->wrong && printed++ < PRINTED)
		l1_print(c);
	if (r->odd & L1_EXIT_FIRST) {
		exits_first[this_cpu()->index]++;
		return false;
	}
	asked++;
	return true;
}

void level1_tap(const char *text)
{
	if (asked)
		tap("%s", text);
	else
		note("left out, for quirks of this platform: %s", text);
	asked = 0;
}

struct part {
	void (*run)(u32 part);
	u32 n;
};

static void run_part(void *arg)
{
	const struct part *p = arg;

	p->run(p->n);
}

void level1_parts(void (*run)(u32 part), u32 n)
{
	struct part p = {.run = run};

	for (u32 cpu = 0; cpu < cpu_count; cpu++)
		for (p.n = 0; p.n < n; p.n++)
			run_on(cpu, run_part, &p);
}

static void run_one(void *arg)
{
	struct l1_result r;

	if (!level1_check(arg, &r)) {
		note("cpu %u: left out, model's verdict %u", this_cpu()->index, (u32)r.due.verdict);
		return;
	}
	note("cpu %u: model's verdict %u; exit kind %u, reason %u, qualification %lx, value %lx",
	     this_cpu()->index, (u32)r.due.verdict, (u32)r.x.kind, r.x.reason, r.x.qualification,
	     r.value);
}

/* The case of level1=, on each CPU; false: there is none. */
static bool one_case(void)
{
	static char text[512];
	static struct l1_case c;

	if (!mb2_option("level1", text, sizeof(text)))
		return false;
	if (!l1_parse(text, &c))
		panic("level1=%s is no case that can be run", text);
	l1_print(&c);
	on_each_cpu(run_one, &c);
	level1_tap("the one case of the command line");
	return true;
}

void group_level1(void)
{
	const char *lacks = l1_init();

	if (lacks) {
		tap_skip("CR0 and CR4 in guest mode", lacks);
		return;
	}
	l2_init();
	on_each_cpu(enable, NULL);
	if (!one_case()) {
		if (l1 == &l1_svm)
			level1_svm();
		else
			level1_vmx();
		level1_tables();
		level1_modes();
		level1_xp();
		level1_random();
		for (u32 i = 0; i < cpu_count; i++)
			note("cpu %u: %u accesses left out, %u exits before #GP, those at random "
			     "aside",
			     i, left_out[i], exits_first[i]);
	}
	on_each_cpu(disable, NULL);
	probe_all();
	tap("after all this every CPU is where it was");
}
