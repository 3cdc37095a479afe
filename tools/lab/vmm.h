/* SPDX-License-Identifier: MIT */
/*
 * The laboratory's virtual machine monitor: plain ioctls of KVM ("The Definitive KVM (Kernel-based
 * Virtual Machine) API Documentation", Documentation/virt/kvm/api.rst of Linux), for one machine
 * per process. Its guest is Lamina or the test kernel (L1). A CPU is a thread; what is said of
 * "this CPU" is its thread's.
 */
#ifndef LAB_VMM_H
#define LAB_VMM_H

#include <linux/kvm.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LAB_CPUS     4
#define PORT_TRIGGER 0xb2  /* where PCs have it: the SMI command port */
#define PORT_POST    0x80  /* what waits reads it, as it does on PCs */
#define PORT_POWER   0x604 /* ACPI's PM1a control register */
#define SMBASE	     0x30000
#define RSDP_AT	     0xe0000
#define RSDP_BYTES   20
#define SMBASE_STEP  0x1000 /* each CPU has its own, as firmware makes it */
#define SMM_BYTES    (0x10000 + (LAB_CPUS - 1) * SMBASE_STEP) /* handlers, saved states */

/* What L0's userspace or kernel does to a CPU while it runs. */
enum disturbance { NOTHING, GET_SREGS, SET_SREGS, SET_SREGS2, SYNC_SREGS, SMI, DISTURBANCES };

struct options {
	const char *name, *l1, *cmdline, *module, *module_cmdline;
	uint32_t cpus, mib;
	enum disturbance disturbance;
	bool at_serial; /* when L1 or L2 writes to the serial port, in place of the trigger port */
	int32_t target; /* the CPU that is disturbed; -1: the one that writes to the port */
	uint32_t timer_us;  /* disturb each CPU so often as well; 0: not */
	uint32_t hide_umip; /* 1: CPUID does not tell of UMIP, which KVM only emulates in part */
	uint32_t seconds;   /* of the machine's time, then it is stopped */
};

struct cpu {
	uint32_t index;
	int fd;
	struct kvm_run *run;
	pthread_t thread;
	_Atomic uint32_t asked,
		done; /* disturbances asked of this CPU by others, and carried out */
	_Atomic uint32_t stuffs;
};

struct vm {
	int kvm, fd;
	uint8_t *mem;
	size_t bytes;
	uint64_t entry, info; /* of L1, physical */
	struct cpu cpu[LAB_CPUS];
	struct kvm_cpuid2 *cpuid;
	_Atomic bool stopping; /* every CPU shows its state and its thread ends */
};

extern struct options opt;
extern struct vm vm;

/* Prints "lab: NAME TEXT: the error of errno" and ends the process. */
_Noreturn void die(const char *text);
/* ioctl that dies where it fails; the text is for that */
int need_ioctl(int fd, unsigned long request, void *arg, const char *text);

/* vmm_load.c: puts L1, its module and ACPI tables into memory; sets vm.entry and vm.info. */
void load(void);
/* vmm_acpi.c: tables for so many CPUs, all of them within the 64 KiB below 1 MiB. */
void acpi_build(uint8_t *mem, uint32_t cpus);

/* vmm_disturb.c: what is wanted, on this CPU, which is between two KVM_RUN. */
void disturb(struct cpu *c);
const char *disturbance_name(enum disturbance d);

/* vmm_cpu.c: makes CPU i; the thread that runs it. */
void cpu_make(uint32_t i);
/* The local APIC as firmware leaves it: enabled. When all CPUs are made: KVM looks for the target
 * of an IPI in a table that it makes anew only when an APIC is changed, and a new CPU does not do
 * that. */
void cpu_enable_apic(uint32_t i);
void *cpu_thread(void *cpu);
/* Another CPU is disturbed by its own thread; wait: until it is done. */
void cpu_ask(struct cpu *c, bool wait);
/* Stops the CPUs one after the other, from a thread that runs none; each shows its state. */
void cpu_stop_all(void);
/* Ends the machine, and the process, from any thread. */
_Noreturn void finish(const char *how, int code);

#endif
