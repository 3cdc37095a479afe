/* SPDX-License-Identifier: MIT */
#include "hypapp/gdb/link.h"

#include "hv/console.h"
#include "hv/world.h"
#include "lib/string.h"

static u16 uart;
static struct packet_in in;
static struct packet_out out;

bool link_init(u16 port)
{
	if (!uart_init(port))
		return false;
	uart = port;
	return true;
}

u16 link_port(void)
{
	return uart;
}

static void transmit(void)
{
	for (u32 i = 0; i < out.len; i++)
		uart_put(uart, out.data[i]);
}

static enum packet_event take_byte(struct vcpu *v)
{
	int c = uart_get(uart);

	while (c < 0) {
		if (v)
			world_serve(v);
		c = uart_get(uart);
	}
	return packet_byte(&in, (u8)c);
}

enum packet_event link_receive(struct vcpu *v)
{
	for (;;) {
		enum packet_event e = take_byte(v);

		switch (e) {
		case PACKET_READY: uart_put(uart, '+'); return e;
		case PACKET_BREAK: return e;
		case PACKET_BAD: uart_put(uart, '-'); break;
		case PACKET_NAK: transmit(); break;
		default: break;
		}
	}
}

const char *link_packet(void)
{
	return (const char *)in.data;
}

struct packet_out *link_start(void)
{
	packet_start(&out);
	return &out;
}

void link_send(void)
{
	packet_end(&out);
	transmit();
}

void link_text(const char *text)
{
	packet_text(link_start(), text);
	link_send();
}

void link_answer(bool ok)
{
	link_text(ok ? "OK" : "E01");
}

void link_line(const char *line)
{
	enum packet_event e;

	packet_start(&out);
	packet_text(&out, "O");
	packet_hex_bytes(&out, line, strlen(line));
	packet_hex_bytes(&out, "\n", 1);
	link_send();
	do {
		e = take_byte(NULL);
		if (e == PACKET_NAK)
			transmit();
	} while (e != PACKET_ACK && in.state == PACKET_IDLE);
}

enum packet_event link_poll(void)
{
	int c = uart_get(uart);

	return c < 0 ? PACKET_MORE : packet_byte(&in, (u8)c);
}

bool link_in_packet(void)
{
	return in.state != PACKET_IDLE;
}
