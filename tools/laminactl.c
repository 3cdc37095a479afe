/* SPDX-License-Identifier: MIT */
/*
 * laminactl, for the Linux that runs under Lamina: one command for what its hypapps offer. Needs
 * the module lamina.ko (guest/kmod).
 */
#include "tools/laminactl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void usage(FILE *to)
{
	fprintf(to,
		"usage: laminactl hypapps     which hypapps run\n"
		"       laminactl verdict     how many accesses to CR0 and CR4 were whose fault\n"
		"       laminactl trace       the trace of all CPUs, for lamina trace show\n"
		"       laminactl vault       keep a secret from the kernel, and say how it went\n"
		"       laminactl vault hold  have one until this is killed\n"
		"       laminactl stats|cr|try [ARGUMENT]...   lamina-stats, lamina-cr, lamina-try\n"
		"Run as root; needs /dev/lamina (insmod lamina.ko).\n");
}

static int hypapps(void)
{
	struct lamina_call c = {.eax = HC_HYPAPP};

	for (unsigned int n = 0; dev_call(&c) && !c.eax; n++) {
		char name[13] = "";

		memcpy(name, &c.ebx, 12); /* EBX, ECX, EDX */
		printf("guest: hypapp %s\n", name);
		c = (struct lamina_call){.eax = HC_HYPAPP, .ecx = n + 1};
	}
	return 0;
}

static int verdicts(void)
{
	static const char *const whose[] = {"guest", "platform", "lamina", "undecided"};

	for (unsigned int i = 0; i < 4; i++) {
		struct lamina_call c = {.eax = HC_INFO, .ecx = HC_INFO_CR_GUEST + i};

		if (!dev_call(&c) || c.eax)
			dev_die("verdict", "this Lamina does not tell");
		printf("guest: verdict %s %u\n", whose[i], c.ebx);
	}
	return 0;
}

static int run_other(char **argv)
{
	char name[32];

	snprintf(name, sizeof(name), "lamina-%s", argv[0]);
	argv[0] = name;
	execvp(name, argv);
	dev_die(name, strerror(errno));
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	struct lamina_call c = {.eax = HC_PROBE};
	cpu_set_t online;

	if (!strcmp(what, "--help")) {
		usage(stdout);
		return 0;
	}
	if (strcmp(what, "hypapps") && strcmp(what, "verdict") && strcmp(what, "vault") &&
	    strcmp(what, "trace") && strcmp(what, "stats") && strcmp(what, "cr") &&
	    strcmp(what, "try")) {
		usage(stderr);
		return 1;
	}
	dev_open("laminactl", &online);
	if (!dev_call(&c) || c.eax != HC_PROBE_ANSWER)
		dev_die("no Lamina here", "the CPU says #UD to its hypercall");
	if (!strcmp(what, "hypapps"))
		return hypapps();
	if (!strcmp(what, "verdict"))
		return verdicts();
	if (!strcmp(what, "trace"))
		return ctl_trace();
	if (strcmp(what, "vault"))
		return run_other(argv + 1);
	return argc > 2 && !strcmp(argv[2], "hold") ? ctl_hold() : ctl_vault(&online);
}
