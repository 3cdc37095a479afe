/* SPDX-License-Identifier: MIT */
/*
 * How the guest starts CPUs. The strategies (boot option sipi=):
 *
 * exit: INIT and SIPI exit in the CPU they reach, as VT-x intends; Lamina sets its state. Nothing
 * is trapped. For hardware and KVM. icr:  the sender's write to the local APIC's ICR is trapped,
 * and INIT and SIPI become mail. For emulators, which keep an INIT pending behind its exit or lose
 * it. The trap goes away when every CPU has been started, and comes back when an INIT exit shows
 * that the guest stops one. hold: as icr, but the trap stays: for guests that restart CPUs at any
 * moment on an emulator that drops an INIT to a CPU that is in root mode. AMD-V has no SIPI exit:
 * there it is always icr or, where an INIT cannot be redirected to #SX, hold.
 */
#ifndef CORE_SIPI_H
#define CORE_SIPI_H

#include "hv/exit.h"
#include "hv/pcpu.h"
#include "hv/vcpu.h"

/* Decide the strategy and set the trap where it is needed. CPU 0, second-level tables built, no
 * other CPU runs. */
void sipi_init(void);

/* 1 while writes to the ICR exit. */
bool sipi_trapping(void);

/* Let all writes through from now on: the guest uses its local APIC in a way we do not know. A CPU
 * that still waits for its SIPI then waits for ever. */
void sipi_give_up_trap(void);

/* This CPU's xAPIC has moved from the page `old`, or its mode has changed (0: it was x2APIC). The
 * caller flushes. */
void sipi_apic_moved(struct pcpu *p, u64 old);

/* Does some CPU have its xAPIC at this page? */
bool sipi_owns_page(u64 gpa);

/* A guest's 32-bit write to its xAPIC page. The register is written unless it starts a CPU. */
void sipi_write_xapic(struct vcpu *v, u32 reg, u32 value);

/* A guest's write of the x2APIC ICR. */
enum exit_answer sipi_write_x2icr(struct vcpu *v, u64 value);

/* Do what the other CPUs ask of this one; waits for a SIPI if that is what it comes to. True: the
 * guest's state was replaced, RIP must not be moved. */
bool sipi_check_mail(struct vcpu *v);

/* Do what others ask that does not change the guest's state; to stand still for another CPU only if
 * may_wait. A stop does not return. */
void sipi_serve(struct vcpu *v, bool may_wait);

/* All other CPUs forget their second-level translations before this returns. */
void sipi_flush_others(struct vcpu *v);

/* A CPU that is back from core/revive.c: go on where its last SIPI sent it. */
void sipi_resume(struct vcpu *v);

/* An AP's first state: INIT has happened, a SIPI is awaited. */
void sipi_wait_first(struct vcpu *v);

#endif
