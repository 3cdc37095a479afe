/* SPDX-License-Identifier: MIT */
/* Cases with the numbers of the fault that Lamina is about: what must be is written down here, and
 * the model must say the same. */
#include "testkernel/cases/level1.h"
#include "x86/cr.h"

#define VMXE 0x2000

/* clang-format off */
const struct level1_number level1_vmx_numbers[] = {
	/* L1, S7 */
	{"cr4: mask 0x2000, shadow 0, hw 0x2020: reads 0x20",
	 {0}, {0x2020, 0, VMXE}, L2_FLAT, CRM_MOV_FROM, 4, 0, L2_CALL, 0x20, 0x2020, 0},
	/* L2, L6 */
	{"cr4: mask 0x2000, shadow 0, hw 0x2020, write 0x30: no exit, reads 0x30",
	 {0}, {0x2020, 0, VMXE}, L2_FLAT, CRM_MOV_TO, 4, 0x30, L2_CALL, 0x30, 0x2030, 0},
	{"cr4: mask 0x2000, shadow 0, hw 0x2020, write 0x2030: exit",
	 {0}, {0x2020, 0, VMXE}, L2_FLAT, CRM_MOV_TO, 4, 0x2030, L2_CR, 0, 0x2020, 0},
	/* L5 */
	{"cr4: mask 0x2000, shadow 0, hw 0x2020, write 0x20: no exit",
	 {0}, {0x2020, 0, VMXE}, L2_FLAT, CRM_MOV_TO, 4, 0x20, L2_CALL, 0x20, 0x2020, 0},
	/* a shadow that somebody spoiled: what the guest of the fault saw (S1) */
	{"cr4: mask 0x2000, shadow 0x2020, hw 0x2020: reads 0x2020",
	 {0}, {0x2020, 0x2020, VMXE}, L2_FLAT, CRM_MOV_FROM, 4, 0, L2_CALL, 0x2020, 0x2020, 0},
	{"cr4: mask 0x2000, shadow 0x2020, hw 0x2020, write 0x30: exit",
	 {0}, {0x2020, 0x2020, VMXE}, L2_FLAT, CRM_MOV_TO, 4, 0x30, L2_CR, 0, 0x2020, 0},
	/* all owned */
	{"cr4: all owned, shadow 0x20, hw 0x2020, write 0x30: exit",
	 {0}, {0x2020, 0x20, ~0ULL}, L2_FLAT, CRM_MOV_TO, 4, 0x30, L2_CR, 0, 0x2020, 0},
	{"cr4: all owned, shadow 0x20, hw 0x2020, write 0x20: no exit",
	 {0}, {0x2020, 0x20, ~0ULL}, L2_FLAT, CRM_MOV_TO, 4, 0x20, L2_CALL, 0x20, 0x2020, 0},
	/* nothing owned: VMX operation's demands are the guest's #GP (F1, L4) */
	{"cr4: nothing owned, hw 0x2020, write 0x30: #GP",
	 {0}, {0x2020, 0, 0}, L2_FLAT, CRM_MOV_TO, 4, 0x30, L2_EXCEPTION, 0, 0x2020, 0},
	{"cr0: nothing owned, hw 0x31, write 0x11: #GP",
	 {0x31, 0, 0}, {0x2020, 0, VMXE}, L2_FLAT, CRM_MOV_TO, 0, 0x11, L2_EXCEPTION, 0, 0x31, 0},
	{"cr0: NE owned, shadow 0, hw 0x31, write 0x13: no exit, reads 0x13",
	 {0x31, 0, CR0_NE}, {0x2020, 0, VMXE}, L2_FLAT, CRM_MOV_TO, 0, 0x13, L2_CALL, 0x13, 0x33, 0},
	/* the scenario's CR0 writes */
	{"cr0: NE owned, 0x8001003b: write 0x1003b: no exit",
	 {0x8001003b, CR0_NE, CR0_NE}, {0x2020, 0, VMXE}, L2_PAE, CRM_MOV_TO, 0, 0x1003b, L2_CALL, 0x1003b, 0x1003b, 0},
	{"cr0: PG and NE owned, 0x8001003b: write 0x1003b: exit",
	 {0x8001003b, 0x8001003b, CR0_PG | CR0_NE}, {0x2020, 0, VMXE}, L2_PAE, CRM_MOV_TO, 0, 0x1003b, L2_CR, 0, 0x8001003b, 0},
	/* G12, G1, G6, G13 */
	{"cr0: PG without PE: #GP",
	 {0x31, 0x31, CR0_NE}, {0x2020, 0, VMXE}, L2_FLAT, CRM_MOV_TO, 0, 0x80000030, L2_EXCEPTION, 0, 0x31, 0},
	{"cr0: NW without CD: #GP",
	 {0x31, 0x31, CR0_NE}, {0x2020, 0, VMXE}, L2_FLAT, CRM_MOV_TO, 0, 0x20000031, L2_EXCEPTION, 0, 0x31, 0},
	{"cr0: bit 32 in 64-bit mode: #GP",
	 {0x80000031, 0x31, CR0_NE}, {0x2020, 0, VMXE}, L2_LONG, CRM_MOV_TO, 0, 0x180000031, L2_EXCEPTION, 0, 0x80000031, 0},
	{"cr0: PG := 0 in 64-bit mode: #GP",
	 {0x80000031, 0x31, CR0_NE}, {0x2020, 0, VMXE}, L2_LONG, CRM_MOV_TO, 0, 0x31, L2_EXCEPTION, 0, 0x80000031, 0},
	{"cr4: PAE := 0 in 64-bit mode: #GP",
	 {0x80000031, 0x31, CR0_NE}, {0x2020, 0, VMXE}, L2_LONG, CRM_MOV_TO, 4, 0, L2_EXCEPTION, 0, 0x2020, 0},
	/* G2: bits that do not exist are ignored */
	{"cr0: bits 15:6 are ignored",
	 {0x31, 0x31, CR0_NE}, {0x2020, 0, VMXE}, L2_FLAT, CRM_MOV_TO, 0, 0xfff1, L2_CALL, 0x31, 0x31, 0},
	/* G3: the exit comes before the value is judged */
	{"cr0: PG without PE, PG owned: exit",
	 {0x31, 0x31, CR0_PG | CR0_NE}, {0x2020, 0, VMXE}, L2_FLAT, CRM_MOV_TO, 0, 0x80000030, L2_CR, 0, 0x31, 0},
	/* T2, T3 */
	{"clts: TS owned, shadow 0, hw 0x39: no exit, no change",
	 {0x39, 0x31, CR0_TS | CR0_NE}, {0x2020, 0, VMXE}, L2_FLAT, CRM_CLTS, 0, 0, L2_CALL, 0x31, 0x39, 0},
	{"clts: TS owned, shadow 1: exit",
	 {0x31, 0x39, CR0_TS | CR0_NE}, {0x2020, 0, VMXE}, L2_FLAT, CRM_CLTS, 0, 0, L2_CR, 0, 0x31, 0},
	{"lmsw: PE owned, source 0xfff0: no exit, PE stays",
	 {0x31, 0x31, CR0_PE | CR0_NE}, {0x2020, 0, VMXE}, L2_FLAT, CRM_LMSW, 0, 0xfff0, L2_CALL, 0x31, 0x31, 0},
	{"lmsw: PE owned, shadow 0, source 1: exit",
	 {0x30, 0x30, CR0_PE | CR0_NE}, {0x2020, 0, VMXE}, L2_REAL, CRM_LMSW, 0, 1, L2_CR, 0, 0x30, 0},
};
/* clang-format on */

const size_t level1_vmx_number_count = ARRAY_SIZE(level1_vmx_numbers);
