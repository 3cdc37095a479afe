/* SPDX-License-Identifier: MIT */
/*
 * Logs of any hypervisor: a line that names an access begins it, and key=value pairs in whatever
 * order and spelling that follow belong to it, those before the first one to all.
 */
#include "tools/analyze/analyze.h"

#include <ctype.h>
#include <string.h>

#define LINE_MAX_CHARS 512

const char *analyze_number(const char *p, u64 *v)
{
	const char *start;
	bool prefixed = p[0] == '0' && p[1] == 'x';

	if (prefixed)
		p += 2;
	for (*v = 0, start = p; isxdigit((unsigned char)*p); p++) {
		if (p - start == 16)
			return NULL;
		*v = *v << 4 | (u64)(isdigit((unsigned char)*p) ? *p - '0' : *p - 'a' + 10);
	}
	if (p == start)
		return NULL;
	if (!prefixed && *p == 'h')
		p++;
	return isalnum((unsigned char)*p) || *p == '_' ? NULL : p;
}

static bool word(const char *line, const char *w)
{
	size_t n = strlen(w);

	for (const char *p = strstr(line, w); p; p = strstr(p + 1, w))
		if ((p == line || !isalnum((unsigned char)p[-1])) && !isalnum((unsigned char)p[n]))
			return true;
	return false;
}

static bool contains(const char *key, const char *const *words)
{
	for (; *words; words++)
		if (strstr(key, *words))
			return true;
	return false;
}

static void hints(struct machine_facts *m, const char *line)
{
	static const char *const user[] = {"set_sregs", "sync_x86_sregs", "kvmvapic", "vmport",
					   NULL};

	m->l0_user |= contains(line, user);
	m->l0_kernel |= word(line, "smi") || word(line, "rsm");
	m->l0 |= m->l0_user || word(line, "kvm") || word(line, "l0") || word(line, "nested");
	m->emulator |= word(line, "bochs") || word(line, "tcg");
	m->amd |= word(line, "svm") || word(line, "vmcb") || word(line, "amd-v");
}

/* The register that a key speaks of. */
static enum crm_name register_of(const struct analysis *an, const char *key)
{
	if (strstr(key, "cr0"))
		return CRM_CR0;
	return strstr(key, "cr4") || !an->open ? CRM_CR4 : an->now.cr;
}

static void put(struct analysis *an, enum crm_name cr, u64 what, u64 value)
{
	u64 *field = what == HAS_VALUE	  ? &an->cr[cr].value
		     : what == HAS_HW	  ? &an->cr[cr].hw
		     : what == HAS_OWNED  ? &an->cr[cr].owned
		     : what == HAS_SHADOW ? &an->cr[cr].shadow
					  : &an->cr[cr].read;

	if (an->cr[cr].fresh & what) /* what comes first is of this access, more of another */
		return;
	*field = value;
	an->cr[cr].has |= what;
	an->cr[cr].fresh |= what;
}

static u64 meaning(const char *key)
{
	static const char *const none[] = {"must", "due", "expect", "should", NULL};
	static const char *const owned[] = {"mask", "owned", NULL};
	static const char *const value[] = {"proposed", "value", "wrote", "written", "new", NULL};
	static const char *const hw[] = {"current", "real", "hw", "cr4", "cr0", NULL};

	if (contains(key, none))
		return 0;
	if (strstr(key, "shadow"))
		return HAS_SHADOW;
	if (contains(key, owned))
		return HAS_OWNED;
	if (strstr(key, "read"))
		return HAS_READ;
	if (contains(key, value))
		return HAS_VALUE;
	return contains(key, hw) ? HAS_HW : 0;
}

static bool ends_in(const char *key, const char *end)
{
	size_t n = strlen(key), e = strlen(end);

	return n >= e && !strcmp(key + n - e, end);
}

/* True: the pair has a meaning here. */
static bool pair(struct analysis *an, const char *key, u64 v)
{
	struct access *a = &an->now;
	enum crm_name cr = register_of(an, key);
	u64 what = meaning(key);

	if (ends_in(key, "cpu")) {
		an->other_cpu = an->open && (a->has & HAS_CPU) && a->cpu != (u32)v;
		a->cpu = an->other_cpu ? a->cpu : (u32)v;
		a->has |= HAS_CPU;
	} else if (an->other_cpu) {
		return false;
	} else if (word(key, "eip") || word(key, "rip") || word(key, "ip")) {
		a->cs = (u32)a->rip;
		a->rip = v;
		a->has |= HAS_RIP;
	} else if (what) {
		put(an, cr, what, v);
	} else {
		return false;
	}
	return true;
}

/* The text before a number, back to what ends a pair; "" if the number is none of a pair. */
static void key_before(const char *from, const char *number, char key[64])
{
	const char *end = number, *start;

	while (end > from && strchr(" \t=:(\"'", end[-1]))
		end--;
	for (start = end; start > from && !strchr(",;|.()&`=", start[-1]); start--)
		;
	if (end - start > 63)
		start = end - 63;
	memcpy(key, start, (size_t)(end - start));
	key[end - start] = 0;
}

/* Is there a sign before the number, which makes a pair of what is before and behind it? */
static bool marked(const char *line, const char *number)
{
	while (number > line && (number[-1] == ' ' || number[-1] == '\t'))
		number--;
	return number > line && strchr("=:(", number[-1]);
}

static u32 pairs(struct analysis *an, const char *line)
{
	const char *from = line, *end;
	u32 n = 0;
	char key[64];
	u64 v;

	for (const char *p = line; *p; p++) {
		if (p > line && (isalnum((unsigned char)p[-1]) || p[-1] == '_'))
			continue;
		if (!(marked(line, p) || (p[0] == '0' && p[1] == 'x')) ||
		    !(end = analyze_number(p, &v)))
			continue;
		key_before(from, p, key);
		n += pair(an, key, v);
		/* CS:EIP=8:6a29be: the second number is the EIP */
		if (*end == ':' && word(key, "eip") && analyze_number(end + 1, &v)) {
			pair(an, "eip", v);
			end = analyze_number(end + 1, &v);
		}
		from = p = end;
		if (!*p)
			break;
	}
	return n;
}

/* A line that names a MOV to a control register, as exits are logged, not as code is. */
static bool names_access(const char *line, enum crm_name *cr)
{
	static const char *const cr4[] = {"mov to cr4", "mov cr4,", "mov-to-cr4", "write to cr4",
					  NULL};
	static const char *const cr0[] = {"mov to cr0", "mov cr0,", "mov-to-cr0", "write to cr0",
					  NULL};

	*cr = contains(line, cr0) ? CRM_CR0 : CRM_CR4;
	return contains(line, cr0) || contains(line, cr4);
}

void analyze_close(struct analysis *an)
{
	struct access *a = &an->now;
	enum crm_name cr = a->cr;

	if (!an->open)
		return;
	an->open = false;
	a->has |= an->cr[cr].has;
	a->value = an->cr[cr].value;
	a->hw = an->cr[cr].hw;
	a->owned = an->cr[cr].owned;
	a->shadow = an->cr[cr].shadow;
	a->read = an->cr[cr].read;
	if (an->code[cr].whole) {
		a->has |= HAS_CODE;
		a->sets = an->code[cr].sets;
		a->clears = an->code[cr].clears;
	}
	an->found(an->ctx, a, &an->facts);
	for (cr = CRM_CR0; cr < CRM_CRS; cr++) {
		an->cr[cr].has &= HAS_OWNED;
		an->cr[cr].fresh = 0;
	}
	memset(an->code, 0, sizeof(an->code));
	memset(a, 0, sizeof(*a));
}

/* Two lines in a row may speak of one access: where it is, and what it is. */
static void begin(struct analysis *an, enum crm_name cr)
{
	bool same = an->open && an->now.cr == cr && !(an->cr[cr].has & HAS_VALUE) &&
		    an->lines - an->now.line <= 4;

	if (same)
		return;
	analyze_close(an);
	an->open = true;
	an->now.line = an->lines;
	an->now.op = CRM_MOV_TO;
	an->now.cr = cr;
}

void analyze_line(struct analysis *an, const char *line)
{
	const char *ours = strstr(line, "lamina: ");
	char low[LINE_MAX_CHARS];
	enum crm_name cr;
	size_t n = 0;
	bool code, known;

	an->lines++;
	an->other_cpu = false;
	if (ours) {
		an->understood += analyze_lamina(an, ours + strlen("lamina: "));
		return;
	}
	for (; line[n] && n < sizeof(low) - 1; n++)
		low[n] = (char)tolower((unsigned char)line[n]);
	low[n] = 0;
	hints(&an->facts, low);
	code = !word(low, "cpu") && analyze_code(an, low);
	known = !code && names_access(low, &cr);
	if (known)
		begin(an, cr);
	known |= pairs(an, low) > 0;
	an->understood += known || code;
}

void analyze_end(struct analysis *an)
{
	analyze_close(an);
}
