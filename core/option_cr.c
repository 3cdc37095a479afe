/* SPDX-License-Identifier: MIT */
#include "core/option_cr.h"

#include "lib/fmt.h"
#include "lib/string.h"
#include "x86/cr.h"

static bool is(const char *s, size_t len, const char *word)
{
	return strlen(word) == len && !strncmp(s, word, len);
}

static bool number(const char *s, size_t len, u64 *v)
{
	const char *end;

	return len && str_to_u64(s, &end, v) && end == s + len;
}

static bool add_term(enum crm_name name, const char *s, size_t len, struct cr_wish *w)
{
	u64 mask = 0;

	if (is(s, len, "min"))
		return true;
	if (is(s, len, "none")) {
		w->forced_only = true;
		return true;
	}
	for (const struct crm_bit *b = crm_bits; b->name; b++)
		if (b->cr == name && is(s, len, b->name))
			mask = b->bit;
	if (is(s, len, "all"))
		mask = ~0ULL;
	else if (name == CRM_CR0 && is(s, len, "pg"))
		mask = CR0_PG;
	else if (!mask && (len < 3 || strncmp(s, "0x", 2) || !number(s, len, &mask)))
		return false;
	w->mask |= mask;
	return true;
}

static size_t span(const char *s, size_t len, char stop)
{
	size_t n = 0;

	while (n < len && s[n] != stop)
		n++;
	return n;
}

bool option_cr_own(enum crm_name name, const char *s, size_t len, struct cr_wish wish[MAX_CPUS])
{
	size_t terms = span(s, len, '@');
	u64 first = 0, last = MAX_CPUS - 1;
	struct cr_wish w = {0};

	if (terms < len) {
		if (!number(s + terms + 1, len - terms - 1, &first) || first >= MAX_CPUS)
			return false;
		last = first;
	}
	for (size_t at = 0, n; at <= terms; at += n + 1) {
		n = span(s + at, terms - at, '+');
		if (!add_term(name, s + at, n, &w))
			return false;
	}
	for (u64 i = first; i <= last; i++)
		wish[i] = w;
	return true;
}
