/* SPDX-License-Identifier: MIT */
#include "hypapp/gdb/option.h"

#include "hypapp/gdb/brk.h"
#include "hypapp/gdb/packet.h"
#include "lib/string.h"

struct text {
	const char *s;
	size_t len;
};

static bool eat(struct text *t, const char *word)
{
	size_t n = strlen(word);

	if (t->len < n || strncmp(t->s, word, n))
		return false;
	t->s += n;
	t->len -= n;
	return true;
}

static bool eat_number(struct text *t, u32 base, u64 *out)
{
	size_t start = t->len;

	*out = 0;
	while (t->len) {
		int digit = packet_hex(*t->s);

		if (digit < 0 || digit >= (int)base || *out > (~0ULL - (u64)digit) / base)
			break;
		*out = *out * base + (u64)digit;
		t->s++;
		t->len--;
	}
	return start != t->len;
}

static bool cpu_part(struct text *t, struct break_option *out)
{
	u64 cpu;

	if (!eat(t, "@") || eat(t, "all"))
		return true;
	if (eat(t, "sipi")) {
		out->at_start = true;
		return true;
	}
	if (!eat_number(t, 10, &cpu) || cpu >= MAX_CPUS)
		return false;
	out->cpu = (u32)cpu;
	return true;
}

size_t option_break(const char *s, size_t len, struct break_option *out)
{
	struct text t = {s, len};

	*out = (struct break_option){.cpu = BRK_ALL};
	if (eat(&t, "sipi")) {
		out->at_start = true;
	} else {
		eat(&t, "0x");
		out->has_address = eat_number(&t, 16, &out->linear);
		if (!out->has_address || !cpu_part(&t, out))
			return 0;
	}
	if (t.len && !eat(&t, ",") && !eat(&t, "+"))
		return 0;
	return len - t.len;
}

u16 option_port(const char *s, size_t len)
{
	struct text t = {s, len};
	u64 port;

	if (eat(&t, "com1") && !t.len)
		return 0x3f8;
	if (eat(&t, "com2") && !t.len)
		return 0x2f8;
	if (!eat(&t, "0x") || !eat_number(&t, 16, &port) || t.len || port > 0xfff8)
		return 0;
	return (u16)port;
}
