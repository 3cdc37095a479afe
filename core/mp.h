/* SPDX-License-Identifier: MIT */
/* One CPU asks another for something: mail, and the NMI that makes the other look. */
#ifndef CORE_MP_H
#define CORE_MP_H

#include "hv/err.h"
#include "hv/pcpu.h"

/* Allocate the per-CPU data of every CPU in machine.cpus; this CPU becomes number 0. */
err_t mp_alloc(void);

/* Start all other CPUs by INIT and SIPI; each is then in ap_main. Guest not yet running. */
err_t mp_start_aps(void);

/* Put the other CPUs back into wait-for-SIPI, as the firmware left them. Guest not yet running. */
void mp_release_aps(void);

/* About n microseconds. Any CPU. */
void io_delay(u32 n);

/* Publish the APIC ID and logical destination this CPU has now. */
void mp_publish_apic(struct pcpu *p);

/* Ask p for MAIL_* requests. Any CPU. */
void mp_post(struct pcpu *p, u32 requests);
/* The INIT and SIPI of another CPU or of itself. Any CPU; SIPI is dropped unless p waits for one.
 */
void mp_post_init(struct pcpu *p);
void mp_post_sipi(struct pcpu *p, u8 vector);

/* Was this NMI our own kick? To be asked once per NMI, on the CPU that took it. */
bool mp_take_kick(struct pcpu *p);

/* Stop every other CPU for ever. Any CPU, panic only. */
void mp_stop_others(void);

/* boot_low.S comes here, on the CPU's own stack. */
_Noreturn void ap_main(struct pcpu *p);

#endif
