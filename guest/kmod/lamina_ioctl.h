/* SPDX-License-Identifier: MIT */
/* The ioctl of /dev/lamina: one hypercall (include/hv/hypercall.h) on the CPU that calls. */
#ifndef LAMINA_IOCTL_H
#define LAMINA_IOCTL_H

#include <linux/ioctl.h>

struct lamina_call {
	unsigned int eax, ebx, ecx, edx; /* in: arguments, out: results */
	unsigned int cpu;		 /* out: Linux's number of the CPU that executed it */
};

/* 0, or -1 with errno EOPNOTSUPP where the instruction is #UD: no hypervisor, or no such call */
#define LAMINA_CALL _IOWR('L', 1, struct lamina_call)

#endif
