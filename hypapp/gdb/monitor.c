/* SPDX-License-Identifier: MIT */
/* gdb's `monitor`: what Lamina knows besides the guest's registers and memory. */
#include "hv/backend.h"
#include "hv/hypapp.h"
#include "hv/pcpu.h"
#include "hv/world.h"
#include "hypapp/gdb/command.h"
#include "hypapp/gdb/link.h"
#include "lib/string.h"

static void show_cr(struct vcpu *v)
{
	char line[200];

	for (u32 i = 0; i < cpu_count; i++) {
		struct cr_report r = cr_report_of(v, i);

		cr_report_text(&r, i, line, sizeof(line));
		link_line(line);
	}
}

static void show_exits(void)
{
	hypapps_report(link_line);
}

static void on_dump(struct vcpu *v, void *arg)
{
	(void)arg;
	backend->dump(v, link_line);
}

/* vmcs [CPU] */
static void show_vmcs(struct vcpu *v, const char *s)
{
	u64 cpu = v->index;

	while (*s == ' ')
		s++;
	if (*s && !str_to_u64(s, &s, &cpu))
		link_line("vmcs [CPU], a number");
	else if (cpu >= cpu_count || !world_call(v, (u32)cpu, on_dump, NULL))
		link_line("this CPU cannot be asked");
}

static const char *const help[] = {
	"monitor cr               CR0 and CR4 of each CPU: hw, owned, shadow",
	"monitor exits            how many there were, of each kind",
	"monitor vmcs [CPU]       the VMCS or VMCB of the stopped CPU, or of this one",
	"monitor memory linear    gdb's addresses are the guest's linear ones (at first)",
	"monitor memory physical  gdb's addresses are guest-physical, until said otherwise",
	"monitor others stop      other CPUs stand still while one is stopped (at first)",
	"monitor others run       other CPUs go on, but for what gdb reads of them",
};

void monitor(struct vcpu *v, const char *line)
{
	if (!strcmp(line, "cr")) {
		show_cr(v);
	} else if (!strcmp(line, "exits")) {
		show_exits();
	} else if (!strncmp(line, "vmcs", 4)) {
		show_vmcs(v, line + 4);
	} else if (!strcmp(line, "memory linear") || !strcmp(line, "memory physical")) {
		command_set_physical(line[7] == 'p');
	} else if (!strcmp(line, "others stop") || !strcmp(line, "others run")) {
		command_set_others(line[7] == 's');
		if (line[7] == 'r')
			world_go(v);
		else
			world_stop(v);
	} else {
		for (size_t i = 0; i < ARRAY_SIZE(help); i++)
			link_line(help[i]);
	}
}
