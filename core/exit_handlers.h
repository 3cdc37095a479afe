/* SPDX-License-Identifier: MIT */
/* Lamina's own handlers, one per kind of exit; exit.c holds the table. All run on the CPU that
 * exited. */
#ifndef CORE_EXIT_HANDLERS_H
#define CORE_EXIT_HANDLERS_H

#include "hv/exit.h"
#include "hv/vcpu.h"

enum exit_answer exit_cr(struct vcpu *v, const struct exit *x);
enum exit_answer exit_cpuid(struct vcpu *v, const struct exit *x);
enum exit_answer exit_rdmsr(struct vcpu *v, const struct exit *x);
enum exit_answer exit_wrmsr(struct vcpu *v, const struct exit *x);
enum exit_answer exit_port(struct vcpu *v, const struct exit *x);
enum exit_answer exit_slat(struct vcpu *v, const struct exit *x);
enum exit_answer exit_nmi(struct vcpu *v, const struct exit *x);
enum exit_answer exit_init(struct vcpu *v, const struct exit *x);
enum exit_answer exit_sipi(struct vcpu *v, const struct exit *x);
enum exit_answer exit_xsetbv(struct vcpu *v, const struct exit *x);
enum exit_answer exit_hypercall(struct vcpu *v, const struct exit *x);
enum exit_answer exit_task_switch(struct vcpu *v, const struct exit *x);
enum exit_answer exit_shutdown(struct vcpu *v, const struct exit *x);

#endif
