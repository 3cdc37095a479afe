/* SPDX-License-Identifier: MIT */
#include "tools/trace/trace.h"

#include <string.h>

const char *trace_exit_name(u32 kind)
{
	static const char *const name[] = {
#define EXIT_KIND(name, text) #name,
#include "hv/exit_kinds.def"
#undef EXIT_KIND
	};

	return kind < ARRAY_SIZE(name) ? name[kind] : "?";
}

static const char *cr_name(const struct trace_item *i)
{
	static const char *const name[] = {"MOV to CR", "MOV from CR", "CLTS", "LMSW"};

	return name[i->sub & TRACE_CR_ACCESS];
}

/* As Linux numbers them for 64-bit programs; NULL: it has no such call. */
static const char *syscall_name(u64 number)
{
	static const char *const name[] = {
#define SYSCALL(number, name) [number] = name,
#include "tools/trace/syscalls.def"
#undef SYSCALL
	};

	return number < ARRAY_SIZE(name) ? name[number] : NULL;
}

const char *trace_name(const struct trace_item *i)
{
	static const char *const start[] = {"INIT sent", "SIPI sent", "INIT", "SIPI"};
	/* as enum verdict of verdict/verdict.h has them */
	static const char *const verdict[] = {"ok", "guest", "platform", "Lamina", "undecided"};
	static const char *const hypapp[] = {"hypapp",	 "stats", "gdb", "hello", "crwatch",
					     "msrwatch", "vault", "wx",	 "step",  "syscalls"};

	switch (i->kind) {
	case TRACE_EXIT: return trace_exit_name(i->sub);
	case TRACE_CR: return cr_name(i);
	case TRACE_VERDICT: return i->sub < ARRAY_SIZE(verdict) ? verdict[i->sub] : "verdict";
	case TRACE_START: return i->sub < ARRAY_SIZE(start) ? start[i->sub] : "start";
	case TRACE_NMI: return "NMI to the guest";
	case TRACE_HYPAPP:
		if (i->sub == TRACE_SYSCALLS && syscall_name(i->r.value[0]))
			return syscall_name(i->r.value[0]);
		return i->sub < ARRAY_SIZE(hypapp) ? hypapp[i->sub] : "hypapp";
	default: return "?";
	}
}

const char *trace_category(const struct trace_item *i)
{
	static const char *const name[TRACE_KINDS] = {
		[TRACE_EXIT] = "exit",	 [TRACE_CR] = "cr",   [TRACE_VERDICT] = "verdict",
		[TRACE_START] = "start", [TRACE_NMI] = "nmi", [TRACE_HYPAPP] = "hypapp",
	};

	return i->kind < TRACE_KINDS ? name[i->kind] : "?";
}

const char *trace_value_name(const struct trace_item *i, u32 v)
{
	static const char *const name[TRACE_KINDS][TRACE_VALUES] = {
		[TRACE_CR] = {"hw", "owned", "shadow", "value", "cr"},
		[TRACE_VERDICT] = {"cr", "bits", "dropped", "hw", "owned"},
		[TRACE_START] = {"vector", "cpu"},
		[TRACE_HYPAPP] = {"id", "a", "b", "c"},
	};

	static const char *const exit[TRACE_EXITS][2] = {
		[TRACE_EXIT_RDMSR] = {"msr"},
		[TRACE_EXIT_WRMSR] = {"msr", "value"},
		[TRACE_EXIT_SLAT] = {"address"},
		[TRACE_EXIT_HYPERCALL] = {"eax"},
	};

	static const char *const syscall[TRACE_VALUES] = {"number", "rdi", "rsi", "rdx"};

	if (i->kind == TRACE_HYPAPP && i->sub == TRACE_SYSCALLS)
		return v < TRACE_VALUES ? syscall[v] : NULL;
	if (i->kind == TRACE_EXIT)
		return i->sub < TRACE_EXITS && v < 2 ? exit[i->sub][v] : NULL;
	return i->kind < TRACE_KINDS && v < TRACE_VALUES ? name[i->kind][v] : NULL;
}
