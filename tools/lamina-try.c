/* SPDX-License-Identifier: MIT */
/*
 * lamina-try, for the Linux that runs under Lamina: has its kernel do what only an attacker wants,
 * on every CPU, and says whether it was let. Needs the module lamina.ko (guest/kmod).
 */
#include "tools/lamina_dev.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void usage(FILE *to)
{
	fprintf(to,
		"usage: lamina-try cr0|cr4 BIT    clear a bit, set it again, and say how it went\n"
		"       lamina-try msr NUMBER     write another value, the old one again, and say so\n"
		"       lamina-try pin            from now on hypapps crwatch and msrwatch refuse it\n"
		"       lamina-try memory         change the kernel's code, and execute its data\n"
		"       lamina-try syscalls       have the hypapp syscalls watch a list of calls\n"
		"       lamina-try step           have the hypapp step trace a few instructions\n"
		"       lamina-try wx             have the hypapp wx learn what is code\n"
		"       lamina-try hello          call the hypapp hello\n"
		"Run as root; needs /dev/lamina (insmod lamina.ko).\n");
}

/* On every CPU: what would harm is undone before anything else runs there. */
static void try(const cpu_set_t *online, const char *what, unsigned int where, unsigned int bit)
{
	struct lamina_try t = {.where = where, .bit = bit};

	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, online))
			continue;
		dev_pin(cpu);
		if (dev_try(&t))
			printf("guest: cpu%d %s %x bit %u: done\n", cpu, what, where, bit);
		else
			printf("guest: cpu%d %s %x bit %u: refused\n", cpu, what, where, bit);
	}
}

static void try_memory(const cpu_set_t *online)
{
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, online))
			continue;
		dev_pin(cpu);
		printf("guest: cpu%d a write to code: %s\n", cpu,
		       dev_try_memory(LAMINA_TRY_TEXT) ? "done" : "refused");
		printf("guest: cpu%d execution of data: %s\n", cpu,
		       dev_try_memory(LAMINA_TRY_DATA) ? "done" : "refused");
	}
}

static void learn(void)
{
	struct lamina_call c = {.eax = HC_WX, .ecx = 1};

	if (!dev_call(&c) || c.eax)
		dev_die("wx", "it does not run; hypapps= chooses it");
	printf("guest: wx: %u pages of code, %u writes, %u executions\n", c.ebx, c.ecx, c.edx);
}

/* By number, so that the C library adds none of its own. */
static void known_calls(void)
{
	const struct timespec pause = {.tv_nsec = 20000000};
	struct lamina_call on = {.eax = HC_SYSCALLS, .ecx = 1}, off = {.eax = HC_SYSCALLS};

	if (!dev_call(&on) || on.eax)
		dev_die("syscalls", "it does not run; hypapps= chooses it");
	syscall(SYS_getpid, 1, 2, 3);
	syscall(SYS_close, 0x1234, 5, 6);
	syscall(SYS_lseek, -1L, 0x123456789abcdefUL, 7);
	syscall(SYS_nanosleep, &pause, 0, 5); /* others call meanwhile */
	syscall(0x7654321, 8, 9, 10);
	dev_call(&off);
	syscall(SYS_getppid, 0, 0, 0);
	printf("guest: syscalls: %u\n", off.ebx);
}

/* Each instruction has a label: a loop, CPUID, which exits, REP, a call out of the range, and what
 * shows RFLAGS. */
void stepped(void *buffer);
extern const char s0[], s1[], s2[], s3[], s4[], s5[], s6[], s7[], s8[], s9[], s10[], s11[];
__asm__(".text\n"
	".globl stepped, s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11\n"
	"stepped:\n"
	"s0:	push %rbx\n"
	"s1:	mov $2, %edx\n"
	"s2:	dec %edx\n"
	"s3:	jnz s2\n"
	"s4:	mov $5, %ecx\n"
	"s5:	rep stosb\n"
	"s6:	xor %eax, %eax\n"
	"s7:	cpuid\n"
	"s8:	pushfq\n"
	"s9:	pop %rax\n"
	"s10:	pop %rbx\n"
	"s11:	ret\n"
	"	.skip 16, 0x90\n");

static void step_on(int cpu)
{
	const char *const due[] = {s0, s1, s2, s3, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11};
	unsigned long at = (unsigned long)stepped;
	struct lamina_call on = {.eax = HC_STEP, .ebx = (unsigned)at, .edx = at >> 32};
	struct lamina_call off = {.eax = HC_STEP};
	char buffer[8];

	on.ecx = (unsigned)(s11 + 1 - s0) << 16 | (unsigned)cpu;
	dev_pin(cpu);
	if (!dev_call(&on) || on.eax)
		dev_die("step", "it does not run; hypapps= chooses it");
	stepped(buffer);
	dev_call(&off);
	for (unsigned i = 0; i < sizeof(due) / sizeof(due[0]); i++)
		printf("guest: step: cpu%d: %lx\n", cpu, (unsigned long)due[i]);
	stepped(buffer);
}

static void hypapp_call(unsigned int function, unsigned int argument, const char *name)
{
	struct lamina_call c = {.eax = function, .ebx = argument, .ecx = argument};

	if (!dev_call(&c) || c.eax)
		dev_die(name, "it does not run; hypapps= chooses it");
	printf("guest: %s %u %u\n", name, c.ebx, c.ecx);
}

static unsigned int number(const char *s)
{
	char *end;
	unsigned long n = strtoul(s, &end, 0);

	if (!*s || *end || n > 0xffffffff)
		dev_die(s, "not a number");
	return (unsigned int)n;
}

int main(int argc, char **argv)
{
	cpu_set_t online;

	if (argc == 2 && !strcmp(argv[1], "--help")) {
		usage(stdout);
		return 0;
	}
	if (argc == 3 && (!strcmp(argv[1], "cr0") || !strcmp(argv[1], "cr4"))) {
		dev_open("lamina-try", &online);
		try(&online, "cr", argv[1][2] - '0', number(argv[2]));
	} else if (argc == 3 && !strcmp(argv[1], "msr")) {
		dev_open("lamina-try", &online);
		try(&online, "msr", number(argv[2]), 0);
	} else if (argc == 2 && !strcmp(argv[1], "pin")) {
		dev_open("lamina-try", &online);
		hypapp_call(HC_CRWATCH, 1, "crwatch");
		hypapp_call(HC_MSRWATCH, 1, "msrwatch");
	} else if (argc == 2 && !strcmp(argv[1], "memory")) {
		dev_open("lamina-try", &online);
		try_memory(&online);
	} else if (argc == 2 && !strcmp(argv[1], "syscalls")) {
		dev_open("lamina-try", &online);
		known_calls();
	} else if (argc == 2 && !strcmp(argv[1], "step")) {
		dev_open("lamina-try", &online);
		for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
			if (CPU_ISSET(cpu, &online))
				step_on(cpu);
	} else if (argc == 2 && !strcmp(argv[1], "wx")) {
		dev_open("lamina-try", &online);
		learn();
	} else if (argc == 2 && !strcmp(argv[1], "hello")) {
		dev_open("lamina-try", &online);
		dev_pin(0);
		hypapp_call(HC_HELLO, 40, "hello");
	} else {
		usage(stderr);
		return 1;
	}
	return 0;
}
