/* SPDX-License-Identifier: MIT */
/* Lamina's text output: bring-up, power-off and panic; on the exit path only what core/cr_log.c is
 * asked for, under its lock. One CPU at a time. */
#ifndef CORE_SERIAL_H
#define CORE_SERIAL_H

#include "hv/console.h"

/* Sets the UART at the I/O port to 115200 8n1; port 0 or no UART there: output is dropped. */
void serial_init(u16 port);

/* One line, prefixed "lamina: " and ended by CR LF. */
void say(const char *f, ...) __attribute__((format(printf, 1, 2)));

#endif
