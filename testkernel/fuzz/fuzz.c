/* SPDX-License-Identifier: MIT */
/*
 * The group `fuzz`: all CPUs run random cases, batch by batch. The digest of a batch is the same
 * bare and on Lamina; after a batch of the other stream Lamina and the kernel live, and nothing of
 * Lamina's shows. Options: fuzz.seed=N, fuzz.count=N cases of each CPU and stream, or
 * fuzz.seconds=N, fuzz.from=N the number of the first, fuzz.batch=N, fuzz.stream=same|hostile,
 * fuzz.cpu=N one CPU alone. A single case (fuzz.count=1) is shown, before it is run and after.
 */
#include "testkernel/acpi.h"
#include "testkernel/asm.h"
#include "testkernel/console.h"
#include "testkernel/exec.h"
#include "testkernel/fuzz/gen.h"
#include "testkernel/fuzz/watch.h"
#include "testkernel/groups.h"
#include "testkernel/lamina.h"
#include "testkernel/lapic.h"
#include "testkernel/mb2.h"
#include "testkernel/smp.h"
#include "testkernel/tap.h"
#include "lib/string.h"
#include "x86/cr.h"
#include "x86/msr.h"

#define SEED	   1u
#define COUNT	   2000u
#define BATCH	   1000u
#define LONG_RUNS  3u	    /* of one case, ended by the timer: it has no end */
#define AGAIN_EACH 16u	    /* that many, one case is run twice */
#define RUNS	   100u	    /* of one case, ended by an interrupt that it lets in each time */
#define LONG	   4000000u /* TSC ticks; much less than between two of the timer's */
#define SCI_EN	   1	    /* PM1_CNT */
#define STAR	   ((u64)(BS_UCODE32) << 48 | (u64)BS_CODE64 << 32)
#define MSR_STAR   0xc0000081
#define MSR_LSTAR  0xc0000082
#define MSR_CSTAR  0xc0000083

struct plan {
	enum fuzz_stream stream;
	u64 seed, from;
	u32 count;	 /* cases */
	u32 first, last; /* CPUs */
	bool shown;
};

struct outcome {
	u64 digest;
	u64 last_endless;
	u32 endless,
		broken_off; /* cases; runs that an interrupt ended, and that were begun again */
	u32 by_mode[BOX_MODES];
	u32 by_vector[VECTOR_COUNT];
	u64 done; /* cases so far */
};

static struct outcome outcomes[BOX_CPUS];
static struct fuzz_case cases[BOX_CPUS];
static struct box_result results[BOX_CPUS];

static u64 mix(u64 h, u64 v)
{
	h = (h ^ v) * 0x9fb21c651e98df25;
	return h ^ h >> 32;
}

static u64 digest_of(const struct box_result *r)
{
	const u64 *words = (const u64 *)r;
	u64 h = 0;

	for (u32 i = 0; i < sizeof(*r) / 8; i++)
		h = mix(h, words[i]);
	return h;
}

/* By the local APIC, not by INT n. It may also have ended in a double fault, for want of a stack.
 */
static bool was_interrupted(const struct box_result *r)
{
	u32 v = (u32)r->s.vector;
	bool served = lapic_in_service(VEC_TICK) || (v >= VECTOR_COUNT && lapic_in_service((u8)v));

	if (served)
		lapic_eoi();
	return served;
}

static void put_back(const struct fuzz_case *c, const u64 *old, const bool *there)
{
	for (u32 i = c->msrs; i--;)
		if (there[i])
			try_wrmsr(c->msr[i], old[i]);
	if (c->lapic)
		watch_restart();
}

static void clear_ports(const struct fuzz_case *c)
{
	for (u16 i = 0; c->ports && i < 4; i++)
		outb(c->ports + i, 0);
}

/* False: it has no end. */
static bool run_case(struct fuzz_case *c, struct box_result *r, struct outcome *o)
{
	u64 old[FUZZ_MSRS];
	bool there[FUZZ_MSRS], ended = false;
	u32 long_runs = 0, runs = 0;

	for (u32 i = 0; i < c->msrs; i++)
		there[i] = try_rdmsr(c->msr[i], &old[i]);
	while (!ended && long_runs < LONG_RUNS && runs++ < RUNS) {
		u64 start = rdtsc();

		clear_ports(c);
		box_run(&c->run, r);
		if ((u32)r->s.vector == VECTOR_NMI || box_had_nmi())
			watch_had_nmi();
		long_runs += rdtsc() - start > LONG;
		put_back(c, old, there);
		ended = !was_interrupted(r);
		o->broken_off += !ended;
	}
	return ended;
}

static void show_state(const char *what, const struct box_state *s)
{
	static const char names[16][4] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
					  "r8",	 "r9",	"r10", "r11", "r12", "r13", "r14", "r15"};

	for (u32 i = 0; i < 16; i += 4)
		note("%s %s %lx %s %lx %s %lx %s %lx", what, names[i], s->gpr[i], names[i + 1],
		     s->gpr[i + 1], names[i + 2], s->gpr[i + 2], names[i + 3], s->gpr[i + 3]);
	note("%s flags %lx ds %lx es %lx fs %lx gs %lx cr0 %lx cr4 %lx dr7 %lx", what, s->rflags,
	     s->ds, s->es, s->fs, s->gs, s->cr0, s->cr4, s->dr7);
}

static void show_case(u32 cpu)
{
	const struct fuzz_case *c = &cases[cpu];

	note("cpu %u, %s, %u bytes at %x:", cpu, box_modes[c->run.mode].name, c->run.size,
	     c->run.at);
	for (u32 i = 0; i < c->run.size; i += 16) {
		char text[16 * 3 + 1] = "";

		for (u32 k = i; k < i + 16 && k < c->run.size; k++)
			fmt(text + 3 * (k - i), 4, " %02x", c->code[k]);
		note("code%s", text);
	}
	show_state("in ", &c->run.s);
	for (u32 i = 0; i < 4; i++)
		if (c->run.dr[i])
			note("in  dr%u %lx", i, c->run.dr[i]);
	console_drain();
}

static void show_result(const struct box_result *r)
{
	note("out vector %u error %lx cs:rip %lx:%lx ss:rsp %lx:%lx", (u32)r->s.vector, r->s.error,
	     r->s.cs, r->s.rip, r->s.ss, r->s.rsp);
	show_state("out", &r->s);
	note("out cr2 %lx dr6 %lx cr8 %lx efer %lx xcr0 %lx memory %lx", r->s.cr2, r->s.dr6, r->cr8,
	     r->efer, r->xcr0, r->memory);
	for (u32 i = 0; i < 4; i++)
		if (r->dr[i])
			note("out dr%u %lx", i, r->dr[i]);
}

/* What an interrupt ends is run again: nothing of the first run may show then. */
static void check_again(struct fuzz_case *c, const struct box_result *r, u64 number)
{
	static struct box_result again[BOX_CPUS];
	static struct outcome unused[BOX_CPUS];
	u32 cpu = this_cpu()->index;
	bool same;

	if (!run_case(c, &again[cpu], &unused[cpu]))
		return;
	same = digest_of(&again[cpu]) == digest_of(r);
	check(same, "case %lu of CPU %u, %s, differs when it is run again", number, cpu,
	      box_modes[c->run.mode].name);
	if (same)
		return;
	show_result(r);
	show_result(&again[cpu]);
}

/* Work of each CPU */
static void run_batch(void *arg)
{
	const struct plan *p = arg;
	u32 cpu = this_cpu()->index;
	struct outcome *o = &outcomes[cpu];
	struct fuzz_case *c = &cases[cpu];
	struct box_result *r = &results[cpu];

	box_reset();
	o->digest = 0;
	for (u32 i = 0; i < p->count; i++) {
		fuzz_make(c, p->stream, p->seed, p->from + i);
		if (p->stream == FUZZ_HOSTILE)
			watch_disturb(c, p->from + i);
		if (p->shown)
			show_case(cpu);
		if (run_case(c, r, o)) {
			o->by_vector[r->s.vector % VECTOR_COUNT] += r->s.vector < VECTOR_COUNT;
			o->digest = mix(o->digest, digest_of(r));
			if (p->stream == FUZZ_SAME && (p->from + i) % AGAIN_EACH == 0)
				check_again(c, r, p->from + i);
		} else {
			o->endless++;
			o->last_endless = p->from + i;
			o->digest = mix(o->digest, ~0ULL);
		}
		o->by_mode[c->run.mode]++;
		o->done++;
	}
}

static void prepare(void *unused)
{
	u64 entry;

	(void)unused;
	box_init();
	entry = box_address(BOX_LONG_K, ARENA_CODE + 0x1ff0);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE | EFER_NXE);
	wrmsr(MSR_STAR, STAR);
	wrmsr(MSR_LSTAR, entry);
	wrmsr(MSR_CSTAR, entry);
	wrmsr(MSR_FMASK, 0);
	wrmsr(MSR_SYSENTER_CS, 0);
	watch_restart();
}

/* A batch on all CPUs at once. */
static void batch(struct plan *p)
{
	for (u32 i = p->first ? p->first : 1; i <= p->last; i++)
		start_on(i, run_batch, p);
	if (!p->first)
		run_batch(p);
	for (u32 i = p->first ? p->first : 1; i <= p->last; i++)
		watch_finish(i);
	for (u32 i = p->first; i <= p->last; i++) {
		check(outcomes[i].done, "cpu %u ran nothing", i);
		if (p->stream == FUZZ_SAME)
			tap("cases %lu to %lu of CPU %u give %lx", p->from, p->from + p->count - 1,
			    i, outcomes[i].digest);
		if (p->shown)
			show_result(&results[i]);
	}
	if (p->stream == FUZZ_HOSTILE) {
		watch_lamina();
		tap("after hostile cases %lu to %lu all is well", p->from, p->from + p->count - 1);
	}
}

static void summary(const char *name)
{
	struct outcome all = {0};

	for (u32 i = 0; i < BOX_CPUS; i++) {
		struct outcome *o = &outcomes[i];

		if (o->endless)
			note("the last one of CPU %u without an end: %lu", i, o->last_endless);
		all.done += o->done;
		all.endless += o->endless;
		all.broken_off += o->broken_off;
		for (u32 k = 0; k < BOX_MODES; k++)
			all.by_mode[k] += o->by_mode[k];
		for (u32 k = 0; k < VECTOR_COUNT; k++)
			all.by_vector[k] += o->by_vector[k];
		memset(o, 0, sizeof(*o));
	}
	note("stream %s: %lu cases, %u without an end, %u runs begun again", name, all.done,
	     all.endless, all.broken_off);
	for (u32 k = 0; k < BOX_MODES; k++)
		if (all.by_mode[k])
			note("mode %s: %u", box_modes[k].name, all.by_mode[k]);
	for (u32 k = 0; k < VECTOR_COUNT; k++)
		if (all.by_vector[k])
			note("vector %u: %u", k, all.by_vector[k]);
}

static u64 number(const char *key, u64 otherwise)
{
	char text[24];
	u64 v = 0;

	if (!mb2_option(key, text, sizeof(text)))
		return otherwise;
	for (const char *p = text; *p; p++) {
		if (*p < '0' || *p > '9')
			panic("%s=%s is no number", key, text);
		v = v * 10 + (u64)(*p - '0');
	}
	return v;
}

static u32 fuzz_cpus(void)
{
	return cpu_count < BOX_CPUS ? cpu_count : BOX_CPUS;
}

static void run_stream(const char *name, enum fuzz_stream stream)
{
	struct plan p = {.stream = stream,
			 .seed = number("fuzz.seed", SEED),
			 .from = number("fuzz.from", 0),
			 .first = (u32)number("fuzz.cpu", 0),
			 .last = (u32)number("fuzz.cpu", fuzz_cpus() - 1)};
	u64 count = number("fuzz.count", COUNT), left = count, size = number("fuzz.batch", BATCH);
	u64 seconds = number("fuzz.seconds", 0);
	char only[12];

	if (mb2_option("fuzz.stream", only, sizeof(only)) && strcmp(only, name))
		return;
	note("stream %s, seed %lu", name, p.seed);
	watch_start_clock();
	while (seconds ? watch_seconds() < seconds : left) {
		p.count = (u32)(seconds || left > size ? size : left);
		p.shown = count == 1;
		batch(&p);
		p.from += p.count;
		left -= seconds ? 0 : p.count;
	}
	summary(name);
}

void group_fuzz(void)
{
	for (u32 i = 0; i < fuzz_cpus(); i++)
		run_on(i, prepare, NULL);
	if (acpi.pm1a_cnt)
		outb(acpi.pm1a_cnt, SCI_EN); /* what the cases write there */
	watch_init();
	run_stream("same", FUZZ_SAME);
	run_stream("hostile", FUZZ_HOSTILE);
	watch_end();
	probe_all();
	tap("after all this every CPU is where it was");
}
