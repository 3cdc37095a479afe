/* SPDX-License-Identifier: MIT */
/*
 * Disassembly in a log: from MOV from CR over what is done to the register to MOV to CR. It tells
 * which bits the guest can have set itself; all others of the value it has read. In the syntax of
 * AT&T or Intel.
 */
#include "tools/analyze/analyze.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static bool is_reg(const char *s)
{
	static const char *const name[] = {"ax", "bx", "cx", "dx", "si", "di", "bp", "sp"};

	if (*s != 'e' && *s != 'r')
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(name); i++)
		if (!strncmp(s + 1, name[i], 2) && !isalnum((unsigned char)s[3]))
			return true;
	return false;
}

/* The operands behind a mnemonic, without '%', '$' and blanks, in the order of AT&T: source,
 * destination. */
struct operands {
	char src[24], dst[24];
};

static void take(const char **p, char out[24])
{
	size_t n = 0;

	for (; **p && **p != ',' && **p != '|' && **p != ';' && **p != '#'; (*p)++)
		if (!strchr("%$ \t", **p) && n < 23)
			out[n++] = **p;
		else if (**p == ' ' && n)
			break;
	out[n] = 0;
}

static bool operands(const char *p, struct operands *o)
{
	bool att = strchr(p, '%') || strchr(p, '$');
	char a[24], b[24];

	take(&p, a);
	while (*p == ' ' || *p == '\t')
		p++;
	if (*p != ',')
		return false;
	p++;
	while (*p == ' ' || *p == '\t')
		p++;
	take(&p, b);
	memcpy(o->src, att ? a : b, sizeof(a));
	memcpy(o->dst, att ? b : a, sizeof(b));
	return true;
}

/* The place of a word with blanks around it, and behind it: the operands. */
static const char *mnemonic(const char *line, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = strstr(line, word); p; p = strstr(p + 1, word)) {
		bool starts = p == line || !isalnum((unsigned char)p[-1]);
		const char *end = p[n] == 'l' || p[n] == 'q' ? p + n + 1 : p + n;

		if (starts && (*end == ' ' || *end == '\t'))
			return end;
	}
	return NULL;
}

static bool move(struct analysis *an, const struct operands *o)
{
	for (enum crm_name cr = CRM_CR0; cr < CRM_CRS; cr++) {
		const char *name = cr == CRM_CR0 ? "cr0" : "cr4";

		if (!strcmp(o->src, name) && is_reg(o->dst)) {
			memset(&an->code[cr], 0, sizeof(an->code[cr]));
			memcpy(an->code[cr].reg, o->dst, 3);
			return true;
		}
		if (!strcmp(o->dst, name) && is_reg(o->src)) {
			an->code[cr].whole =
				!an->code[cr].lost && !strncmp(o->src, an->code[cr].reg, 3);
			return true;
		}
	}
	return false;
}

/* 16, 0x10 or 10h */
static bool immediate(const char *s, u64 *v)
{
	bool decimal = strncmp(s, "0x", 2) && !strchr(s, 'h');
	char *end;

	if (!decimal)
		return analyze_number(s, v) != NULL;
	*v = strtoull(s, &end, 10);
	return end != s && !*end;
}

/* What an instruction does to the register that was read. */
static void change(struct analysis *an, const char *what, const struct operands *o)
{
	u64 v;
	bool known = immediate(o->src, &v);

	for (enum crm_name cr = CRM_CR0; cr < CRM_CRS; cr++) {
		if (!an->code[cr].reg[0] || an->code[cr].whole ||
		    strncmp(o->dst, an->code[cr].reg, 3))
			continue;
		if (!strncmp(what, "bt", 2))
			v = known && v < 64 ? BIT(v) : 0;
		if (!known || !strcmp(what, "mov") || !strcmp(what, "xor"))
			an->code[cr].lost = true;
		else if (!strcmp(what, "or") || !strcmp(what, "bts"))
			an->code[cr].sets |= v;
		else
			an->code[cr].clears |= !strcmp(what, "and") ? (u32)~v : v;
	}
}

bool analyze_code(struct analysis *an, const char *line)
{
	static const char *const words[] = {"or", "and", "bts", "btr", "mov", "xor"};
	struct operands o;

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		const char *p = mnemonic(line, words[i]);

		if (!p || !operands(p, &o))
			continue;
		if (!strcmp(words[i], "mov") && move(an, &o))
			return true;
		if (!is_reg(o.dst))
			continue;
		change(an, words[i], &o);
		return true;
	}
	return false;
}
