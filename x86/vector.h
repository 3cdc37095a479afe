/* SPDX-License-Identifier: MIT */
/* Exception and interrupt vectors (Intel SDM vol. 3A, 6.3.1, table 6-1). */
#ifndef X86_VECTOR_H
#define X86_VECTOR_H

#define VECTOR_DE    0
#define VECTOR_DB    1
#define VECTOR_NMI   2
#define VECTOR_BP    3
#define VECTOR_OF    4
#define VECTOR_UD    6
#define VECTOR_DF    8
#define VECTOR_TS    10
#define VECTOR_NP    11
#define VECTOR_SS    12
#define VECTOR_GP    13
#define VECTOR_PF    14
#define VECTOR_MC    18
#define VECTOR_CP    21
#define VECTOR_SX    30
#define VECTOR_COUNT 32

/* Exceptions that push an error code: #DF, #TS, #NP, #SS, #GP, #PF, #AC, #CP, #SX. A plain number,
 * as the assembler uses it too. */
#define VECTOR_ERROR_CODES 0x40227d00

/* Faults leave RF set in the frame, so that the instruction runs again without meeting its
 * breakpoint (Intel SDM vol. 3B, 18.3.1.1; AMD APM vol. 2, 3.1.6); the others, traps and aborts, do
 * not. */
#define VECTOR_FAULTS 0xfffbfee1u

/* Contributory exceptions (Intel SDM vol. 3A, 6.15, table 6-4); #PF is a class of its own. */
#define VECTOR_CONTRIBUTORY                                                                        \
	(1u << VECTOR_DE | 1u << VECTOR_TS | 1u << VECTOR_NP | 1u << VECTOR_SS | 1u << VECTOR_GP | \
	 1u << VECTOR_CP)

#endif
