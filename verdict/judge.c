/* SPDX-License-Identifier: MIT */
/* The judgement: what the law of CR0 and CR4 (doc/cr-model.md) makes of what is known. */
#include "verdict/verdict.h"

#include <stdarg.h>

#include "lib/fmt.h"
#include "lib/string.h"
#include "x86/cr.h"

#define X "%" FMT64 "x"

const char *bit_names(enum crm_name cr, u64 mask, char *buf, size_t size)
{
	size_t at = 0;

	fmt(buf, size, "nothing");
	for (const struct crm_bit *b = crm_bits; b->name && at < size; b++) {
		if (b->cr != cr || !(mask & b->bit))
			continue;
		at += (size_t)fmt(buf + at, size - at, "%s%s", at ? "+" : "", b->name);
		mask &= ~b->bit;
	}
	if (mask && at < size)
		fmt(buf + at, size - at, "%s0x" X, at ? "+" : "", mask);
	return buf;
}

const char *verdict_name(enum verdict v, const struct machine_facts *m)
{
	static const char *const name[V_COUNT] = {"ok", "guest", "platform", "Lamina", "undecided"};

	if (v != V_PLATFORM)
		return name[v];
	if (!m->l0)
		return m->emulator ? "platform: CPU or emulator" : "platform";
	if (m->l0_user == m->l0_kernel)
		return "platform: L0";
	return m->l0_user ? "platform: L0 userspace" : "platform: L0 kernel";
}

static bool has(const struct access *a, u64 what)
{
	return (a->has & what) == what;
}

/* Bits that Lamina never lets a guest have. */
static u64 hidden(const struct access *a)
{
	return crm_class(a->cr, CRM_HIDDEN) & ~a->shown;
}

u64 followed_bits(const struct access *a)
{
	return (a->value ^ a->shadow) & a->owned & ~(a->value ^ a->hw);
}

/* The hidden bits that a write would set. */
static u64 hidden_set(const struct access *a)
{
	return (a->value ^ a->shadow) & a->owned & a->value & hidden(a);
}

bool is_odd(const struct access *a)
{
	u64 shown = (a->shadow & a->owned) | (a->accepted ? a->after : 0);
	u64 written = has(a, HAS_VALUE) ? followed_bits(a) | hidden_set(a) : 0;

	return a->unexpected || a->shadow_moved || a->hw_moved || written || (shown & hidden(a));
}

__attribute__((format(printf, 3, 4))) static void is(struct judgement *out, enum verdict v,
						     const char *f, ...)
{
	va_list args;

	va_start(args, f);
	out->verdict = v;
	fmt_va(out->evidence, sizeof(out->evidence), f, args);
	va_end(args);
}

static struct crm_cr state(const struct access *a)
{
	return (struct crm_cr){.hw = a->hw, .shadow = a->shadow, .owned = a->owned};
}

/* Does the state that Lamina keeps break its own model? */
static bool lamina_wrong(const struct access *a, const struct machine_facts *m,
			 struct judgement *out)
{
	u64 shown = has(a, HAS_OWNED | HAS_SHADOW) ? a->shadow & a->owned & hidden(a) : 0;
	bool vmx = a->cr == CRM_CR4 && !m->amd && has(a, HAS_OWNED | HAS_HW);
	char names[80];

	if (shown)
		is(out, V_LAMINA,
		   "the read shadow " X " shows the guest %s, which it must never see (S15)",
		   a->shadow, bit_names(a->cr, shown, names, sizeof(names)));
	else if (vmx && (a->owned & CR4_VMXE) && !(a->hw & CR4_VMXE))
		is(out, V_LAMINA, "the real CR4 " X " lacks VMXE, which VT-x demands (F8, S10)",
		   a->hw);
	else if (a->from_lamina && a->accepted && (a->after & hidden(a)))
		is(out, V_LAMINA, "a write of " X " was accepted, with %s hidden (G9)", a->after,
		   bit_names(a->cr, a->after & hidden(a), names, sizeof(names)));
	else if (a->shadow_moved)
		is(out, V_LAMINA,
		   "owned bits changed from one exit to the next without an exit (L3)");
	else
		return false;
	return true;
}

/* Bits of the real value that Lamina owns are not as it set them. */
static bool real_moved(const struct access *a, struct judgement *out)
{
	char names[80];

	if (!a->hw_moved)
		return false;
	out->bits = a->hw_moved;
	is(out, V_PLATFORM, "the real value " X " has %s changed, which is owned " X " (L3)", a->hw,
	   bit_names(a->cr, a->hw_moved, names, sizeof(names)), a->owned);
	return true;
}

/* The guest's last read was not what the state gives; all known. */
static bool read_wrong(const struct access *a, struct judgement *out)
{
	struct crm_cr c = state(a);
	char names[80];

	if (!has(a, HAS_READ | HAS_HW | HAS_OWNED | HAS_SHADOW) || a->read == crm_read(&c))
		return false;
	out->bits = a->read ^ crm_read(&c);
	is(out, V_PLATFORM,
	   "the guest read " X ", due " X " = (hw " X " & ~owned " X ") | (shadow " X
	   " & owned): %s leaked (L1, %s)",
	   a->read, crm_read(&c), a->hw, a->owned, a->shadow,
	   bit_names(a->cr, a->read ^ crm_read(&c), names, sizeof(names)),
	   a->cr == CRM_CR4 ? "S1" : "S2");
	return true;
}

/* The write has hidden bits that the guest was never shown: did it set them itself? */
static void judge_hidden(const struct access *a, const struct machine_facts *m, u64 bad,
			 struct judgement *out)
{
	char names[80];

	out->bits = bad;
	bit_names(a->cr, bad, names, sizeof(names));
	if (has(a, HAS_READ)) {
		if (a->read & bad)
			is(out, V_PLATFORM,
			   "the guest read " X ", with %s, which the shadow " X
			   " hides, and wrote " X " (L1, S1)",
			   a->read, names, a->shadow, a->value);
		else
			is(out, V_GUEST,
			   "it read " X ", without %s, and wrote " X ": it set the bit itself (G9)",
			   a->read, names, a->value);
	} else if (has(a, HAS_HW) && a->from_lamina && !(bad & a->hw)) {
		is(out, V_GUEST, "nothing has %s set, it set the bit itself: value " X " (G9)",
		   names, a->value);
	} else if (has(a, HAS_CODE) && !(bad & ~a->sets)) {
		is(out, V_GUEST, "its code sets %s itself: value " X " (G9)", names, a->value);
	} else if (has(a, HAS_CODE) && (bad & ~a->sets)) {
		is(out, V_PLATFORM,
		   "its code sets only " X ", and wrote " X
		   ": it must have read %s, which the shadow " X " hides (L1, S1)",
		   a->sets, a->value, names, a->shadow);
	} else if (m->leaks[a->cr] & bad) {
		is(out, V_PLATFORM,
		   "the guest wrote " X " with %s, which the shadow " X
		   " hides and the probe found leaking (S1)",
		   a->value, names, a->shadow);
	} else {
		is(out, V_UNDECIDED,
		   "the guest wrote " X " with %s, hidden by the shadow " X
		   ": it was shown the bit, or set it itself",
		   a->value, names, a->shadow);
		out->need =
			"what the guest read before (a register, or the code from MOV from CR to MOV to CR), "
			"or the probe's report of this machine";
	}
}

static void judge_write(const struct access *a, const struct machine_facts *m,
			struct judgement *out)
{
	struct crm_cr c = state(a);
	u64 bad = hidden_set(a);
	u64 got = has(a, HAS_CODE | HAS_HW) ? followed_bits(a) & ~a->sets & ~a->clears : 0;
	char names[80];

	if (!has(a, HAS_VALUE)) {
		is(out, V_UNDECIDED, "the value written is not in the log");
		out->need = "the value (proposed=, or the source register)";
	} else if (!has(a, HAS_OWNED | HAS_SHADOW)) {
		is(out, V_UNDECIDED,
		   "a write of " X "%s, but not which bits were owned and what their shadow was",
		   a->value, a->value & hidden(a) ? " with a hidden bit" : "");
		out->need =
			!has(a, HAS_OWNED)
				? "mask and read shadow of that CPU at that exit, and what the guest "
				  "read before (VMCS 6000h to 6006h)"
				: "the read shadow of that CPU at that exit (VMCS 6004h, 6006h)";
	} else if (!a->from_lamina && !m->amd && !crm_write_exits(&c, a->value)) {
		is(out, V_PLATFORM,
		   "(value " X " ^ shadow " X ") & owned " X
		   " = 0: there is no reason for an exit (L2)",
		   a->value, a->shadow, a->owned);
	} else if (bad) {
		judge_hidden(a, m, bad, out);
	} else if (got) {
		out->bits = got;
		is(out, V_PLATFORM,
		   "its code leaves %s as read, and wrote " X ": it was shown what the shadow " X
		   " hides (L1, S2)",
		   bit_names(a->cr, got, names, sizeof(names)), a->value, a->shadow);
	} else {
		is(out, V_OK, "the guest changed %s, which Lamina owns: the exit is due (L2)",
		   bit_names(a->cr, (a->value ^ a->shadow) & a->owned, names, sizeof(names)));
	}
}

void judge(const struct access *a, const struct machine_facts *m, struct judgement *out)
{
	memset(out, 0, sizeof(*out));
	if (lamina_wrong(a, m, out) || real_moved(a, out) || read_wrong(a, out))
		return;
	if (a->unexpected)
		is(out, V_PLATFORM,
		   "Lamina's model has no exit here: owned " X ", shadow " X
		   ", and the guest now reads " X " (L2)",
		   a->owned, a->shadow, a->after);
	else if (a->op == CRM_MOV_TO)
		judge_write(a, m, out);
	else
		is(out, V_OK, "nothing speaks against it");
}
