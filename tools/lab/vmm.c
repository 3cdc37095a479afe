/* SPDX-License-Identifier: MIT */
/*
 * lab-vmm --name NAME --l1 ELF --cmdline TEXT [--module FILE --module-cmdline TEXT] [--cpus N]
 * [--mib N]
 *         [--disturb none|get|sregs|sregs2|sync|smi] [--at trigger|serial] [--target CPU]
 *         [--timer MICROSECONDS] [--seconds N] [--hide-umip 1]
 *
 * Runs one machine with L1 on KVM until it powers off, or so many seconds of its time have gone by.
 * The serial port is stdout; the last line is "lab: NAME end=HOW stuffs0=N ...". Exit codes: 0
 * power-off, 1 anything else.
 */
#include "tools/lab/vmm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define CPUID_ENTRIES 128
#define TSS_AT	      0xfffbd000 /* three pages below 4 GiB that L1 does not use */
#define MAP_AT	      0xfffbc000
#define SMM_SLOTS     (1u << 16) /* memory as system management mode sees it */

struct options opt = {
	.cpus = 1, .mib = 32, .target = -1, .seconds = 60, .cmdline = "", .module_cmdline = ""};
struct vm vm;

_Noreturn void die(const char *text)
{
	printf("\nlab: %s %s: %s\n", opt.name, text, strerror(errno));
	finish("error", 1);
}

int need_ioctl(int fd, unsigned long request, void *arg, const char *text)
{
	int r = ioctl(fd, (int)request, arg);

	if (r < 0)
		die(text);
	return r;
}

static void add_memory(uint32_t slot)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot, .memory_size = vm.bytes, .userspace_addr = (uintptr_t)vm.mem};

	need_ioctl(vm.fd, KVM_SET_USER_MEMORY_REGION, &region, "memory");
}

static void make_machine(void)
{
	uint64_t map_at = MAP_AT;

	vm.kvm = open("/dev/kvm", O_RDWR);
	if (vm.kvm < 0)
		die("/dev/kvm");
	vm.fd = need_ioctl(vm.kvm, KVM_CREATE_VM, NULL, "KVM_CREATE_VM");
	need_ioctl(vm.fd, KVM_SET_TSS_ADDR, (void *)TSS_AT, "KVM_SET_TSS_ADDR");
	need_ioctl(vm.fd, KVM_SET_IDENTITY_MAP_ADDR, &map_at, "KVM_SET_IDENTITY_MAP_ADDR");
	need_ioctl(vm.fd, KVM_CREATE_IRQCHIP, NULL, "KVM_CREATE_IRQCHIP");
	vm.bytes = (size_t)opt.mib << 20;
	vm.mem = mmap(NULL, vm.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (vm.mem == MAP_FAILED)
		die("memory");
	add_memory(0);
	add_memory(SMM_SLOTS);
	vm.cpuid = calloc(1, sizeof(*vm.cpuid) + CPUID_ENTRIES * sizeof(vm.cpuid->entries[0]));
	if (!vm.cpuid)
		die("memory");
	vm.cpuid->nent = CPUID_ENTRIES;
	need_ioctl(vm.kvm, KVM_GET_SUPPORTED_CPUID, vm.cpuid, "KVM_GET_SUPPORTED_CPUID");
}

static void sleep_us(uint32_t us)
{
	struct timespec t = {us / 1000000, us % 1000000 * 1000};

	nanosleep(&t, NULL);
}

/* Disturbs by the clock, and ends what does not end by itself. */
_Noreturn static void watch(void)
{
	uint32_t us = opt.timer_us ? opt.timer_us : 1000000;

	for (uint64_t gone = 0; gone < opt.seconds * 1000000ull; gone += us) {
		sleep_us(us);
		for (uint32_t i = 0; opt.timer_us && i < opt.cpus; i++)
			cpu_ask(&vm.cpu[i], false);
	}
	cpu_stop_all();
	finish("timeout", 1);
}

_Noreturn static void usage(const char *what)
{
	fprintf(stderr, "lab-vmm: %s; see the head of tools/lab/vmm.c\n", what);
	exit(1);
}

static enum disturbance find_disturbance(const char *name)
{
	for (enum disturbance d = NOTHING; d < DISTURBANCES; d++)
		if (!strcmp(name, disturbance_name(d)))
			return d;
	usage(name);
}

static void option(const char *name, char *value)
{
	const struct {
		const char *name;
		const char **text;
		uint32_t *number;
	} simple[] = {
		{"--name", &opt.name, NULL},
		{"--l1", &opt.l1, NULL},
		{"--cmdline", &opt.cmdline, NULL},
		{"--module", &opt.module, NULL},
		{"--module-cmdline", &opt.module_cmdline, NULL},
		{"--cpus", NULL, &opt.cpus},
		{"--mib", NULL, &opt.mib},
		{"--timer", NULL, &opt.timer_us},
		{"--seconds", NULL, &opt.seconds},
		{"--hide-umip", NULL, &opt.hide_umip},
	};

	for (size_t i = 0; i < sizeof(simple) / sizeof(*simple); i++) {
		if (strcmp(name, simple[i].name))
			continue;
		if (simple[i].text)
			*simple[i].text = value;
		else
			*simple[i].number = (uint32_t)strtoul(value, NULL, 0);
		return;
	}
	if (!strcmp(name, "--disturb"))
		opt.disturbance = find_disturbance(value);
	else if (!strcmp(name, "--at"))
		opt.at_serial = !strcmp(value, "serial");
	else if (!strcmp(name, "--target"))
		opt.target = (int32_t)strtol(value, NULL, 0);
	else
		usage(name);
}

int main(int argc, char **argv)
{
	for (int i = 1; i + 1 < argc; i += 2)
		option(argv[i], argv[i + 1]);
	if (!(argc & 1) || !opt.name || !opt.l1)
		usage("an option is missing");
	if (opt.cpus < 1 || opt.cpus > LAB_CPUS || opt.target >= (int32_t)opt.cpus)
		usage("no such CPU");
	make_machine();
	load();
	for (uint32_t i = 0; i < opt.cpus; i++)
		cpu_make(i);
	for (uint32_t i = 0; i < opt.cpus; i++)
		cpu_enable_apic(i);
	for (uint32_t i = 0; i < opt.cpus; i++)
		if (pthread_create(&vm.cpu[i].thread, NULL, cpu_thread, &vm.cpu[i]))
			die("a thread");
	watch();
}
