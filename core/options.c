/* SPDX-License-Identifier: MIT */
#include "core/options.h"

#include "core/option_cr.h"
#include "lib/fmt.h"
#include "lib/string.h"

struct option {
	const char *name, *def, *allowed;
	enum { OPTION_WORD, OPTION_CR, OPTION_HYPAPP } kind;
	u32 cr; /* OPTION_CR: the register; OPTION_WORD: a word at `offset` of struct options */
	size_t offset;
};

static const struct option table[] = {
#define OPTION(name, def, allowed, help) \
	{#name, def, allowed, OPTION_WORD, 0, offsetof(struct options, name)},
#define CR_OPTION(cr, name, def, allowed, help)		{name, def, allowed, OPTION_CR, cr, 0},
#define HYPAPP_OPTION(hypapp, name, def, allowed, help) {name, def, allowed, OPTION_HYPAPP, 0, 0},
#include "core/options.def"
};

static const char names[] =
#define OPTION(name, def, allowed, help)	" " #name
#define CR_OPTION(cr, name, def, allowed, help) " " name
#include "core/options.def"
	" and those of hypapps";

/* What a word stands for where that is not its position among the allowed ones. */
static const struct {
	const char *option, *word;
	u32 value;
} meanings[] = {
	{"drive", "hd0", 0x80},	   {"drive", "hd1", 0x81},    {"drive", "fd0", 0},
	{"serial", "com1", 0x3f8}, {"serial", "com2", 0x2f8}, {"serial", "off", 0},
};

/* A piece of text that ends at its length, not at a NUL. */
struct word {
	const char *s;
	size_t len;
};

static bool word_is(struct word w, const char *s)
{
	return strlen(s) == w.len && !strncmp(w.s, s, w.len);
}

static u32 meaning(const struct option *opt, struct word value, u32 position)
{
	for (size_t i = 0; i < ARRAY_SIZE(meanings); i++) {
		if (!strcmp(meanings[i].option, opt->name) && word_is(value, meanings[i].word))
			return meanings[i].value;
	}
	return position;
}

/* A number for an alternative such as 0xNN: one byte; 0xPORT: two. */
static bool number(struct word value, struct word alternative, u32 *out)
{
	u64 max = word_is(alternative, "0xNN") ? 0xff : 0xffff;
	const char *end;
	u64 v;

	if (alternative.len < 2 || strncmp(alternative.s, "0x", 2) || strncmp(value.s, "0x", 2) ||
	    !str_to_u64(value.s, &end, &v) || end != value.s + value.len || v > max)
		return false;
	*out = (u32)v;
	return true;
}

static bool set_value(const struct option *opt, struct word value, struct options *o)
{
	u32 *out = (u32 *)((u8 *)o + opt->offset);
	const char *p = opt->allowed;

	if (opt->kind == OPTION_HYPAPP)
		return true;
	if (opt->kind == OPTION_CR)
		return option_cr_own(opt->cr, value.s, value.len, o->cr_own[opt->cr]);
	for (u32 position = 0;; position++) {
		const char *bar = strchr(p, '|');
		struct word alt = {p, bar ? (size_t)(bar - p) : strlen(p)};

		if (alt.len == value.len && !strncmp(alt.s, value.s, alt.len) &&
		    strncmp(alt.s, "0x", 2)) {
			*out = meaning(opt, value, position);
			return true;
		}
		if (number(value, alt, out))
			return true;
		if (!bar)
			return false;
		p = bar + 1;
	}
}

static const struct option *find(struct word name)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		if (word_is(name, table[i].name))
			return &table[i];
	}
	return NULL;
}

/* The start of a word for a message: it may be of any length and hold any bytes. */
static const char *printable(struct word w, char *buf, size_t size)
{
	size_t n = w.len < size - 1 ? w.len : size - 1;

	for (size_t i = 0; i < n; i++)
		buf[i] = w.s[i] > ' ' && w.s[i] < 0x7f ? w.s[i] : '?';
	buf[n] = 0;
	return buf;
}

static void set_option(struct word w, struct options *o, options_warn_fn warn, void *ctx)
{
	struct word name = {w.s, 0};
	struct word value = {w.s + w.len, 0};
	const struct option *opt;
	char shown[40], line[200];

	while (name.len < w.len && w.s[name.len] != '=')
		name.len++;
	if (name.len < w.len)
		value = (struct word){w.s + name.len + 1, w.len - name.len - 1};
	opt = find(name);
	if (opt && set_value(opt, value, o))
		return;
	printable(w, shown, sizeof(shown));
	if (opt)
		fmt(line, sizeof(line), "option %s ignored: allowed is %s=%s", shown, opt->name,
		    opt->allowed);
	else
		fmt(line, sizeof(line), "option %s ignored: unknown; known are%s", shown, names);
	warn(ctx, line);
}

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

void options_parse(const char *cmdline, struct options *o, options_warn_fn warn, void *ctx)
{
	const char *p = cmdline;
	bool first = true;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		set_value(&table[i], (struct word){table[i].def, strlen(table[i].def)}, o);
	while (*p) {
		struct word w = {p, 0};

		while (p[w.len] && !blank(p[w.len]))
			w.len++;
		p += w.len ? w.len : 1;
		if (!w.len)
			continue;
		if (!first || (*w.s != '/' && *w.s != '('))
			set_option(w, o, warn, ctx);
		first = false;
	}
}
