/* SPDX-License-Identifier: MIT */
/*
 * cpu-probe: says of every CPU, pinned to it, whether Lamina answers CPUID leaf 40000000h there. It
 * needs no module, so it serves any kernel, 32-bit ones too. Exits with 0 when all CPUs are
 * Lamina's.
 */
#define _GNU_SOURCE
#include <cpuid.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define LEAF_HYPERVISOR 0x40000000

static bool is_lamina(void)
{
	unsigned int eax, id[3];

	__cpuid(LEAF_HYPERVISOR, eax, id[0], id[1], id[2]);
	return !memcmp(id, "LaminaLamina", sizeof(id));
}

int main(void)
{
	cpu_set_t online, one;
	int n = 0, bare = 0;

	memset(&online, 0xff, sizeof(online)); /* isolated CPUs too */
	if (sched_setaffinity(0, sizeof(online), &online) ||
	    sched_getaffinity(0, sizeof(online), &online)) {
		perror("cpu-probe: sched_getaffinity");
		return 1;
	}
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &online))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		if (sched_setaffinity(0, sizeof(one), &one)) {
			perror("cpu-probe: sched_setaffinity");
			return 1;
		}
		n++;
		if (is_lamina()) {
			printf("guest: cpu %d virtualized by lamina\n", cpu);
		} else {
			printf("guest: cpu %d bare\n", cpu);
			bare++;
		}
	}
	printf("guest: CPUs online %d\n", n);
	return bare != 0;
}
