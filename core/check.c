/* SPDX-License-Identifier: MIT */
#include "core/check.h"

#include "lib/fmt.h"

void check_that(struct check *c, bool ok, const char *f, ...)
{
	char text[120], line[140];
	va_list ap;

	if (ok)
		return;
	c->violations++;
	va_start(ap, f);
	fmt_va(text, sizeof(text), f, ap);
	va_end(ap);
	fmt(line, sizeof(line), "CHECK FAILED: %s", text);
	c->emit(line);
}

bool check_pat(u64 pat)
{
	for (u32 i = 0; i < 8; i++) {
		u8 type = (u8)(pat >> 8 * i);

		if (type > 7 || type == 2 || type == 3)
			return false;
	}
	return true;
}
