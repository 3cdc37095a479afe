/* SPDX-License-Identifier: MIT */
#include "hypapp/gdb/access.h"

#include "hv/gmem.h"
#include "hv/world.h"
#include "hypapp/gdb/link.h"
#include "hypapp/gdb/regs.h"
#include "lib/string.h"

struct request {
	u32 reg;
	u64 value, linear;
	bool ok, write, physical;
	u8 *bytes;
	size_t n;
};

static void on_reg(struct vcpu *v, void *arg)
{
	struct request *r = arg;

	r->ok = r->write ? regs_set(v, r->reg, r->value) : regs_get(v, r->reg, &r->value);
}

static void on_memory(struct vcpu *v, void *arg)
{
	struct request *r = arg;

	if (r->physical)
		r->n = (r->write ? gmem_write_phys(r->linear, r->bytes, r->n)
				 : gmem_read_phys(r->linear, r->bytes, r->n))
			       ? r->n
			       : 0;
	else
		r->n = r->write ? gmem_write(v, r->linear, r->bytes, r->n)
				: gmem_read(v, r->linear, r->bytes, r->n);
}

static void put_reg(struct vcpu *v, u32 cpu, struct packet_out *p, u32 reg)
{
	struct request r = {.reg = reg};
	u32 size = regs_size(reg);

	if (world_call(v, cpu, on_reg, &r) && r.ok)
		packet_hex_bytes(p, &r.value, size);
	else
		for (u32 i = 0; i < size; i++)
			packet_text(p, "xx");
}

static bool set_reg(struct vcpu *v, u32 cpu, u32 reg, const char **s)
{
	struct request r = {.reg = reg, .write = true};
	u8 bytes[16];
	u32 size = regs_size(reg);

	if (!size || packet_get_bytes(s, bytes, size) != size)
		return false;
	memcpy(&r.value, bytes, size < sizeof(r.value) ? size : sizeof(r.value));
	return world_call(v, cpu, on_reg, &r) && r.ok;
}

void access_read_regs(struct vcpu *v, u32 cpu)
{
	struct packet_out *p = link_start();

	for (u32 i = 0; i < REGS_COUNT; i++)
		put_reg(v, cpu, p, i);
	link_send();
}

/* Those that cannot be set stay as they are. */
void access_write_regs(struct vcpu *v, u32 cpu, const char *s)
{
	for (u32 i = 0; i < REGS_COUNT && *s; i++)
		if (!set_reg(v, cpu, i, &s))
			while (*s == 'x')
				s++;
	link_answer(true);
}

void access_reg(struct vcpu *v, u32 cpu, const char *s, bool write)
{
	u64 reg;

	if (!packet_get_number(&s, &reg) || reg >= REGS_COUNT) {
		link_answer(false);
	} else if (write) {
		link_answer(packet_get_char(&s, '=') && set_reg(v, cpu, (u32)reg, &s));
	} else {
		put_reg(v, cpu, link_start(), (u32)reg);
		link_send();
	}
}

void access_memory(struct vcpu *v, u32 cpu, const char *s, bool write, bool physical)
{
	static u8 bytes[ACCESS_MAX];
	struct request r = {.bytes = bytes, .write = write, .physical = physical};
	u64 n;

	if (!packet_get_number(&s, &r.linear) || !packet_get_char(&s, ',') ||
	    !packet_get_number(&s, &n)) {
		link_answer(false);
		return;
	}
	r.n = n < ACCESS_MAX ? n : ACCESS_MAX;
	if (write && (!packet_get_char(&s, ':') || packet_get_bytes(&s, bytes, r.n) != n)) {
		link_answer(false);
		return;
	}
	if (!world_call(v, cpu, on_memory, &r) || (n && !r.n) || (write && r.n != n)) {
		link_answer(false);
	} else if (write) {
		link_answer(true);
	} else {
		packet_hex_bytes(link_start(), bytes, r.n);
		link_send();
	}
}
