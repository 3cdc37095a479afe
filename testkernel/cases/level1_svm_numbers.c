/* SPDX-License-Identifier: MIT */
/* AMD-V's answers to what level1_vmx_numbers.c asks: no shadow, and intercepts in place of masks.
 */
#include "testkernel/cases/level1.h"
#include "x86/cr.h"

#define CR4_NONE              \
	{                     \
		0x20, 0x20, 0 \
	}
#define FLAT                  \
	{                     \
		0x31, 0x31, 0 \
	}

/* clang-format off */
const struct level1_number level1_svm_numbers[] = {
	/* A6, L7: hidden bits */
	{"cr4: MCE hidden, hw 0x60: a read exits",
	 {0}, {0x60, 0x20, CR4_MCE}, L2_FLAT, CRM_MOV_FROM, 4, 0, L2_CR, 0, 0x60, 0},
	{"cr4: MCE hidden, hw 0x60, write 0x30: exit",
	 {0}, {0x60, 0x20, CR4_MCE}, L2_FLAT, CRM_MOV_TO, 4, 0x30, L2_CR, 0, 0x60, 0},
	{"cr4: MCE hidden, hw 0x60, write 0x20: exit, for nothing is compared with a shadow",
	 {0}, {0x60, 0x20, CR4_MCE}, L2_FLAT, CRM_MOV_TO, 4, 0x20, L2_CR, 0, 0x60, 0},
	{"cr4: MCE owned, not hidden, hw 0x20: no exit, reads 0x20",
	 {0}, {0x20, 0x20, CR4_MCE}, L2_FLAT, CRM_MOV_FROM, 4, 0, L2_CALL, 0x20, 0x20, 0},
	{"cr4: MCE owned, not hidden, hw 0x20, write 0x30: exit",
	 {0}, {0x20, 0x20, CR4_MCE}, L2_FLAT, CRM_MOV_TO, 4, 0x30, L2_CR, 0, 0x20, 0},
	{"cr4: nothing owned, shadow 0x20, hw 0x60: reads 0x60",
	 {0}, {0x60, 0x20, 0}, L2_FLAT, CRM_MOV_FROM, 4, 0, L2_CALL, 0x60, 0x60, 0},
	{"cr4: nothing owned, hw 0x20, write 0x30: no exit, reads 0x30",
	 {0}, CR4_NONE, L2_FLAT, CRM_MOV_TO, 4, 0x30, L2_CALL, 0x30, 0x30, 0},
	{"cr0: nothing owned, hw 0x31, write 0x11: no exit, for no bit is forced",
	 FLAT, CR4_NONE, L2_FLAT, CRM_MOV_TO, 0, 0x11, L2_CALL, 0x11, 0x11, 0},
	{"cr0: read intercept alone, write 0x33: no exit",
	 FLAT, CR4_NONE, L2_FLAT, CRM_MOV_TO, 0, 0x33, L2_CALL, 0x33, 0x33, L1_READ_CR0},
	{"smsw: read intercept: exit",
	 FLAT, CR4_NONE, L2_FLAT, CRM_SMSW, 0, 0, L2_CR, 0, 0x31, L1_READ_CR0},

	/* A1 */
	{"cr0: selective, hw 0x31, write 0x3b, MP and TS: no exit, reads 0x3b",
	 FLAT, CR4_NONE, L2_FLAT, CRM_MOV_TO, 0, 0x3b, L2_CALL, 0x3b, 0x3b, L1_SELECTIVE},
	{"cr0: selective, hw 0x31, write 0x35, EM: exit",
	 FLAT, CR4_NONE, L2_FLAT, CRM_MOV_TO, 0, 0x35, L2_CR, 0, 0x31, L1_SELECTIVE},
	{"cr0: selective, hw 0x31, write 0x10031, WP: exit",
	 FLAT, CR4_NONE, L2_FLAT, CRM_MOV_TO, 0, 0x10031, L2_CR, 0, 0x31, L1_SELECTIVE},
	{"cr0: PG owned, hw 0x8001003b, write 0x1003b: exit",
	 {0x8001003b, 0x8001003b, CR0_PG}, CR4_NONE, L2_PAE, CRM_MOV_TO, 0, 0x1003b, L2_CR, 0,
	 0x8001003b, 0},
	{"cr0: PG owned, hw 0x8001003b, write 0x80010031: no exit, reads 0x80010031",
	 {0x8001003b, 0x8001003b, CR0_PG}, CR4_NONE, L2_PAE, CRM_MOV_TO, 0, 0x80010031, L2_CALL,
	 0x80010031, 0x80010031, 0},
	{"cr0: selective and full, hw 0x31, write 0x33, MP: the full one exits",
	 FLAT, CR4_NONE, L2_FLAT, CRM_MOV_TO, 0, 0x33, L2_CR, 0, 0x31, L1_SELECTIVE | L1_WRITE_CR0},
	{"cr0: selective and full, hw 0x31, write 0x35, EM: the full one exits",
	 FLAT, CR4_NONE, L2_FLAT, CRM_MOV_TO, 0, 0x35, L2_CR, 0, 0x31, L1_SELECTIVE | L1_WRITE_CR0},
	{"lmsw: selective, source 0x1, which changes nothing: exit",
	 FLAT, CR4_NONE, L2_FLAT, CRM_LMSW, 0, 1, L2_CR, 0, 0x31, L1_SELECTIVE},
	{"lmsw: selective, source 0x5, EM: exit",
	 FLAT, CR4_NONE, L2_FLAT, CRM_LMSW, 0, 5, L2_CR, 0, 0x31, L1_SELECTIVE},
	{"lmsw: selective and full: the full one exits",
	 FLAT, CR4_NONE, L2_FLAT, CRM_LMSW, 0, 1, L2_CR, 0, 0x31, L1_SELECTIVE | L1_WRITE_CR0},
	{"clts: selective, hw 0x39: no exit, reads 0x31",
	 {0x39, 0x39, 0}, CR4_NONE, L2_FLAT, CRM_CLTS, 0, 0, L2_CALL, 0x31, 0x31, L1_SELECTIVE},
	{"clts: write intercept, hw 0x31: exit",
	 FLAT, CR4_NONE, L2_FLAT, CRM_CLTS, 0, 0, L2_CR, 0, 0x31, L1_WRITE_CR0},

	/* G4, A8, L4 */
	{"cr0: write intercept, NW without CD: #GP, not an exit",
	 FLAT, CR4_NONE, L2_FLAT, CRM_MOV_TO, 0, 0x20000031, L2_EXCEPTION, 0, 0x31, L1_WRITE_CR0},
	{"cr0: selective, NW without CD: #GP, not an exit",
	 FLAT, CR4_NONE, L2_FLAT, CRM_MOV_TO, 0, 0x20000031, L2_EXCEPTION, 0, 0x31, L1_SELECTIVE},
	{"cr0: write intercept, bit 32 in 64-bit mode: #GP, not an exit",
	 {0x80000031, 0x31, 0}, CR4_NONE, L2_LONG, CRM_MOV_TO, 0, 0x180000031, L2_EXCEPTION, 0,
	 0x80000031, L1_WRITE_CR0},
	{"cr0: write intercept, PG := 0 in 64-bit mode: #GP, not an exit",
	 {0x80000031, 0x31, 0}, CR4_NONE, L2_LONG, CRM_MOV_TO, 0, 0x31, L2_EXCEPTION, 0, 0x80000031,
	 L1_WRITE_CR0},
	{"cr4: write intercept, bit 15: #GP, not an exit",
	 {0}, CR4_NONE, L2_FLAT, CRM_MOV_TO, 4, 0x8020, L2_EXCEPTION, 0, 0x20, L1_WRITE_CR4},
	{"cr4: write intercept, PAE := 0 in 64-bit mode: #GP, not an exit",
	 {0}, CR4_NONE, L2_LONG, CRM_MOV_TO, 4, 0, L2_EXCEPTION, 0, 0x20, L1_WRITE_CR4},

	/* G12, G6, G13, G2 without intercepts */
	{"cr0: PG without PE: #GP",
	 FLAT, CR4_NONE, L2_FLAT, CRM_MOV_TO, 0, 0x80000030, L2_EXCEPTION, 0, 0x31, 0},
	{"cr0: NW without CD: #GP",
	 FLAT, CR4_NONE, L2_FLAT, CRM_MOV_TO, 0, 0x20000031, L2_EXCEPTION, 0, 0x31, 0},
	{"cr0: PG := 0 in 64-bit mode: #GP",
	 {0x80000031, 0x31, 0}, CR4_NONE, L2_LONG, CRM_MOV_TO, 0, 0x31, L2_EXCEPTION, 0, 0x80000031, 0},
	{"cr4: PAE := 0 in 64-bit mode: #GP",
	 {0}, CR4_NONE, L2_LONG, CRM_MOV_TO, 4, 0, L2_EXCEPTION, 0, 0x20, 0},
	{"cr0: bits 15:6 are ignored",
	 FLAT, CR4_NONE, L2_FLAT, CRM_MOV_TO, 0, 0xfff1, L2_CALL, 0x31, 0x31, 0},
};
/* clang-format on */

const size_t level1_svm_number_count = ARRAY_SIZE(level1_svm_numbers);
