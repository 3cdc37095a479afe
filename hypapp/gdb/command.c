/* SPDX-License-Identifier: MIT */
#include "hypapp/gdb/command.h"

#include "hv/backend.h"
#include "hv/pcpu.h"
#include "hv/world.h"
#include "hypapp/gdb/access.h"
#include "hypapp/gdb/brk.h"
#include "hypapp/gdb/link.h"
#include "hypapp/gdb/regs.h"
#include "hypapp/gdb/step.h"
#include "lib/fmt.h"
#include "lib/string.h"

static struct {
	bool connected, swbreak; /* swbreak: gdb wants to be told that a breakpoint was its own */
	bool others_run, physical;
	u32 thread;	/* whose registers and memory: index */
	bool resumed;	/* the guest is to go on */
	u32 step, next; /* index + 1 of the CPU that is to step; of the one the world is for */
	enum stop why;
} g;

bool command_connected(void)
{
	return g.connected;
}

bool command_stops_others(void)
{
	return !g.others_run;
}

void command_set_others(bool stop)
{
	g.others_run = !stop;
}

void command_set_physical(bool physical)
{
	g.physical = physical;
}

/* --- threads: one for each CPU that can be asked, its index + 1 --- */

static void nothing(struct vcpu *v, void *arg)
{
	(void)v;
	(void)arg;
}

static bool reachable(struct vcpu *v, u32 cpu)
{
	return world_call(v, cpu, nothing, NULL);
}

static bool get_cpu(const char **s, u32 *cpu)
{
	u64 n;

	if (!packet_get_number(s, &n) || n > cpu_count)
		return false;
	*cpu = (u32)n;
	return true;
}

static void list_threads(struct vcpu *v)
{
	struct packet_out *p = link_start();

	for (u32 i = 0; i < cpu_count; i++)
		if (reachable(v, i)) {
			packet_text(p, p->len > 1 ? "," : "m");
			packet_number(p, i + 1);
		}
	link_send();
}

static void on_activity(struct vcpu *v, void *arg)
{
	*(u64 *)arg = backend->state_get(v, REG_ACTIVITY);
}

static void describe_thread(struct vcpu *v, const char *s)
{
	static const char *const what[] = {"runs", "halted", "shut down", "waits for a SIPI"};
	char text[40];
	u64 activity;
	u32 cpu;

	if (!get_cpu(&s, &cpu) || !cpu || !world_call(v, cpu - 1, on_activity, &activity)) {
		link_answer(false);
		return;
	}
	fmt(text, sizeof(text), "CPU %u, %s", cpu - 1, what[activity & 3]);
	packet_hex_bytes(link_start(), text, strlen(text));
	link_send();
}

static void choose_thread(const char *s, u32 stopped)
{
	bool registers = packet_get_char(&s, 'g');
	u32 cpu = 0;

	if (!registers) { /* for c and s, which gdb does not use: it has vCont */
		link_answer(true);
		return;
	}
	if (*s == '-' || (get_cpu(&s, &cpu) && !cpu))
		cpu = stopped + 1;
	if (cpu)
		g.thread = cpu - 1;
	link_answer(cpu);
}

/* --- stops --- */

static void stop_reply(struct vcpu *v)
{
	bool own = g.why == STOP_BREAK && g.swbreak && brk_at(v, step_linear_rip(v)) == BRK_BY_GDB;
	struct packet_out *p = link_start();

	packet_text(p, g.why == STOP_INTERRUPT ? "T02" : "T05");
	if (own)
		packet_text(p, "swbreak:;");
	packet_text(p, "thread:");
	packet_number(p, v->index + 1);
	packet_text(p, ";");
	link_send();
}

static void breakpoint(struct vcpu *v, const char *s, bool set)
{
	bool execution = *s == '0' || *s == '1';
	u64 linear;

	if (!execution) {
		link_text(""); /* watchpoints: not here */
		return;
	}
	s++;
	if (!packet_get_char(&s, ',') || !packet_get_number(&s, &linear))
		link_answer(false);
	else if (set)
		link_answer(brk_add(v, BRK_BY_GDB, linear, BRK_ALL));
	else
		link_answer(brk_remove(v, BRK_BY_GDB, linear, BRK_ALL));
}

static void resume(u32 step, bool others)
{
	g.resumed = true;
	g.step = step;
	g.next = others ? 0 : step;
}

/* vCont;ACTION[:THREAD]... A CPU takes the first that is for it. */
static void resume_each(struct vcpu *v, const char *s)
{
	u32 step = 0, cpu;
	bool others = false;
	u64 signal;

	while (packet_get_char(&s, ';')) {
		bool steps = *s == 's' || *s == 'S', with_signal = *s == 'S' || *s == 'C';

		if (!*s)
			break;
		s++;
		if (with_signal)
			packet_get_number(&s, &signal);
		cpu = 0;
		if (packet_get_char(&s, ':') && !packet_get_char(&s, '-'))
			get_cpu(&s, &cpu);
		if (steps && !step)
			step = cpu ? cpu : v->index + 1;
		else if (!steps)
			others = true;
		while (*s && *s != ';')
			s++;
	}
	resume(step, others || !step);
}

static void leave(struct vcpu *v)
{
	brk_remove_all(v, BRK_BY_GDB);
	g.connected = g.physical = g.others_run = false;
	resume(0, true);
}

/* --- the rest --- */

static bool starts(const char **s, const char *word)
{
	size_t n = strlen(word);

	if (strncmp(*s, word, n))
		return false;
	*s += n;
	return true;
}

static void send_xml(const char *s)
{
	u64 at, n;
	size_t size = strlen(regs_xml);
	struct packet_out *p;

	if (!packet_get_number(&s, &at) || !packet_get_char(&s, ',') ||
	    !packet_get_number(&s, &n)) {
		link_answer(false);
		return;
	}
	at = at < size ? at : size;
	n = n < size - at ? n : size - at;
	n = n < ACCESS_MAX ? n : ACCESS_MAX;
	p = link_start();
	packet_text(p, at + n < size ? "m" : "l");
	packet_binary(p, (const u8 *)regs_xml + at, n);
	link_send();
}

static void run_monitor(struct vcpu *v, const char *s)
{
	char line[64];
	size_t n = packet_get_bytes(&s, line, sizeof(line) - 1);

	line[n] = 0;
	monitor(v, line);
	link_answer(true);
}

static void send_current(const struct vcpu *v)
{
	struct packet_out *p = link_start();

	packet_text(p, "QC");
	packet_number(p, v->index + 1);
	link_send();
}

static void query(struct vcpu *v, const char *s)
{
	if (starts(&s, "Supported")) {
		for (g.swbreak = false; *s && !g.swbreak;)
			g.swbreak = starts(&s, "swbreak+") || !*s++;
		link_text("PacketSize=ff0;qXfer:features:read+;vContSupported+;swbreak+");
	} else if (starts(&s, "Xfer:features:read:target.xml:")) {
		send_xml(s);
	} else if (starts(&s, "Attached")) {
		link_text("1");
	} else if (starts(&s, "fThreadInfo")) {
		list_threads(v);
	} else if (starts(&s, "sThreadInfo")) {
		link_text("l");
	} else if (starts(&s, "ThreadExtraInfo,")) {
		describe_thread(v, s);
	} else if (*s == 'C' && !s[1]) {
		send_current(v);
	} else if (starts(&s, "Rcmd,")) {
		run_monitor(v, s);
	} else {
		link_text("");
	}
}

static void do_packet(struct vcpu *v, const char *s)
{
	u32 cpu;

	switch (*s++) {
	case '?': stop_reply(v); break;
	case 'g': access_read_regs(v, g.thread); break;
	case 'G': access_write_regs(v, g.thread, s); break;
	case 'p': access_reg(v, g.thread, s, false); break;
	case 'P': access_reg(v, g.thread, s, true); break;
	case 'm': access_memory(v, g.thread, s, false, g.physical); break;
	case 'M': access_memory(v, g.thread, s, true, g.physical); break;
	case 'H': choose_thread(s, v->index); break;
	case 'T': link_answer(get_cpu(&s, &cpu) && cpu && reachable(v, cpu - 1)); break;
	case 'Z': breakpoint(v, s, true); break;
	case 'z': breakpoint(v, s, false); break;
	case 'c': resume(0, true); break;
	case 's': resume(v->index + 1, false); break;
	case 'q': query(v, s); break;
	case 'v':
		if (starts(&s, "Cont?"))
			link_text("vCont;c;C;s;S");
		else if (starts(&s, "Cont"))
			resume_each(v, s);
		else
			link_text("");
		break;
	case 'D':
		link_answer(true);
		leave(v);
		break;
	case 'k': leave(v); break;
	default: link_text("");
	}
}

struct command_resume command_stopped(struct vcpu *v, enum stop why)
{
	struct command_resume r;

	g.why = why;
	g.thread = v->index;
	g.resumed = false;
	if (g.connected)
		stop_reply(v);
	while (!g.resumed) {
		if (link_receive(v) != PACKET_READY)
			continue; /* ^C: it is stopped */
		g.connected = true;
		do_packet(v, link_packet());
	}
	r = (struct command_resume){g.step, g.next};
	g.step = 0;
	return r;
}

static void on_step(struct vcpu *v, void *arg)
{
	(void)arg;
	gdb_step_next(v);
}

void command_resume(struct vcpu *v, struct command_resume r)
{
	if (r.step)
		world_call(v, r.step - 1, on_step, NULL);
	if (!r.next)
		world_go(v);
	else if (r.next - 1 != v->index && world_is_mine(v))
		world_pass(v, r.next - 1);
}

/* A packet has begun, or ended: it is from a gdb that is new. */
bool command_wanted(enum packet_event e)
{
	return e == PACKET_BREAK || link_in_packet();
}
