/* SPDX-License-Identifier: MIT */
#include "core/core.h"
#include "core/option_cr.h"
#include "core/serial.h"
#include "core/world.h"
#include "hv/hypapp.h"
#include "hv/hypercall.h"
#include "hypapp/service/timer.h"
#include "hypapp/service/watch.h"
#include "lib/string.h"
#include "x86/insn.h"

#define NS_OF(number) ((number) & ~(u32)HC_NS_CALLS)

/* Each hypapp that runs, as h. */
#define FOR_CHOSEN(h) for (const struct hypapp *const *h = hypapp_chosen; *h; h++)

_Atomic u32 hypapp_kinds;

static bool is_name(const struct hypapp *h, const char *s, size_t len)
{
	return strlen(h->name) == len && !strncmp(h->name, s, len);
}

static bool is_separator(char c)
{
	return c == ',' || c == '+';
}

/* Cuts the first word off a list, which ends at *left bytes; returns its length. */
static size_t cut_word(const char **list, size_t *left, const char **word)
{
	size_t len = 0;

	*word = *list;
	while (len < *left && !is_separator((*list)[len]))
		len++;
	*list += len < *left ? len + 1 : len;
	*left -= len < *left ? len + 1 : len;
	return len;
}

static bool in_list(const char *list, size_t left, const struct hypapp *h)
{
	const char *word;

	while (left) {
		size_t len = cut_word(&list, &left, &word);

		if (is_name(h, word, len))
			return true;
	}
	return false;
}

static bool exists(const char *word, size_t len)
{
	for (const struct hypapp *const *h = hypapp_list; *h; h++)
		if (is_name(*h, word, len))
			return true;
	return len == 4 && !strncmp(word, "none", len);
}

static void warn_unknown(const char *list, size_t left)
{
	const char *word;

	for (u32 n = 1; left; n++) {
		size_t len = cut_word(&list, &left, &word);

		if (!exists(word, len))
			say("warning: option hypapps: there is no hypapp by name number %u", n);
	}
}

/* As with the other options the last one counts. */
static const char *last_option(const char *name, const char *value, size_t *len)
{
	const char *next;
	size_t n;

	*len = strlen(value);
	for (u32 i = 0; (next = hypapp_option(name, i, &n)); i++) {
		value = next;
		*len = n;
	}
	return value;
}

u64 hypapps_pages(void)
{
	size_t len;
	const char *list = last_option("hypapps", "stats", &len);
	u64 pages = 0;

	for (const struct hypapp *const *h = hypapp_list; *h; h++)
		if ((*h)->pages && in_list(list, len, *h))
			pages += (*h)->pages();
	return pages;
}

err_t hypapps_init(u32 cpus)
{
	size_t len;
	const char *list = last_option("hypapps", "stats", &len);
	u32 chosen = 0;

	warn_unknown(list, len);
	for (const struct hypapp *const *h = hypapp_list; *h; h++) {
		err_t err = OK;

		if (!(*h)->always && !in_list(list, len, *h))
			continue;
		hypapp_chosen[chosen++] = *h;
		if ((*h)->init)
			err = (*h)->init(cpus);
		if (err)
			return err;
	}
	return OK;
}

void hypapp_want(u32 kinds)
{
	atomic_fetch_or(&hypapp_kinds, kinds);
}

void hypapps_woken(void)
{
	world_forget();
	timer_forget();
}

enum exit_answer hypapps_on_exit(struct vcpu *v, const struct exit *x)
{
	enum exit_answer a = EXIT_PASS;

	if (timer_is_due(v, x))
		FOR_CHOSEN (h)
			if ((*h)->on_timer)
				(*h)->on_timer(v);
	FOR_CHOSEN (h)
		if (a == EXIT_PASS && (*h)->on_exit)
			a = (*h)->on_exit(v, x);
	return a == EXIT_PASS ? watch_on_exit(v, x) : a;
}

bool hypapps_on_cr(struct vcpu *v, const struct cr_change *c)
{
	FOR_CHOSEN (h)
		if ((*h)->on_cr && !(*h)->on_cr(v, c))
			return false;
	return true;
}

/* The name of the hypapp that is number ECX of those that run. */
static enum exit_answer hc_hypapp(struct vcpu *v)
{
	u32 name[3] = {0}, i = 0;

	FOR_CHOSEN (h)
		if (i++ == (u32)v->gpr[GPR_RCX])
			memcpy(name, (*h)->name,
			       strlen((*h)->name) < sizeof(name) ? strlen((*h)->name)
								 : sizeof(name));
	v->gpr[GPR_RAX] = name[0] ? 0 : HC_ERANGE;
	v->gpr[GPR_RBX] = name[0];
	v->gpr[GPR_RCX] = name[1];
	v->gpr[GPR_RDX] = name[2];
	return EXIT_ADVANCE;
}

enum exit_answer hypapps_on_hypercall(struct vcpu *v, u32 number)
{
	enum exit_answer a = EXIT_PASS;

	if (number == HC_HYPAPP)
		return hc_hypapp(v);
	FOR_CHOSEN (h)
		if (a == EXIT_PASS && (*h)->hypercalls == NS_OF(number) && (*h)->hypercall)
			a = (*h)->hypercall(v, number);
	return a;
}

void hypapps_report(emit_fn emit)
{
	FOR_CHOSEN (h)
		if ((*h)->report)
			(*h)->report(emit);
}

bool hypapps_wipe(struct vcpu *v)
{
	bool any = false, held = !v || world_is_mine(v);

	FOR_CHOSEN (h)
		any |= (*h)->wipe != NULL;
	if (any && !held)
		world_stop(v);
	FOR_CHOSEN (h)
		if ((*h)->wipe)
			(*h)->wipe();
	if (any) /* a reset forgets what is in the caches: the zeros */
		wbinvd();
	return any && !held;
}

bool hypapp_entry(struct vcpu *v, const struct exit *x, enum exit_answer a)
{
	if (a == EXIT_ADVANCE)
		backend->advance(v, x);
	v->entry_hook = false;
	FOR_CHOSEN (h)
		if ((*h)->on_entry)
			(*h)->on_entry(v);
	return false;
}

void hypapp_started(struct vcpu *v)
{
	FOR_CHOSEN (h)
		if ((*h)->on_start)
			(*h)->on_start(v);
}

const char *hypapp_option(const char *name, u32 n, size_t *len)
{
	const char *p = machine.boot.cmdline;
	size_t wide = strlen(name);

	for (bool start = true; *p; start = *p++ == ' ') {
		if (!start || strncmp(p, name, wide) || p[wide] != '=' || n--)
			continue;
		p += wide + 1;
		for (*len = 0; p[*len] && p[*len] != ' ';)
			++*len;
		return p;
	}
	return NULL;
}

bool hypapp_option_is(const char *name, const char *word)
{
	size_t len;
	const char *value = last_option(name, "", &len);

	return len == strlen(word) && !strncmp(value, word, len);
}

bool hypapp_option_number(const char *name, u64 *out)
{
	size_t len;
	const char *end, *value = last_option(name, "", &len);
	u64 n;
	bool ok = len && str_to_u64(value, &end, &n) && end == value + len;

	if (ok)
		*out = n;
	else if (len)
		say("warning: option %s ignored: no number", name);
	return ok;
}

bool hypapp_option_bits(const char *name, enum crm_name cr, u64 *out)
{
	struct cr_wish wish[MAX_CPUS];
	size_t len;
	const char *value = last_option(name, "", &len);
	bool ok = len && option_cr_own(cr, value, len, wish);

	if (ok)
		*out = wish[0].mask;
	else if (len)
		say("warning: option %s ignored: no bits of %s", name,
		    cr == CRM_CR4 ? "CR4" : "CR0");
	return ok;
}
