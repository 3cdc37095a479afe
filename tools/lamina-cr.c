/* SPDX-License-Identifier: MIT */
/*
 * lamina-cr, for the Linux that runs under Lamina: what each CPU's CR0 and CR4 really are, which
 * bits Lamina owns, and what Linux reads of them; and to change the owned bits and the log at run
 * time. Needs the module lamina.ko (guest/kmod).
 */
#include "tools/lamina_dev.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void usage(FILE *to)
{
	fprintf(to,
		"usage: lamina-cr                           show CR0 and CR4 of each CPU\n"
		"       lamina-cr own cr0|cr4 MASK [CPU]    own these bits besides those that must\n"
		"                                           be, on all CPUs or on one\n"
		"       lamina-cr log on|off                log each access that exits\n"
		"Run as root; needs /dev/lamina (insmod lamina.ko).\n");
}

/* A hypercall that this Lamina must know and accept. */
static struct lamina_call call(struct lamina_call c, const char *what)
{
	if (!dev_call(&c))
		dev_die(what, "no Lamina on this CPU, or an older one");
	if (c.eax)
		dev_die(what, "Lamina refuses");
	return c;
}

static uint64_t get(unsigned int function, unsigned int item)
{
	struct lamina_call c =
		call((struct lamina_call){.eax = function, .ecx = item}, "registers");

	return (uint64_t)c.ecx << 32 | c.ebx;
}

static void show(int cpu)
{
	dev_pin(cpu);
	for (unsigned int cr = 0; cr <= 4; cr += 4) {
		unsigned int first = cr ? HC_CR4_HW : HC_CR0_HW;
		uint64_t hw = get(HC_CR, first), shadow = get(HC_CR, first + 1);
		uint64_t owned = get(HC_CR, first + 2);

		printf("guest: cpu%d CR%u reads %llx hw %llx owned %llx shadow %llx\n", cpu, cr,
		       (unsigned long long)((hw & ~owned) | (shadow & owned)),
		       (unsigned long long)hw, (unsigned long long)owned,
		       (unsigned long long)shadow);
	}
}

static void show_all(const cpu_set_t *online)
{
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, online))
			show(cpu);
	printf("guest: unexpected CR exits %llu\n",
	       (unsigned long long)get(HC_INFO, HC_INFO_CR_UNEXPECTED));
}

static uint64_t number(const char *text)
{
	char *end;
	uint64_t v;

	errno = 0;
	v = strtoull(text, &end, 0);
	if (errno || end == text || *end)
		dev_die(text, "not a number");
	return v;
}

static void own(const cpu_set_t *online, const char *name, const char *mask, const char *only)
{
	uint64_t m = number(mask), one = only ? number(only) : 0;
	struct lamina_call c = {.eax = HC_CR_OWN, .ebx = (uint32_t)m, .edx = (uint32_t)(m >> 32)};

	if (!strcmp(name, "cr4"))
		c.ecx = 4;
	else if (strcmp(name, "cr0"))
		dev_die(name, "not cr0 or cr4");
	if (only && (one >= CPU_SETSIZE || !CPU_ISSET(one, online)))
		dev_die(only, "no such CPU");
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, online) || (only && (uint64_t)cpu != one))
			continue;
		dev_pin(cpu);
		call(c, "own");
	}
}

static void set_log(const char *word)
{
	int on = !strcmp(word, "on");

	if (!on && strcmp(word, "off"))
		dev_die(word, "not on or off");
	call((struct lamina_call){.eax = HC_LOG, .ecx = on ? HC_LOG_CR : 0}, "log");
}

int main(int argc, char **argv)
{
	cpu_set_t online;

	if (argc == 2 && !strcmp(argv[1], "--help")) {
		usage(stdout);
		return 0;
	}
	dev_open("lamina-cr", &online);
	if (argc == 1) {
		show_all(&online);
	} else if (!strcmp(argv[1], "own") && (argc == 4 || argc == 5)) {
		own(&online, argv[2], argv[3], argv[4]);
	} else if (!strcmp(argv[1], "log") && argc == 3) {
		set_log(argv[2]);
	} else {
		usage(stderr);
		return 1;
	}
	return 0;
}
