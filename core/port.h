/* SPDX-License-Identifier: MIT */
#ifndef CORE_PORT_H
#define CORE_PORT_H

#include "hv/types.h"

/* See the guest's power-off coming. Needs machine.pm. */
void port_trap_power(bool on);

#endif
