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

/* One HC_TRACE: the trace of the CPU that is Lamina's number `cpu`, from position `at` on, to
 * `to`, where there is room for LAMINA_TRACE_BYTES. */
struct lamina_trace {
	unsigned int cpu;
	unsigned int at;    /* out: the position to go on with */
	unsigned int count; /* out: records behind the header */
	unsigned int reserved;
	unsigned long long to;
};
#define LAMINA_TRACE_BYTES 4096u

/* 0; -1 with errno ERANGE: no such CPU, or no trace; EOPNOTSUPP as above */
#define LAMINA_TRACE _IOWR('L', 6, struct lamina_trace)

/* What only an attacker wants of a kernel: clear a bit of CR0 or CR4 (where 0 or 4), or change an
 * MSR (another number), and set it as it was before anything else runs on that CPU. */
struct lamina_try {
	unsigned int where, bit;
};

/* 0: it could be done; -1 with errno EPERM: #GP */
#define LAMINA_TRY _IOW('L', 2, struct lamina_try)

/* The same by memory. Change a byte of the kernel's code, its address in the direct map, with
 * CR0.WP clear; of an instruction that does nothing, and back. And: execute a page of data that the
 * kernel's tables have just been made to allow it. */
#define LAMINA_TRY_TEXT _IO('L', 3)
#define LAMINA_TRY_DATA _IO('L', 4)

/* Read or write eight bytes of RAM by its physical address, as an attacker in the kernel would. */
struct lamina_touch {
	unsigned long long phys;
	unsigned long long value; /* read, or to write */
	unsigned int how;	  /* LAMINA_TOUCH_* */
};
#define LAMINA_TOUCH_WRITE 1u
#define LAMINA_TOUCH_REMAP 2u /* by a mapping made for it, else by the direct map */

/* 0; -1 with errno EPERM: a fault, ENXIO: no RAM */
#define LAMINA_TOUCH _IOWR('L', 5, struct lamina_touch)

/* INIT and SIPI to the CPU with Linux's number in the argument, which halts from then on: Linux has
 * lost it, and can only be switched off. */
#define LAMINA_INIT _IO('L', 7)

#endif
