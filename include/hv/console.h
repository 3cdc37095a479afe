/* SPDX-License-Identifier: MIT */
/* Lamina's own console, and UARTs that are nobody else's. Any CPU; one at a time. */
#ifndef HV_CONSOLE_H
#define HV_CONSOLE_H

#include "hv/types.h"

/* One line on the console, prefixed "lamina: " and ended by CR LF; an emit_fn. The CPU waits until
 * it is out, milliseconds. */
void say_line(const char *line);

/* Sets the 16550 at the I/O port to 115200 8n1, polled; false: there is none. */
bool uart_init(u16 port);
/* Waits until there is room, but not for ever. */
void uart_put(u16 port, u8 c);
/* A byte that has come in; -1: none. */
int uart_get(u16 port);

#endif
