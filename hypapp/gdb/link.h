/* SPDX-License-Identifier: MIT */
/* Packets to and from gdb, on the UART. Used by one CPU at a time: the one that gdb has stopped. */
#ifndef GDB_LINK_H
#define GDB_LINK_H

#include "hv/vcpu.h"
#include "hypapp/gdb/packet.h"

/* Sets up the UART; false: there is none at that port. Bring-up. */
bool link_init(u16 port);
/* 0: no UART is used. */
u16 link_port(void);

/* The next packet, or ^C: PACKET_READY or PACKET_BREAK. Waits, and meanwhile serves other CPUs if v
 * is not NULL. */
enum packet_event link_receive(struct vcpu *v);
/* The packet that was received last. */
const char *link_packet(void);

/* Send a packet; gdb's acknowledgement is waited for in link_receive, or in link_line. */
struct packet_out *link_start(void);
void link_send(void);
void link_text(const char *text);
void link_answer(bool ok); /* OK or an error */

/* A line on gdb's console, in answer to `monitor`; an emit_fn. Waits until gdb has it. Also on
 * another CPU than the stopped one, while that waits for it. */
void link_line(const char *line);

/* Has gdb sent ^C or begun a packet? While no CPU is stopped for gdb; does not wait. */
enum packet_event link_poll(void);
bool link_in_packet(void);

#endif
