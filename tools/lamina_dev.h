/* SPDX-License-Identifier: MIT */
/* What the programs for the Linux under Lamina share: hypercalls by /dev/lamina, on a chosen CPU.
 */
#ifndef TOOLS_LAMINA_DEV_H
#define TOOLS_LAMINA_DEV_H

#define _GNU_SOURCE
#include <sched.h>

#include "guest/kmod/lamina_ioctl.h"
#include "hv/hypercall.h"

/* Prints "PROGRAM: what: why" and exits with 1. */
_Noreturn void dev_die(const char *what, const char *why);

/* Opens /dev/lamina and takes down the CPUs this process may use, or dies saying what is missing.
 */
void dev_open(const char *program, cpu_set_t *online);

/* From now on this process runs on the CPU with Linux's number `cpu`. */
void dev_pin(int cpu);

/* One hypercall on the CPU we run on. 0: the machine says #UD, so there is no such call here. */
int dev_call(struct lamina_call *c);

/* 0: no such CPU of Lamina's, or it keeps no trace. */
int dev_trace(struct lamina_trace *t);

/* What only an attacker wants, on the CPU we run on. 0: it was #GP. */
int dev_try(const struct lamina_try *t);

/* LAMINA_TRY_TEXT or LAMINA_TRY_DATA likewise. */
int dev_try_memory(unsigned long how);

/* INIT and SIPI to a CPU, which Linux has lost then; by Linux's number. */
void dev_init(unsigned long cpu);

/* Eight bytes of RAM, by the kernel. 0: a fault. */
int dev_touch(struct lamina_touch *t);

#endif
