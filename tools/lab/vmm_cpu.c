/* SPDX-License-Identifier: MIT */
/* A CPU of the machine: its first state, and the loop around KVM_RUN. */
#include "tools/lab/vmm.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define COM1		0x3f8
#define UART_DATA	0
#define UART_IIR	2
#define UART_LCR	3
#define UART_LSR	5
#define UART_BYTES	8
#define IIR_NOTHING	1
#define LCR_DLAB	0x80
#define LSR_EMPTY	0x60
#define MB1_MAGIC	0x2badb002
#define MB2_MAGIC	0x36d76289
#define PM1_SLP_EN	0x20   /* of the register's second byte */
#define STOP_US		100000 /* that a CPU has to show itself; KVM may not let it go */
#define APIC_SVR	0xf0
#define APIC_SVR_ENABLE 0x100
#define CODE		0xb
#define DATA		0x3
#define CPUID_X2APIC	(1u << 21) /* leaf 1, ECX */
#define MSR_SMBASE	0x9e
#define CPUID_UMIP	(1u << 2)  /* leaf 7, ECX */
#define CPUID_GUEST	(1u << 31) /* leaf 1, ECX: under a hypervisor */

static uint8_t uart[UART_BYTES];
static _Thread_local struct cpu *self;

static void set_cpuid(struct cpu *c)
{
	for (uint32_t i = 0; i < vm.cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *e = &vm.cpuid->entries[i];

		if (e->function == 1) {
			e->ebx = (e->ebx & 0xff00ffff) | opt.cpus << 16;
			e->ebx = (e->ebx & 0x00ffffff) | c->index << 24;
			e->ecx |= CPUID_GUEST | CPUID_X2APIC;
		}
		if (e->function == 7 && e->index == 0 && opt.hide_umip)
			e->ecx &= ~CPUID_UMIP;
		if (e->function == 0xb || e->function == 0x1f)
			e->edx = c->index;
	}
	need_ioctl(c->fd, KVM_SET_CPUID2, vm.cpuid, "KVM_SET_CPUID2");
}

static struct kvm_segment flat(uint16_t selector, uint8_t type)
{
	return (struct kvm_segment){.limit = 0xffffffff,
				    .selector = selector,
				    .type = type,
				    .present = 1,
				    .db = 1,
				    .s = 1,
				    .g = 1};
}

/* As a multiboot loader leaves the first CPU: 32-bit protected mode without paging */
static void set_first_state(struct cpu *c)
{
	struct kvm_regs regs = {.rip = vm.entry, .rbx = vm.info, .rflags = 2};
	struct kvm_sregs s;

	regs.rax = opt.module ? MB1_MAGIC : MB2_MAGIC;
	need_ioctl(c->fd, KVM_GET_SREGS, &s, "KVM_GET_SREGS");
	s.cs = flat(8, CODE);
	s.ds = s.es = s.fs = s.gs = s.ss = flat(16, DATA);
	s.cr0 = 0x11;
	need_ioctl(c->fd, KVM_SET_SREGS, &s, "KVM_SET_SREGS");
	need_ioctl(c->fd, KVM_SET_REGS, &regs, "KVM_SET_REGS");
}

static void set_smbase(struct cpu *c)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} m = {.head.nmsrs = 1,
	       .entry = {.index = MSR_SMBASE, .data = SMBASE + c->index * SMBASE_STEP}};

	if (need_ioctl(c->fd, KVM_SET_MSRS, &m, "KVM_SET_MSRS") != 1)
		die("KVM has no SMBASE");
}

void cpu_make(uint32_t i)
{
	struct cpu *c = &vm.cpu[i];
	int bytes = need_ioctl(vm.kvm, KVM_GET_VCPU_MMAP_SIZE, NULL, "KVM_GET_VCPU_MMAP_SIZE");

	c->index = i;
	c->fd = need_ioctl(vm.fd, KVM_CREATE_VCPU, (void *)(uintptr_t)i, "KVM_CREATE_VCPU");
	c->run = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_SHARED, c->fd, 0);
	if (c->run == MAP_FAILED)
		die("kvm_run");
	set_cpuid(c);
	set_smbase(c);
	if (i == 0)
		set_first_state(c);
}

void cpu_enable_apic(uint32_t i)
{
	struct kvm_lapic_state apic;
	uint32_t svr;

	need_ioctl(vm.cpu[i].fd, KVM_GET_LAPIC, &apic, "KVM_GET_LAPIC");
	memcpy(&svr, apic.regs + APIC_SVR, sizeof(svr));
	svr |= APIC_SVR_ENABLE;
	memcpy(apic.regs + APIC_SVR, &svr, sizeof(svr));
	need_ioctl(vm.cpu[i].fd, KVM_SET_LAPIC, &apic, "KVM_SET_LAPIC");
}

_Noreturn void finish(const char *how, int code)
{
	static atomic_flag ended = ATOMIC_FLAG_INIT;

	if (atomic_flag_test_and_set(&ended))
		pthread_exit(NULL);
	printf("\nlab: %s end=%s", opt.name, how);
	for (uint32_t i = 0; i < opt.cpus; i++)
		printf(" stuffs%u=%u", i, atomic_load(&vm.cpu[i].stuffs));
	printf("\n");
	fflush(stdout);
	_exit(code);
}

static void kicked(int sig)
{
	(void)sig;
	if (self)
		self->run->immediate_exit = 1;
}

void cpu_ask(struct cpu *c, bool wait)
{
	uint32_t ticket = atomic_fetch_add(&c->asked, 1) + 1;

	pthread_kill(c->thread, SIGUSR1);
	while (wait && (int32_t)(atomic_load(&c->done) - ticket) < 0)
		sched_yield();
}

void cpu_stop_all(void)
{
	atomic_store(&vm.stopping, true);
	for (uint32_t i = 0; i < opt.cpus; i++) {
		pthread_kill(vm.cpu[i].thread, SIGUSR1);
		usleep(STOP_US);
	}
}

/* What others asked of this CPU: it takes effect before its next instruction. */
static void serve(struct cpu *c)
{
	while (atomic_load(&c->done) != atomic_load(&c->asked)) {
		disturb(c);
		atomic_fetch_add(&c->done, 1);
	}
}

static void trigger(struct cpu *c)
{
	if (opt.target < 0 || (uint32_t)opt.target == c->index)
		disturb(c);
	else
		cpu_ask(&vm.cpu[opt.target], true);
}

/* A UART ("PC16550D", National Semiconductor) that is always ready and gets nothing. */
static void serial_out(struct cpu *c, uint16_t port, const uint8_t *data, uint32_t n)
{
	uart[port - COM1] = data[n - 1];
	if (port != COM1 || (uart[UART_LCR] & LCR_DLAB))
		return;
	for (uint32_t i = 0; i < n; i++)
		if (data[i] != '\r')
			putchar(data[i]);
	if (data[n - 1] == '\n')
		fflush(stdout);
	if (opt.at_serial)
		trigger(c);
}

static uint8_t serial_in(uint16_t port)
{
	switch (port - COM1) {
	case UART_DATA: return 0;
	case UART_IIR: return IIR_NOTHING;
	case UART_LSR: return LSR_EMPTY;
	default: return uart[port - COM1];
	}
}

static void io(struct cpu *c)
{
	struct kvm_run *r = c->run;
	uint8_t *data = (uint8_t *)r + r->io.data_offset;
	uint32_t bytes = r->io.size * r->io.count;
	bool serial = r->io.port >= COM1 && r->io.port < COM1 + UART_BYTES;

	if (r->io.direction == KVM_EXIT_IO_IN) {
		memset(data, serial ? serial_in(r->io.port) : 0xff, bytes);
		if (r->io.port == PORT_POST)
			sched_yield();
		return;
	}
	if (serial)
		serial_out(c, r->io.port, data, bytes);
	else if (r->io.port == PORT_TRIGGER && !opt.at_serial)
		trigger(c);
	else if (r->io.port == PORT_POWER && bytes == 2 && (data[1] & PM1_SLP_EN))
		finish("power-off", 0);
}

static void show_stop(struct cpu *c)
{
	struct kvm_regs g = {0};
	struct kvm_sregs s = {0};

	ioctl(c->fd, KVM_GET_REGS, &g);
	ioctl(c->fd, KVM_GET_SREGS, &s);
	printf("\nlab: %s cpu%u exit %u, RIP %llx CR0 %llx CR4 %llx", opt.name, c->index,
	       c->run->exit_reason, g.rip, s.cr0, s.cr4);
	if (c->run->exit_reason == KVM_EXIT_FAIL_ENTRY)
		printf(" reason %llx", c->run->fail_entry.hardware_entry_failure_reason);
	if (c->run->exit_reason == KVM_EXIT_INTERNAL_ERROR)
		printf(" error %u", c->run->internal.suberror);
	printf("\n");
	fflush(stdout);
}

void *cpu_thread(void *cpu)
{
	struct cpu *c = cpu;
	/* KVM_RUN ends all the same; a line on its way out is not lost */
	struct sigaction action = {.sa_handler = kicked, .sa_flags = SA_RESTART};

	self = c;
	sigaction(SIGUSR1, &action, NULL);
	for (;;) {
		c->run->immediate_exit = 0;
		if (atomic_load(&vm.stopping)) {
			show_stop(c);
			return NULL;
		}
		serve(c);
		if (ioctl(c->fd, KVM_RUN, NULL)) {
			if (errno != EINTR && errno != EAGAIN)
				die("KVM_RUN");
			continue;
		}
		switch (c->run->exit_reason) {
		case KVM_EXIT_IO: io(c); break;
		case KVM_EXIT_MMIO:
			if (!c->run->mmio.is_write)
				memset(c->run->mmio.data, 0xff, sizeof(c->run->mmio.data));
			break;
		default:
			show_stop(c);
			finish(c->run->exit_reason == KVM_EXIT_SHUTDOWN ? "shutdown" : "error", 1);
		}
	}
}
