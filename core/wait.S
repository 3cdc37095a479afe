/* SPDX-License-Identifier: MIT */
/*
 * void wait_nmi(struct vcpu *v): sleep until an NMI has arrived since v->nmi_root was last read as 0. An
 * NMI between the look and the HLT sends RIP back to wait_restart (core/trap.c), so none is slept over.
 */
#include "hv/vcpu.h"

	.text
	.globl	wait_nmi, wait_window, wait_window_end, wait_restart
wait_nmi:
wait_restart:
wait_window:
	cmpl	$0, VCPU_NMI_ROOT(%rdi)
	jne	1f
	hlt
wait_window_end:
	jmp	wait_restart
1:	ret

	.section .note.GNU-stack, "", @progbits
