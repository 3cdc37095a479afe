/* SPDX-License-Identifier: MIT */
/*
 * secret and secret-kept: each has a page of text that nobody may find in the machine's memory once
 * it is reset or off; the first wipes it. The text is in the image in another form only.
 */
#include "core/core.h"
#include "core/page.h"
#include "hv/hypapp.h"
#include "lib/string.h"

#define MASK 0x5a

/* "lamina's test secret" */
static volatile u8 masked[] = {0x36, 0x3b, 0x37, 0x33, 0x34, 0x3b, 0x7d, 0x29, 0x7a, 0x2e,
			       0x3f, 0x29, 0x2e, 0x7a, 0x29, 0x3f, 0x39, 0x28, 0x3f, 0x2e};
static volatile u8 *page;

static err_t secret_init(u32 cpus)
{
	(void)cpus;
	page = page_alloc(1);
	if (!page)
		return "too little memory for the secret";
	for (u32 i = 0; i < PAGE_SIZE; i++)
		page[i] = masked[i % sizeof(masked)] ^ MASK;
	reset_guard();
	return OK;
}

static void secret_wipe(void)
{
	memset((u8 *)page, 0, PAGE_SIZE);
}

const struct hypapp secret_hypapp = {
	.name = "secret",
	.init = secret_init,
	.wipe = secret_wipe,
};

const struct hypapp secret_kept_hypapp = {
	.name = "secret-kept",
	.init = secret_init,
};
