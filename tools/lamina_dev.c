/* SPDX-License-Identifier: MIT */
#include "tools/lamina_dev.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

static const char *name;
static int device;

void dev_die(const char *what, const char *why)
{
	fprintf(stderr, "%s: %s: %s\n", name, what, why);
	exit(1);
}

void dev_open(const char *program, cpu_set_t *online)
{
	name = program;
	device = open("/dev/lamina", O_RDWR | O_CLOEXEC);
	if (device < 0)
		dev_die("/dev/lamina",
			errno == ENOENT ? "not there; load lamina.ko" : strerror(errno));
	memset(online, 0xff, sizeof(*online)); /* isolated CPUs too */
	if (sched_setaffinity(0, sizeof(*online), online) ||
	    sched_getaffinity(0, sizeof(*online), online))
		dev_die("CPUs", strerror(errno));
}

void dev_pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		dev_die("cannot run on a CPU", strerror(errno));
}

/* 0: the answer is the errno `no`. */
static int ask(unsigned long how, const void *what, int no)
{
	if (!ioctl(device, how, what))
		return 1;
	if (errno != no)
		dev_die("/dev/lamina", strerror(errno));
	return 0;
}

int dev_call(struct lamina_call *c)
{
	return ask(LAMINA_CALL, c, EOPNOTSUPP);
}

int dev_trace(struct lamina_trace *t)
{
	return ask(LAMINA_TRACE, t, ERANGE);
}

int dev_touch(struct lamina_touch *t)
{
	return ask(LAMINA_TOUCH, t, EPERM);
}

int dev_try(const struct lamina_try *t)
{
	return ask(LAMINA_TRY, t, EPERM);
}

int dev_try_memory(unsigned long how)
{
	return ask(how, NULL, EPERM);
}

void dev_init(unsigned long cpu)
{
	if (ioctl(device, LAMINA_INIT, cpu))
		dev_die("/dev/lamina", strerror(errno));
}
