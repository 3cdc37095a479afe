/* SPDX-License-Identifier: MIT */
/* The bytes of snippets.def: a length, then the code. */

	.macro snippet name, text
	.globl snip_\name
	.type snip_\name, @object
snip_\name:
	.byte 2f - 1f
1:	\text
2:
	.size snip_\name, . - snip_\name
	.endm

#define SNIPPET(name, text) snippet name, text

	.section .rodata
#include "snippets.def"

	.section .note.GNU-stack, "", @progbits
