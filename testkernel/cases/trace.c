/* SPDX-License-Identifier: MIT */
/* The trace, read by hypercall while all goes on: what a CPU did is in its ring, whole and in
 * order. Bare, the hypercall is #UD. */
#include "testkernel/asm.h"
#include "testkernel/groups.h"
#include "testkernel/lamina.h"
#include "testkernel/smp.h"
#include "testkernel/tap.h"
#include "hv/trace.h"
#include "x86/cr.h"

#define MARK	  0x7ace0000u /* in RCX of CPUID */
#define MARKS	  5u
#define READS	  200u /* records to be seen */
#define READS_MAX 100000u

enum {
#define EXIT_KIND(name, text) EXIT_##name,
#include "hv/exit_kinds.def"
#undef EXIT_KIND
};

static bool present;
static struct trace_ring_page {
	struct trace_header head;
	struct trace_record record[TRACE_COPY_MAX];
} __attribute__((aligned(4096))) page;

struct answer {
	u32 vector, eax, count, next;
};

static struct answer read_to(u32 cpu, u32 from, u32 want, u64 to)
{
	struct exec e = {.f.gpr[RAX] = HC_TRACE,
			 .f.gpr[RBX] = cpu,
			 .f.gpr[RCX] = from,
			 .f.gpr[RDX] = to,
			 .f.gpr[RSI] = want};
	struct answer a = {.vector = lamina_call(&e, 0)};

	a.eax = (u32)e.f.gpr[RAX];
	a.count = (u32)e.f.gpr[RBX];
	a.next = (u32)e.f.gpr[RCX];
	check(a.vector == (present ? VEC_DONE : VECTOR_UD), "HC_TRACE ends with %u", a.vector);
	return a;
}

static u64 tsc(const struct trace_record *r)
{
	return (u64)r->tsc[1] << 32 | r->tsc[0];
}

static struct answer read_ring(u32 cpu, u32 from)
{
	struct answer a = read_to(cpu, from, TRACE_COPY_MAX, (uintptr_t)&page);

	if (!present)
		return (struct answer){.count = 0};
	check(!a.eax && a.count <= TRACE_COPY_MAX, "HC_TRACE answers %x, %u records", a.eax,
	      a.count);
	check(page.head.magic == TRACE_MAGIC && page.head.version == TRACE_VERSION &&
		      page.head.cpu == cpu && page.head.count == a.count,
	      "header of CPU %u, %u records", page.head.cpu, page.head.count);
	for (u32 i = 0; i < a.count; i++) {
		const struct trace_record *r = &page.record[i];

		check(TRACE_COUNT(r->what) <= TRACE_VALUES && (s32)(a.next - r->at) > 0,
		      "record at %x is %x, %x is next", r->at, r->what, a.next);
		check(!i || (s32)(r->at - r[-1].at) > 0, "record at %x after %x", r->at, r[-1].at);
		check(!i || tsc(r) >= tsc(r - 1), "record at %x is before the one before", r->at);
	}
	return a;
}

/* The number of the next record of a CPU, low half. */
static u32 now(u32 cpu)
{
	return present ? (read_ring(cpu, 0), (u32)page.head.next) : 0;
}

static void no_such_call(u32 number)
{
	struct exec e = {.f.gpr[RAX] = number};

	lamina_call(&e, 0);
}

static void mark(void *unused)
{
	(void)unused;
	for (u32 i = 0; i < MARKS; i++)
		no_such_call(MARK + i);
}

static void test_exits(void)
{
	for (u32 cpu = 0; cpu < cpu_count; cpu++) {
		u32 from = now(cpu), found = 0;
		struct answer a;

		run_on(cpu, mark, NULL);
		a = read_ring(cpu, from);
		for (u32 i = 0; i < a.count; i++) {
			const struct trace_record *r = &page.record[i];

			if (r->what == TRACE_WHAT(TRACE_EXIT, EXIT_HYPERCALL, 1) &&
			    r->value[0] == MARK + found && r->rip)
				found++;
		}
		check(!present || found == MARKS, "cpu %u: %u of %u calls are there", cpu, found,
		      MARKS);
	}
	tap("what each CPU did is in its trace");
}

/* The last record of that kind on this CPU, NULL: none. */
static const struct trace_record *last(u32 from, u32 kind)
{
	struct answer a = read_ring(0, from);

	while (a.count--)
		if (TRACE_KIND(page.record[a.count].what) == kind)
			return &page.record[a.count];
	return NULL;
}

static void test_cr(void)
{
	u64 cr4 = read_cr4(), owned = 0;
	const struct trace_record *r;
	u32 from = now(0);

	check(!present || (lamina_cr(HC_CR4_OWNED, &owned) && lamina_own(4, owned | CR4_PSE)),
	      "Lamina does not own PSE");
	exec_acd(0, &snip_mov_to_cr4, cr4 ^ CR4_PSE, 0, 0);
	r = last(from, TRACE_CR);
	check(!present || r, "no record of a write to CR4");
	if (r)
		check(TRACE_COUNT(r->what) == 5 && r->value[3] == (cr4 ^ CR4_PSE) &&
			      r->value[4] == 4 && (r->value[1] & CR4_PSE) &&
			      (r->value[2] & CR4_PSE) == (cr4 & CR4_PSE) && !TRACE_SUB(r->what),
		      "hw %lx owned %lx shadow %lx value %lx", r->value[0], r->value[1],
		      r->value[2], r->value[3]);
	exec_acd(0, &snip_mov_to_cr4, cr4, 0, 0);
	check(!present || lamina_own(4, owned), "PSE stays owned");
	tap("a write to CR4, with what is owned, shown and real");
}

static void test_event(void)
{
	u32 from = now(0);
	const struct trace_record *r;
	u64 n = 0;

	check(lamina_stats(0, EXIT_HYPERCALL, &n) == present, "HC_STATS");
	r = last(from, TRACE_HYPAPP);
	check(!present || (r && TRACE_SUB(r->what) == TRACE_STATS &&
			   r->value[2] == EXIT_HYPERCALL && r->value[3] == n),
	      "the event of the hypapp is not there");
	tap("an event of a hypapp");
}

static void test_start(void)
{
	u32 last_cpu = cpu_count - 1, found = 0;
	struct answer a;

	if (last_cpu) {
		u32 from = now(last_cpu);

		check(smp_restart(last_cpu), "the CPU does not come up");
		a = read_ring(last_cpu, from);
		for (u32 i = 0; i < a.count; i++) {
			const struct trace_record *r = &page.record[i];

			found += r->what == TRACE_WHAT(TRACE_EXIT, EXIT_SIPI, 0) ||
				 r->what == TRACE_WHAT(TRACE_START, TRACE_SIPI, 2);
		}
		check(!present || found == 1, "%u records of a start", found);
	}
	tap("INIT and SIPI");
}

static void many(void *stop)
{
	while (!*(volatile bool *)stop)
		no_such_call(MARK);
}

/* Each record is whole while its CPU writes on, as fast as it can. */
static void test_meanwhile(void)
{
	u32 last_cpu = cpu_count - 1, from, bad = 0, seen = 0;
	volatile bool stop = false;

	if (last_cpu) {
		from = now(last_cpu);
		start_on(last_cpu, many, (void *)(uintptr_t)&stop);
		for (u32 i = 0; i < (present ? READS_MAX : 1) && seen < READS; i++) {
			struct answer a = read_ring(last_cpu, from);

			for (u32 k = 0; k < a.count; k++) {
				const struct trace_record *r = &page.record[k];

				if (TRACE_KIND(r->what) != TRACE_EXIT ||
				    TRACE_SUB(r->what) != EXIT_HYPERCALL)
					continue;
				seen++;
				bad += TRACE_COUNT(r->what) && r->value[0] != MARK;
			}
			from = a.next;
		}
		stop = true;
		finish_on(last_cpu);
		check(!bad, "%u of %u records are not whole", bad, seen);
		check(!present || seen >= READS, "only %u records", seen);
	}
	tap("read while it is written");
}

static void test_refused(void)
{
	u64 hv_base = 0;

	if (present)
		lamina_info(HC_INFO_HV_BASE, &hv_base);
	if (!present)
		read_to(0, 0, 0, 0);
	else {
		check(read_to(cpu_count, 0, 1, (uintptr_t)&page).eax == HC_ERANGE, "no such CPU");
		check(read_to(0, 0, 1, hv_base).eax == HC_ERANGE, "into Lamina's memory");
		check(read_to(0, 0, 1, 0xdeadULL << 32).eax == HC_ERANGE, "into nothing");
		check(!read_to(0, 0, 0, (uintptr_t)&page).eax, "the header alone");
	}
	tap("what cannot be read is refused");
}

void group_trace(void)
{
	present = lamina_here();
	test_exits();
	test_cr();
	test_event();
	test_start();
	test_meanwhile();
	test_refused();
	probe_all();
	tap("nothing has changed");
}
