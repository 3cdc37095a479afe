/* SPDX-License-Identifier: MIT */
/*
 * Programs as text: a step is [u|v]KIND[VALUE][.REGISTER], numbers hexadecimal; steps are joined by
 * commas. w0=80000011 w3= w4=  MOV to CR       r0 r3 r4  MOV from CR m=f  LMSW     c  CLTS     s
 * SMSW     a=d8  VMRUN     E=900  write EFER     e  read EFER j=64  j=32  jump to code of that size
 * u is for CPL 3, v for virtual-8086 mode.
 */
#include "testkernel/crprog.h"
#include "lib/fmt.h"

struct kind {
	char letter;
	bool has_cr, has_value;
};

static const struct kind kinds[CRP_KINDS] = {
	[CRP_READ] = {'r', true, false},       [CRP_WRITE] = {'w', true, true},
	[CRP_SMSW] = {'s', false, false},      [CRP_LMSW] = {'m', false, true},
	[CRP_CLTS] = {'c', false, false},      [CRP_SVM] = {'a', false, true},
	[CRP_READ_EFER] = {'e', false, false}, [CRP_WRITE_EFER] = {'E', false, true},
	[CRP_CODE] = {'j', false, true},
};

void crp_word(const struct crp_step *s, char *text, size_t size)
{
	static const char *const rings[] = {[CRX_KERNEL] = "", [CRX_CPL3] = "u", [CRX_V86] = "v"};
	const struct kind *k = &kinds[s->kind];
	char cr[4] = "", value[24] = "", reg[8] = "";

	if (k->has_cr)
		fmt(cr, sizeof(cr), "%x", s->cr);
	if (k->has_value)
		fmt(value, sizeof(value), "=%" FMT64 "x", s->value);
	if (s->reg)
		fmt(reg, sizeof(reg), ".%x", s->reg);
	fmt(text, size, "%s%c%s%s%s", rings[s->ring], k->letter, cr, value, reg);
}

static bool hex(const char **text, u64 *v)
{
	const char *p = *text;

	for (*v = 0;; p++) {
		u32 digit = *p >= '0' && *p <= '9' ? (u32)(*p - '0') : (u32)(*p - 'a') + 10;

		if (digit > 15)
			break;
		*v = *v << 4 | digit;
	}
	if (p == *text)
		return false;
	*text = p;
	return true;
}

static bool find_kind(char letter, u8 *kind)
{
	for (*kind = 0; *kind < CRP_KINDS; ++*kind)
		if (kinds[*kind].letter == letter)
			return true;
	return false;
}

bool crp_parse(const char **text, struct crp_step *s)
{
	const char *p = *text;
	u64 v = 0;

	*s = (struct crp_step){.ring = *p == 'u' ? CRX_CPL3 : *p == 'v' ? CRX_V86 : CRX_KERNEL};
	if (s->ring != CRX_KERNEL)
		p++;
	if (!find_kind(*p++, &s->kind))
		return false;
	if (kinds[s->kind].has_cr) {
		if (!hex(&p, &v) || v > 15)
			return false;
		s->cr = (u8)v;
	}
	if (kinds[s->kind].has_value && (*p++ != '=' || !hex(&p, &s->value)))
		return false;
	if (*p == '.') {
		p++;
		if (!hex(&p, &v) || v > 15)
			return false;
		s->reg = (u8)v;
	}
	if (*p && *p++ != ',')
		return false;
	*text = p;
	return true;
}
