/* SPDX-License-Identifier: MIT */
#include "core/core.h"
#include "hv/hypapp.h"
#include "lib/string.h"

bool hypapp_entry(struct vcpu *v, const struct exit *x, enum exit_answer a)
{
	if (a == EXIT_ADVANCE)
		backend->advance(v, x);
	v->entry_hook = false;
	for (const struct hypapp *const *h = hypapp_list; *h; h++)
		if ((*h)->on_entry)
			(*h)->on_entry(v);
	return false;
}

void hypapp_started(struct vcpu *v)
{
	for (const struct hypapp *const *h = hypapp_list; *h; h++)
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
