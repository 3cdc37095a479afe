/* SPDX-License-Identifier: MIT */
#include "hypapp/gdb/stub.h"

#include <stdatomic.h>

#include "hv/backend.h"
#include "hv/console.h"
#include "hv/hypapp.h"
#include "hv/world.h"
#include "hypapp/gdb/brk.h"
#include "hypapp/gdb/command.h"
#include "hypapp/gdb/link.h"
#include "hypapp/gdb/option.h"
#include "hypapp/gdb/step.h"
#include "lib/string.h"

#define UART_PORTS 8u

static bool waits; /* break.action=wait */
static _Atomic u32
	in; /* index + 1 of the CPU that is stopped for gdb, or looks at the UART; 0: none */

static bool option_is(const char *name, const char *value)
{
	size_t len;
	const char *s = hypapp_option(name, 0, &len);

	return s && len == strlen(value) && !strncmp(s, value, len);
}

static u16 port_of(const char *name, u16 otherwise)
{
	size_t len;
	const char *s = hypapp_option(name, 0, &len);

	return s ? option_port(s, len) : otherwise;
}

bool stub_init(void)
{
	u16 port = port_of("gdb", 0);

	waits = option_is("break.action", "wait");
	if (!port)
		return false;
	if (port == port_of("serial", 0x3f8)) {
		say_line("warning: option gdb ignored: the console is there");
		return false;
	}
	if (!link_init(port)) {
		say_line("warning: option gdb ignored: no UART there");
		return false;
	}
	for (u32 i = 0; i < UART_PORTS; i++)
		backend->trap_port((u16)(port + i), true);
	return true;
}

bool stub_has_port(void)
{
	return link_port();
}

bool stub_wanted(void)
{
	return link_port() && (waits || command_connected());
}

static bool try_take(struct vcpu *v)
{
	u32 none = 0;

	return atomic_compare_exchange_strong(&in, &none, v->index + 1);
}

/* gdb may have taken the breakpoint away while this CPU waited its turn. */
static bool still_due(struct vcpu *v, enum stop why)
{
	return why != STOP_BREAK || brk_at(v, step_linear_rip(v)) != BRK_FREE;
}

void stub_stop(struct vcpu *v, enum stop why)
{
	struct command_resume r = {0, 0};

	while (!try_take(v))
		world_serve(v);
	if (still_due(v, why)) {
		if (command_stops_others())
			world_stop(v);
		r = command_stopped(v, why);
	}
	atomic_store(&in, 0);
	command_resume(v, r);
}

bool stub_interrupts(struct vcpu *v)
{
	bool wanted;

	if (!link_port() || atomic_load(&in) || !try_take(v))
		return false;
	wanted = command_wanted(link_poll());
	atomic_store(&in, 0);
	return wanted;
}

enum exit_answer stub_port_exit(struct vcpu *v, const struct exit *x)
{
	u32 at = (u32)x->port.port - link_port();

	if (!link_port() || at >= UART_PORTS)
		return EXIT_PASS;
	if (x->port.string) { /* no system does it; let it see the UART */
		backend->trap_port(x->port.port, false);
		return EXIT_RETRY;
	}
	if (x->port.in)
		v->gpr[GPR_RAX] = x->port.size == 4 ? 0xffffffff
						    : v->gpr[GPR_RAX] | (BIT(8 * x->port.size) - 1);
	return EXIT_ADVANCE;
}
