/* SPDX-License-Identifier: MIT */
#ifndef CORE_PORT_H
#define CORE_PORT_H

#include "hv/exit.h"
#include "hv/types.h"

/* See the guest's power-off coming. Needs machine.pm. */
void port_trap_power(bool on);

/* Does an access of `value` include this port, and with which byte? */
static inline bool port_byte(const struct exit *x, u32 value, u16 port, u8 *byte)
{
	u32 at = (u32)port - x->port.port;

	if (at >= x->port.size)
		return false;
	*byte = (u8)(value >> 8 * at);
	return true;
}

#endif
