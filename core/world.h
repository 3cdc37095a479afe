/* SPDX-License-Identifier: MIT */
#ifndef CORE_WORLD_H
#define CORE_WORLD_H

#include "hv/world.h"

/* MAIL_CALL and MAIL_STILL of this CPU. */
void world_mail(struct vcpu *v, u32 mail);

#endif
