/* SPDX-License-Identifier: MIT */
#ifndef CORE_WORLD_H
#define CORE_WORLD_H

#include "hv/world.h"

/* All CPUs write their caches back; the world is stopped. */
void world_write_back(struct vcpu *v);

/* No CPU holds the world or calls another; while only this CPU runs. */
void world_forget(void);

/* MAIL_CALL and MAIL_STILL of this CPU. */
void world_mail(struct vcpu *v, u32 mail);

#endif
