/* SPDX-License-Identifier: MIT */
/*
 * Guest memory, by guest-linear address through the guest's own page tables, in every paging mode,
 * and by guest-physical address. On the CPU whose guest it is, in an exit; by physical address on
 * any.
 */
#ifndef HV_GMEM_H
#define HV_GMEM_H

#include "hv/exit.h"
#include "hv/types.h"
#include "hv/vcpu.h"
#include "lib/insn.h"

/* Translate a guest-linear address (Intel SDM vol. 3A, chapter 4). False: not present, or the
 * tables lie where the guest has no memory. Rights are not checked: the CPU already has. */
bool gmem_walk(struct vcpu *v, u64 linear, u64 *gpa);

/* Copy from guest-physical memory. False: not RAM of the guest. */
bool gmem_read_phys(u64 gpa, void *out, size_t n);

/* Copy to guest-physical memory. False: not RAM of the guest, or Lamina's page below 1 MiB. */
bool gmem_write_phys(u64 gpa, const void *in, size_t n);

/* Copy up to n bytes from a guest-linear address; returns how many could be read. */
size_t gmem_read(struct vcpu *v, u64 linear, void *out, size_t n);

/* Copy up to n bytes to a guest-linear address, RAM of the guest's; returns how many could be
 * written. Rights are not checked, and accessed and dirty bits not set. */
size_t gmem_write(struct vcpu *v, u64 linear, const void *in, size_t n);

/* The guest-linear address of an instruction's memory operand. */
u64 gmem_operand(struct vcpu *v, const struct insn *i);

/* Copy up to n bytes of the code, of this mode, at the guest's CS:RIP; returns how many could be
 * read. */
size_t gmem_fetch(struct vcpu *v, u64 rip, enum insn_mode mode, u8 *out, size_t n);

/* Decode the instruction at CS:RIP; returns its length, or 0 if there is none that can be read. */
u32 gmem_insn(struct vcpu *v, u64 rip, struct insn *i);

/* Where the exit's instruction ends: outside 64-bit code EIP wraps at 32 bits. */
u64 gmem_next_rip(struct vcpu *v, const struct exit *x);

/* The mode in which the guest decodes the code at CS. */
enum insn_mode gmem_code_mode(struct vcpu *v);

#endif
