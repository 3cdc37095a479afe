/* SPDX-License-Identifier: MIT */
/* Output on COM1 at 115200 baud, 8n1, polled. */
#ifndef TESTKERNEL_CONSOLE_H
#define TESTKERNEL_CONSOLE_H

#include "lib/fmt.h"

void console_init(void);

/* Formats as lib/fmt.h does, lines of up to 255 characters. One CPU at a time. */
void print(const char *f, ...) __attribute__((format(printf, 1, 2)));

/* Waits until the last character has left the transmitter. */
void console_drain(void);

#endif
