/* SPDX-License-Identifier: MIT */
/* The guest's ways to reset the machine, as PCs have them since the AT: guarded while there are
 * secrets to be wiped. */
#include "core/core.h"
#include "core/port.h"
#include "core/this_cpu.h"
#include "hv/hypapp.h"
#include "hv/watch.h"
#include "lib/spinlock.h"

#define PCI_CONFIG_ADDRESS 0xcf8 /* as 32 bits; byte 1 alone is the reset control register */
#define RESET_CONTROL	   0xcf9
#define RESET_CPU	   BIT(2)
#define PORT_92		   0x92
#define PORT_92_RESET	   BIT(0)
#define KBC_DATA	   0x60
#define KBC_COMMAND	   0x64
#define KBC_WRITE_OUTPUT   0xd1 /* the next byte of data is that of the output port */
#define KBC_OUTPUT_RUN	   BIT(0)
#define KBC_PULSE(command) (((command)&0xf1) == 0xf0) /* bit 0 of the output port low, for 6 us */

static struct {
	struct spinlock lock;
	_Atomic u32 armed, output; /* output: KBC_WRITE_OUTPUT has been seen */
} guard;

/* The i-th port, some of them more than once; 0: no more. Power-off has a trap of its own, which
 * string I/O may have opened before. */
static u16 guarded(u32 i)
{
	u16 pm1a = machine.pm.pm1a_cnt ? machine.pm.pm1a_cnt : RESET_CONTROL;
	u16 extra = machine.pm.reset_port ? machine.pm.reset_port : RESET_CONTROL;
	const u16 port[] = {RESET_CONTROL, KBC_COMMAND, PORT_92, pm1a, pm1a + 1, extra};

	return i < ARRAY_SIZE(port) ? port[i] : 0;
}

static void expect_output(bool on)
{
	if (atomic_exchange(&guard.output, on) != on)
		port_watch(KBC_DATA, on);
}

void reset_guard(void)
{
	spin_lock(&guard.lock, this_cpu());
	if (!atomic_exchange(&guard.armed, true)) /* first, for ports_open */
		for (u32 i = 0; guarded(i); i++)
			port_watch(guarded(i), true);
	spin_unlock(&guard.lock);
}

bool guard_has(const struct exit *x)
{
	u8 byte;
	bool ours = port_byte(x, 0, KBC_DATA, &byte);

	for (u32 i = 0; guarded(i); i++)
		ours |= port_byte(x, 0, guarded(i), &byte);
	return ours && atomic_load(&guard.armed);
}

static bool kbc_resets(const struct exit *x, u32 value)
{
	bool resets = false;
	u8 byte;

	if (port_byte(x, value, KBC_DATA, &byte) && atomic_load(&guard.output)) {
		resets = !(byte & KBC_OUTPUT_RUN);
		expect_output(false);
	}
	if (port_byte(x, value, KBC_COMMAND, &byte)) {
		resets |= KBC_PULSE(byte);
		expect_output(byte == KBC_WRITE_OUTPUT);
	}
	return resets;
}

bool guard_sees_reset(const struct exit *x, u32 value)
{
	u16 extra = machine.pm.reset_port;
	u8 byte;

	if (!atomic_load(&guard.armed) || (x->port.port == PCI_CONFIG_ADDRESS && x->port.size == 4))
		return false;
	return (port_byte(x, value, RESET_CONTROL, &byte) && (byte & RESET_CPU)) ||
	       (port_byte(x, value, PORT_92, &byte) && (byte & PORT_92_RESET)) ||
	       (extra && port_byte(x, value, extra, &byte) && byte == machine.pm.reset_value) ||
	       kbc_resets(x, value);
}
