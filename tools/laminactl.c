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

static void usage(void)
{
	fputs("usage: laminactl hypapps     which hypapps run\n"
	      "       laminactl verdict     how many accesses to CR0 and CR4 were whose fault\n"
	      "       laminactl trace       the trace of all CPUs, for lamina trace show\n"
	      "       laminactl vault       keep a secret from the kernel, and say how it went\n"
	      "       laminactl hold        have a vault with a secret until this is killed\n"
	      "       laminactl init        lose the last CPU to an INIT while it is in a vault\n"
	      "       laminactl stats|cr|try [ARGUMENT]...   lamina-stats, lamina-cr, lamina-try\n"
	      "Run as root; needs /dev/lamina (insmod lamina.ko).\n",
	      stdout);
}

static int hypapps(const cpu_set_t *online)
{
	struct lamina_call c = {.eax = HC_HYPAPP};

	(void)online;
	for (unsigned int n = 0; dev_call(&c) && !c.eax; n++) {
		char name[13] = "";

		memcpy(name, &c.ebx, 12); /* EBX, ECX, EDX */
		printf("guest: hypapp %s\n", name);
		c = (struct lamina_call){.eax = HC_HYPAPP, .ecx = n + 1};
	}
	return 0;
}

static int verdicts(const cpu_set_t *online)
{
	static const char *const whose[] = {"guest", "platform", "lamina", "undecided"};

	(void)online;
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

static const struct command {
	const char *name;
	int (*run)(const cpu_set_t *online); /* NULL: a program of its own, with all arguments */
} commands[] = {
	{"hypapps", hypapps}, {"verdict", verdicts}, {"trace", ctl_trace},
	{"vault", ctl_vault}, {"hold", ctl_hold},    {"init", ctl_init},
	{"stats", NULL},      {"cr", NULL},	     {"try", NULL},
};

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

int main(int argc, char **argv)
{
	const struct command *command = find(argc > 1 ? argv[1] : "");
	struct lamina_call c = {.eax = HC_PROBE};
	cpu_set_t online;

	if (argc > 1 && !strcmp(argv[1], "--help")) {
		usage();
		return 0;
	}
	if (!command || (command->run && argc > 2)) {
		fprintf(stderr, "laminactl: no command '%s%s%s'; see laminactl --help\n",
			argc > 1 ? argv[1] : "", argc > 2 ? " " : "", argc > 2 ? argv[2] : "");
		return 1;
	}
	dev_open("laminactl", &online);
	if (!dev_call(&c) || c.eax != HC_PROBE_ANSWER)
		dev_die("no Lamina here", "the CPU says #UD to its hypercall");
	return command->run ? command->run(&online) : run_other(argv + 1);
}
