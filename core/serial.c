/* SPDX-License-Identifier: MIT */
#include "core/serial.h"

#include "lib/fmt.h"
#include "x86/insn.h"

/* 16550 registers, offsets from the port */
#define UART_DATA    0
#define UART_IER     1
#define UART_FCR     2
#define UART_LCR     3
#define UART_MCR     4
#define UART_LSR     5
#define UART_SCRATCH 7

#define LSR_DATA      0x01
#define LSR_THR_EMPTY 0x20
#define LSR_IDLE      0x40

static u16 base;

bool uart_init(u16 port)
{
	outb(port + UART_SCRATCH, 0x5a);
	if (inb(port + UART_SCRATCH) != 0x5a)
		return false;
	outb(port + UART_IER, 0);
	outb(port + UART_LCR, 0x80);
	outb(port + UART_DATA, 1); /* divisor 1: 115200 baud */
	outb(port + UART_IER, 0);
	outb(port + UART_LCR, 0x03);
	outb(port + UART_FCR, 0x07);
	outb(port + UART_MCR, 0x03);
	return true;
}

void serial_init(u16 port)
{
	base = port && uart_init(port) ? port : 0;
}

/* Bounded, so that a UART that went away cannot hang us. */
static void wait_lsr(u16 port, u8 bits)
{
	for (u32 i = 0; i < 1000000 && !(inb(port + UART_LSR) & bits); i++)
		cpu_pause();
}

void uart_put(u16 port, u8 c)
{
	wait_lsr(port, LSR_THR_EMPTY);
	outb(port + UART_DATA, c);
}

int uart_get(u16 port)
{
	return inb(port + UART_LSR) & LSR_DATA ? inb(port + UART_DATA) : -1;
}

static void put(const char *s)
{
	for (; *s; s++)
		uart_put(base, (u8)*s);
}

/*
 * The guest may be using the same UART by interrupts: its setting is put back, and we leave only
 * when the last character is out.
 */
void say_line(const char *line)
{
	u8 ier;

	if (!base)
		return;
	ier = inb(base + UART_IER);
	outb(base + UART_IER, 0);
	wait_lsr(base, LSR_IDLE);
	put("lamina: ");
	put(line);
	put("\r\n");
	wait_lsr(base, LSR_IDLE);
	outb(base + UART_IER, ier);
}

void say(const char *f, ...)
{
	char line[400];
	va_list ap;

	va_start(ap, f);
	fmt_va(line, sizeof(line), f, ap);
	va_end(ap);
	say_line(line);
}
