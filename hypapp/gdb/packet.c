/* SPDX-License-Identifier: MIT */
#include "hypapp/gdb/packet.h"

#define ESCAPE	   '}'
#define ESCAPE_XOR 0x20

static const char digits[] = "0123456789abcdef";

int packet_hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static enum packet_event outside(struct packet_in *p, u8 c)
{
	switch (c) {
	case '$':
		p->state = PACKET_DATA;
		p->len = 0;
		p->sum = 0;
		p->too_long = false;
		return PACKET_MORE;
	case 3: return PACKET_BREAK;
	case '+': return PACKET_ACK;
	case '-': return PACKET_NAK;
	default: return PACKET_MORE; /* noise */
	}
}

static void store(struct packet_in *p, u8 c)
{
	if (p->len < PACKET_MAX)
		p->data[p->len++] = c;
	else
		p->too_long = true;
}

static enum packet_event inside(struct packet_in *p, u8 c)
{
	if (c == '$') /* the start of another one: this one was cut short */
		return outside(p, c);
	if (c == '#') {
		p->state = PACKET_SUM1;
		return PACKET_MORE;
	}
	p->sum += c;
	if (p->state == PACKET_ESCAPED) {
		store(p, c ^ ESCAPE_XOR);
		p->state = PACKET_DATA;
	} else if (c == ESCAPE) {
		p->state = PACKET_ESCAPED;
	} else {
		store(p, c);
	}
	return PACKET_MORE;
}

static enum packet_event checksum(struct packet_in *p, u8 c)
{
	int digit = packet_hex((char)c);

	if (digit < 0) {
		p->state = PACKET_IDLE;
		return PACKET_BAD;
	}
	if (p->state == PACKET_SUM1) {
		p->sent_sum = (u8)(digit << 4);
		p->state = PACKET_SUM2;
		return PACKET_MORE;
	}
	p->state = PACKET_IDLE;
	p->data[p->len] = 0;
	return p->sum == (p->sent_sum | digit) && !p->too_long ? PACKET_READY : PACKET_BAD;
}

enum packet_event packet_byte(struct packet_in *p, u8 c)
{
	switch (p->state) {
	case PACKET_DATA:
	case PACKET_ESCAPED: return inside(p, c);
	case PACKET_SUM1:
	case PACKET_SUM2: return checksum(p, c);
	default: return outside(p, c);
	}
}

static void put(struct packet_out *p, u8 c)
{
	if (p->len < PACKET_MAX)
		p->data[p->len++] = c;
}

void packet_start(struct packet_out *p)
{
	p->len = 0;
	put(p, '$');
}

void packet_text(struct packet_out *p, const char *s)
{
	while (*s)
		put(p, (u8)*s++);
}

void packet_binary(struct packet_out *p, const u8 *b, size_t n)
{
	for (size_t i = 0; i < n && p->len + 2 <= PACKET_MAX; i++) {
		bool special = b[i] == '$' || b[i] == '#' || b[i] == ESCAPE || b[i] == '*';

		if (special)
			put(p, ESCAPE);
		put(p, special ? b[i] ^ ESCAPE_XOR : b[i]);
	}
}

void packet_hex_bytes(struct packet_out *p, const void *b, size_t n)
{
	const u8 *byte = b;

	for (size_t i = 0; i < n; i++) {
		put(p, (u8)digits[byte[i] >> 4]);
		put(p, (u8)digits[byte[i] & 15]);
	}
}

void packet_number(struct packet_out *p, u64 n)
{
	u32 shift = 60;

	while (shift && !(n >> shift))
		shift -= 4;
	for (;; shift -= 4) {
		put(p, (u8)digits[n >> shift & 15]);
		if (!shift)
			break;
	}
}

void packet_end(struct packet_out *p)
{
	u8 sum = 0;

	for (u32 i = 1; i < p->len; i++)
		sum += p->data[i];
	p->data[p->len++] = '#';
	p->data[p->len++] = (u8)digits[sum >> 4];
	p->data[p->len++] = (u8)digits[sum & 15];
}

bool packet_get_number(const char **s, u64 *out)
{
	const char *start = *s;

	*out = 0;
	for (; packet_hex(**s) >= 0; ++*s) {
		if (*out >> 60)
			return false;
		*out = *out << 4 | (u64)packet_hex(**s);
	}
	return *s != start;
}

bool packet_get_char(const char **s, char c)
{
	if (**s != c)
		return false;
	++*s;
	return true;
}

size_t packet_get_bytes(const char **s, void *out, size_t n)
{
	u8 *byte = out;
	size_t done = 0;

	while (done < n && packet_hex((*s)[0]) >= 0 && packet_hex((*s)[1]) >= 0) {
		byte[done++] = (u8)(packet_hex((*s)[0]) << 4 | packet_hex((*s)[1]));
		*s += 2;
	}
	return done;
}
