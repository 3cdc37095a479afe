/* SPDX-License-Identifier: MIT */
#include "testkernel/console.h"
#include "testkernel/asm.h"

#define COM1 0x3f8
#define LCR  (COM1 + 3)
#define LSR  (COM1 + 5)

#define LSR_THRE 0x20 /* room for a character */
#define LSR_TEMT 0x40 /* nothing left to send */

void console_init(void)
{
	outb(COM1 + 1, 0); /* no interrupts */
	outb(LCR, 0x80);   /* divisor latch: 1 is 115200 baud */
	outb(COM1, 1);
	outb(COM1 + 1, 0);
	outb(LCR, 3);	      /* 8n1 */
	outb(COM1 + 2, 7);    /* FIFOs on and empty */
	outb(COM1 + 4, 0x0b); /* DTR RTS OUT2 */
}

static void put(char ch)
{
	while (!(inb(LSR) & LSR_THRE))
		cpu_pause();
	outb(COM1, (u8)ch);
}

void print(const char *f, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, f);
	fmt_va(text, sizeof(text), f, ap);
	va_end(ap);
	for (const char *p = text; *p; p++) {
		if (*p == '\n')
			put('\r');
		put(*p);
	}
}

void console_drain(void)
{
	while (!(inb(LSR) & LSR_TEMT))
		cpu_pause();
}
