/* SPDX-License-Identifier: MIT */
/*
 * lamina-stats, for the Linux that runs under Lamina: which CPUs Lamina has, and the exits it
 * counted per CPU and kind. Needs the module lamina.ko (guest/kmod), because hypercalls are CPL 0
 * only.
 */
#include "tools/lamina_dev.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define MAX_CPUS 64

static const char *const kind_name[] = {
#define EXIT_KIND(name, what) #name,
#include "hv/exit_kinds.def"
#undef EXIT_KIND
};

#define N_KINDS (sizeof(kind_name) / sizeof(kind_name[0]))

/* Probes on the CPU numbered @cpu by Linux. False: that CPU is bare. */
static int probe(int cpu, struct lamina_call *c)
{
	*c = (struct lamina_call){.eax = HC_PROBE};
	dev_pin(cpu);
	if (!dev_call(c))
		return 0;
	if (c->cpu != (unsigned int)cpu)
		dev_die("probe", "answered on another CPU than the one asked");
	return c->eax == HC_PROBE_ANSWER;
}

/* Probes every CPU this process may use. Returns the number that Lamina has, *@n_online the rest
 * too. */
static int probe_all(const cpu_set_t *online, int *n_online)
{
	struct lamina_call c;
	int n = 0;

	*n_online = 0;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, online))
			continue;
		++*n_online;
		if (probe(cpu, &c)) {
			printf("guest: cpu %d virtualized by lamina, its cpu%u\n", cpu, c.ecx);
			n++;
		} else {
			printf("guest: cpu %d bare\n", cpu);
		}
	}
	printf("guest: CPUs online %d\n", *n_online);
	return n;
}

static uint64_t count(unsigned int cpu, unsigned int kind)
{
	struct lamina_call c = {.eax = HC_STATS, .ebx = cpu, .ecx = kind};

	if (!dev_call(&c))
		dev_die("exit counts", "this Lamina has no stats hypapp");
	if (c.eax)
		return 0;
	return (uint64_t)c.ecx << 32 | c.ebx;
}

static void print_row(const char *name, const uint64_t *counts, unsigned int n_cpus)
{
	uint64_t sum = 0;

	printf("%-14s", name);
	for (unsigned int cpu = 0; cpu < n_cpus; cpu++) {
		printf(" %10llu", (unsigned long long)counts[cpu]);
		sum += counts[cpu];
	}
	printf(" %10llu\n", (unsigned long long)sum);
}

static void print_table(unsigned int n_cpus)
{
	uint64_t sum[MAX_CPUS] = {0};
	char head[16];

	printf("%-14s", "exits");
	for (unsigned int cpu = 0; cpu < n_cpus; cpu++) {
		snprintf(head, sizeof(head), "cpu%u", cpu);
		printf(" %10s", head);
	}
	printf(" %10s\n", "total");
	for (unsigned int kind = 0; kind < N_KINDS; kind++) {
		uint64_t row[MAX_CPUS] = {0}, any = 0;

		for (unsigned int cpu = 0; cpu < n_cpus; cpu++) {
			row[cpu] = count(cpu, kind);
			sum[cpu] += row[cpu];
			any |= row[cpu];
		}
		if (any)
			print_row(kind_name[kind], row, n_cpus);
	}
	print_row("total", sum, n_cpus);
}

static void usage(FILE *to)
{
	fprintf(to, "usage: lamina-stats [--probe]\n"
		    "Shows Lamina's exits per CPU and kind. --probe: only which CPUs Lamina has.\n"
		    "Run as root; needs /dev/lamina (insmod lamina.ko).\n"
		    "Exits with 0, or 1 when a CPU is bare or something is missing.\n");
}

int main(int argc, char **argv)
{
	int only_probe = argc == 2 && !strcmp(argv[1], "--probe");
	struct lamina_call c;
	cpu_set_t online;
	int n_online, n;

	if (argc == 2 && !strcmp(argv[1], "--help")) {
		usage(stdout);
		return 0;
	}
	if (argc > 1 && !only_probe) {
		usage(stderr);
		return 1;
	}
	dev_open("lamina-stats", &online);
	n = probe_all(&online, &n_online);
	if (only_probe)
		return n != n_online;
	c = (struct lamina_call){.eax = HC_PROBE};
	if (!n || !dev_call(&c))
		dev_die("no Lamina here", "the CPU says #UD to its hypercall");
	if (c.edx > MAX_CPUS)
		dev_die("probe", "more CPUs than this program can show");
	print_table(c.edx);
	return n != n_online;
}
