/* SPDX-License-Identifier: MIT */
/* The packets of gdb's remote protocol (gdb manual, appendix E.1): bytes in, packets out, and back.
 * Pure. */
#ifndef GDB_PACKET_H
#define GDB_PACKET_H

#include "hv/types.h"

#define PACKET_MAX 4096u /* bytes between $ and # */

enum packet_event {
	PACKET_MORE,  /* nothing complete yet */
	PACKET_READY, /* data[0 .. len - 1] is a packet, escapes undone; a NUL follows */
	PACKET_BAD,   /* one with a wrong checksum, or too long: to be refused by '-' */
	PACKET_BREAK, /* ^C outside a packet */
	PACKET_ACK,
	PACKET_NAK
};

struct packet_in {
	enum { PACKET_IDLE, PACKET_DATA, PACKET_ESCAPED, PACKET_SUM1, PACKET_SUM2 } state;
	u8 sum, sent_sum;
	bool too_long;
	u32 len;
	u8 data[PACKET_MAX + 1];
};

/* One byte more. After READY or BAD the next byte starts anew. */
enum packet_event packet_byte(struct packet_in *p, u8 c);

/* Text to send: packet_start, any of the others, packet_end; what does not fit is left out. */
struct packet_out {
	u32 len;
	u8 data[PACKET_MAX + 8];
};

void packet_start(struct packet_out *p);
void packet_text(struct packet_out *p, const char *s);
void packet_binary(struct packet_out *p, const u8 *b, size_t n); /* escaped */
void packet_hex_bytes(struct packet_out *p, const void *b, size_t n);
void packet_number(struct packet_out *p, u64 n); /* hexadecimal */
void packet_end(struct packet_out *p);		 /* checksum */

/* Value of a hexadecimal digit; -1: none. */
int packet_hex(char c);

/* Parsing of what is between: a hexadecimal number; false: none there. */
bool packet_get_number(const char **s, u64 *out);
/* The character, if it is next. */
bool packet_get_char(const char **s, char c);
/* At most n bytes of two digits each; returns how many there were. */
size_t packet_get_bytes(const char **s, void *out, size_t n);

#endif
