/* SPDX-License-Identifier: MIT */
/* The lines that Lamina itself writes: core/cr_log.c, core/probe.c, core/panic.c. */
#include "tools/analyze/analyze.h"

#include <stdlib.h>
#include <string.h>

/* Where text is, and behind it; NULL: not there. */
static const char *skip(const char *p, const char *text)
{
	size_t n = strlen(text);

	return p && !strncmp(p, text, n) ? p + n : NULL;
}

static const char *hex(const char *p, u64 *v)
{
	const char *end = p ? analyze_number(p, v) : NULL;

	return end;
}

static bool decimal(const char **p, u32 *v)
{
	char *end;

	*v = (u32)strtoul(*p, &end, 10);
	if (end == *p)
		return false;
	*p = end;
	return true;
}

static const char *insn(const char *p, struct access *a)
{
	static const struct {
		const char *text;
		enum crm_op op;
		enum crm_name cr;
	} insns[] = {
		{"MOV CR4 ", CRM_MOV_TO, CRM_CR4},
		{"MOV CR0 ", CRM_MOV_TO, CRM_CR0},
		{"MOV from CR4 ", CRM_MOV_FROM, CRM_CR4},
		{"MOV from CR0 ", CRM_MOV_FROM, CRM_CR0},
		{"LMSW ", CRM_LMSW, CRM_CR0},
		{"CLTS ", CRM_CLTS, CRM_CR0},
	};

	for (size_t i = 0; p && i < ARRAY_SIZE(insns); i++) {
		const char *end = skip(p, insns[i].text);

		if (!end)
			continue;
		a->op = insns[i].op;
		a->cr = insns[i].cr;
		return end;
	}
	return NULL;
}

/* The owned bits that the guest sees now are not those after its last exit: neither an INIT nor a
 * line that is missing explains it. */
static bool shadow_moved(struct analysis *an, const struct access *a, u64 before)
{
	bool reset = a->cr == CRM_CR0 ? (before & ~0x10000031ULL) == 0x60000000 || before <= 0x31
				      : !before;
	u64 both;

	if (a->cpu >= MAX_CPUS || !an->last[a->cpu][a->cr].known || reset)
		return false;
	both = a->owned & an->last[a->cpu][a->cr].owned;
	return (before ^ an->last[a->cpu][a->cr].after) & both;
}

/* What Lamina itself has made of the access, with the guest before its eyes: "; verdict: NAME..."
 */
static bool judged(struct analysis *an, const char *line)
{
	static const struct {
		const char *name;
		enum verdict verdict;
	} names[] = {{"guest", V_GUEST},
		     {"platform", V_PLATFORM},
		     {"Lamina", V_LAMINA},
		     {"undecided", V_UNDECIDED}};
	const char *p = strstr(line, "; verdict: ");

	for (size_t i = 0; p && i < ARRAY_SIZE(names); i++) {
		if (!skip(p + strlen("; verdict: "), names[i].name))
			continue;
		an->said(an->ctx, names[i].verdict, line);
		return true;
	}
	return false;
}

static void found(struct analysis *an, struct access *a, u64 before, u64 after, const char *line)
{
	a->shadow_moved = shadow_moved(an, a, before);
	a->after = a->accepted ? after : before;
	if (a->cpu < MAX_CPUS) {
		an->last[a->cpu][a->cr].after = a->after;
		an->last[a->cpu][a->cr].owned = a->owned;
		an->last[a->cpu][a->cr].known = true;
	}
	if (!judged(an, line))
		an->found(an->ctx, a, &an->facts);
}

/* [unexpected exit, ]cpu 1 9700:1033 MOV CR0 BEFORE -> AFTER hw H owned O shadow S: VERDICT */
static bool exit_line(struct analysis *an, const char *p)
{
	const char *line = p;
	struct access a = {.line = an->lines, .from_lamina = true};
	const char *rest = skip(p, "unexpected exit, ");
	u64 before, after, cs;
	struct crm_cr c;

	a.unexpected = rest;
	p = skip(rest ? rest : p, "cpu ");
	if (!p || !decimal(&p, &a.cpu) || *p != ' ')
		return false;
	p = skip(hex(p + 1, &cs), ":");
	p = insn(skip(hex(p, &a.rip), " "), &a);
	if (!p)
		return skip(rest, "cpu ") != NULL;
	p = skip(hex(p, &before), " -> ");
	p = skip(hex(p, &after), " hw ");
	p = skip(hex(p, &a.hw), " owned ");
	p = skip(hex(p, &a.owned), " shadow ");
	p = skip(hex(p, &a.shadow), ": ");
	if (!p) {
		an->damaged++;
		return false;
	}
	a.cs = (u32)cs;
	a.has = HAS_CPU | HAS_RIP | HAS_HW | HAS_OWNED | HAS_SHADOW | HAS_VALUE;
	a.accepted = !strncmp(p, "accepted", 8);
	a.value = after;
	c = (struct crm_cr){.hw = a.hw, .shadow = a.shadow, .owned = a.owned};
	if (crm_read(&c) != before) { /* a line that lost characters */
		an->damaged++;
		return false;
	}
	found(an, &a, before, after, line);
	return true;
}

/* probe: cpu 1: platform leaks CR4.VMXE: read 2020, due 20 (12 of 768), and its like */
static bool probe_line(struct analysis *an, const char *p)
{
	const char *leaks = strstr(p, "leaks CR");
	enum crm_name cr = leaks && leaks[8] == '0' ? CRM_CR0 : CRM_CR4;
	const char *read = leaks ? strstr(leaks, "read ") : NULL;
	u64 was, due;

	an->probe_lines++;
	if (!strstr(p, ": platform "))
		return true;
	if (read && (read = skip(hex(read + 5, &was), ", due ")) && hex(read, &due))
		an->facts.leaks[cr] |= was ^ due;
	else
		an->facts.breaks_l2 = true;
	an->said(an->ctx, V_PLATFORM, p);
	return true;
}

bool analyze_lamina(struct analysis *an, const char *line)
{
	const char *p;

	if (strstr(line, " CPUs, ") && strstr(line, ", CPUs are started by")) {
		an->facts.amd = strstr(line, "AMD-V");
		return true;
	}
	if ((p = skip(line, "probe: ")))
		return probe_line(an, p);
	/* by a reset, or as a panic */
	if (strstr(line, "(triple fault) at RIP ")) {
		an->said(an->ctx, strstr(line, "the guest shut CPU") ? V_GUEST : V_PLATFORM, line);
		return true;
	}
	if (skip(line, "PANIC on CPU ")) {
		an->said(an->ctx, V_LAMINA, line);
		return true;
	}
	return exit_line(an, line);
}
