/* SPDX-License-Identifier: MIT */
/*
 * The terminal of an emulated machine. Starts a command (the emulator), accepts its serial line on
 * a TCP port whose number the command finds in CONSOLE_PORT, shows what comes, and sends what is
 * typed.
 *
 * console [--type] [--log FILE] [--times FILE] [--timeout SECONDS] [--after MS]
 *         [--stage NAME=PREFIX]... [--last PREFIX] [--end TEXT] -- COMMAND...
 *
 * --type: the terminal's input goes to the machine; Ctrl-] ends it. --stage: when the first line
 * comes that starts with PREFIX, a line with NAME and the time since the start goes before it
 * (--after: milliseconds that went by before); --times: the file gets a line with NAME, the seconds
 * since the start, and those of processor time that the command took. --last: some seconds after a
 * line with this PREFIX, end it. --end: end it as soon as TEXT has come, wherever in a line. Exit
 * codes: 0 the command ended, 1 an error, 2 ended by Ctrl-], 3 by the time limit, 4 by --last, 5 by
 * --end.
 *
 * What ends by --end gets SIGINT first, at which Bochs tells its tick.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define MAX_STAGES 8
#define KEY_END	   0x1d /* Ctrl-] */
#define LAST_WORDS 5.0	/* seconds that a machine has after its --last line */
#define POLL_MS	   100
#define GRACE	   20 /* polls that a machine has after SIGINT */

enum { ENDED = 0, ERROR = 1, BY_KEY = 2, BY_TIME = 3, BY_LAST = 4, BY_END = 5 };

struct stage {
	const char *name, *prefix; /* no name: nothing is shown */
	bool seen;
};

static struct stage stages[MAX_STAGES];
static size_t n_stages;
static FILE *log_file, *times_file;
static pid_t command;
static struct termios tty_before;
static bool tty_changed;
static struct timespec start;
static double before;	/* seconds that went by before the start */
static double deadline; /* seconds since the start; 0: none */
static bool last_words; /* the deadline is that of --last */
static const char *end_text;
static bool end_seen;

static void tty_restore(void)
{
	if (tty_changed)
		tcsetattr(0, TCSADRAIN, &tty_before);
	tty_changed = false;
}

_Noreturn static void die(const char *what)
{
	fprintf(stderr, "console: %s: %s\n", what, strerror(errno));
	exit(ERROR);
}

_Noreturn static void usage(void)
{
	fprintf(stderr, "usage: console [--type] [--log FILE] [--times FILE] [--timeout SECONDS] "
			"[--after MS] [--stage NAME=PREFIX]... [--last PREFIX] [--end TEXT] -- "
			"COMMAND...\n");
	exit(ERROR);
}

static double seconds(struct timespec t)
{
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double elapsed(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return seconds(now) - seconds(start);
}

/* Processor time of all threads of the command. */
static double command_seconds(void)
{
	struct timespec t = {0};
	clockid_t clock;

	if (clock_getcpuclockid(command, &clock) || clock_gettime(clock, &t))
		die("the command's processor time");
	return seconds(t);
}

static void tty_raw(void)
{
	struct termios raw;

	if (tcgetattr(0, &tty_before))
		die("the terminal");
	tty_changed = true;
	atexit(tty_restore);
	raw = tty_before;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG | IEXTEN);
	raw.c_iflag &= ~(tcflag_t)(IXON | ICRNL);
	tcsetattr(0, TCSADRAIN, &raw);
}

static void announce(struct stage *s)
{
	const char *on = isatty(1) ? "\033[36m" : "", *off = isatty(1) ? "\033[0m" : "";

	s->seen = true;
	if (s->name && times_file)
		fprintf(times_file, "%s %.3f %.3f\n", s->name, elapsed(), command_seconds());
	if (s->name) {
		printf("%s[%7.1fs]%s %s\n", on, before + elapsed(), off, s->name);
	} else {
		deadline = elapsed() + LAST_WORDS;
		last_words = true;
	}
}

/* Can the @n bytes at @line become a stage's first line? Announces the stage when they have. */
static bool may_be_stage(const char *line, size_t n)
{
	bool may = false;

	for (size_t i = 0; i < n_stages; i++) {
		struct stage *s = &stages[i];
		size_t want = strlen(s->prefix);

		if (s->seen)
			continue;
		if (n >= want && !memcmp(line, s->prefix, want))
			announce(s);
		else if (n < want && !memcmp(line, s->prefix, n))
			may = true;
	}
	return may;
}

/* Has the text of --end come with this byte? It is one that does not begin twice in itself. */
static void look_for_end(char byte)
{
	static size_t found;

	if (!end_text || end_seen)
		return;
	if (byte != end_text[found])
		found = 0;
	if (byte == end_text[found])
		found++;
	end_seen = !end_text[found];
}

/* Shows what the machine sent. The start of a line is held back while it may announce a stage. */
static void show(const char *bytes, size_t n)
{
	static char held[128];
	static size_t n_held;
	static bool in_line;

	for (size_t i = 0; i < n; i++) {
		if (log_file)
			fputc(bytes[i], log_file);
		look_for_end(bytes[i]);
		held[n_held++] = bytes[i];
		if (!in_line && bytes[i] != '\n' && bytes[i] != '\r' && n_held < sizeof(held) &&
		    may_be_stage(held, n_held))
			continue;
		fwrite(held, 1, n_held, stdout);
		n_held = 0;
		in_line = bytes[i] != '\n' && bytes[i] != '\r';
	}
	fflush(stdout);
	if (log_file)
		fflush(log_file);
}

/* Listens on any free port of this machine; puts its number into the environment. */
static int listen_anywhere(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char port[8];

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, len) || listen(fd, 1) ||
	    getsockname(fd, (struct sockaddr *)&a, &len))
		die("a TCP port for the serial line");
	snprintf(port, sizeof(port), "%u", ntohs(a.sin_port));
	setenv("CONSOLE_PORT", port, 1);
	return fd;
}

static pid_t start_command(char **argv)
{
	pid_t pid = fork();
	int null;

	if (pid)
		return pid;
	null = open("/dev/null", O_RDONLY);
	dup2(null, 0);
	/* no emulator without a console */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execvp(argv[0], argv);
	_exit(127);
}

/* What was typed goes to the machine. False: the user ends it. */
static bool type(int line)
{
	char keys[64];
	ssize_t n = read(0, keys, sizeof(keys));

	if (n <= 0)
		return false;
	if (memchr(keys, KEY_END, (size_t)n))
		return false;
	return write(line, keys, (size_t)n) == n || errno == EAGAIN;
}

static bool has_ended(void)
{
	siginfo_t info = {.si_pid = 0};

	return !waitid(P_PID, (id_t)command, &info, WEXITED | WNOHANG | WNOWAIT) &&
	       info.si_pid == command;
}

/* Carries bytes until the machine ends (its line closes, or it never opened one), or someone ends
 * it. */
static int carry(int listener, bool typing)
{
	struct pollfd p[2] = {{.fd = listener, .events = POLLIN},
			      {.fd = typing ? 0 : -1, .events = POLLIN}};
	int line = -1;
	char buf[4096];
	ssize_t n;

	for (;;) {
		if (deadline > 0 && elapsed() > deadline)
			return last_words ? BY_LAST : BY_TIME;
		if (poll(p, 2, POLL_MS) < 0 && errno != EINTR)
			die("poll");
		if (p[0].revents && line < 0) {
			line = p[0].fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		} else if (p[0].revents) {
			n = read(line, buf, sizeof(buf));
			if (n <= 0)
				return ENDED;
			show(buf, (size_t)n);
			if (end_seen)
				return BY_END;
		} else if (line < 0 && has_ended()) {
			return ENDED;
		}
		if (p[1].revents && line >= 0 && !type(line))
			return BY_KEY;
	}
}

static void add_stage(const char *name, const char *prefix)
{
	if (n_stages == MAX_STAGES)
		usage();
	stages[n_stages++] = (struct stage){.name = name, .prefix = prefix};
}

static void add_named_stage(char *arg)
{
	char *eq = strchr(arg, '=');

	if (!eq)
		usage();
	*eq = '\0';
	add_stage(arg, eq + 1);
}

static FILE *create(const char *name)
{
	FILE *f = fopen(name, "w");

	if (!f)
		die(name);
	return f;
}

/* Takes one option with a value. */
static void option(const char *name, char *arg)
{
	if (!strcmp(name, "--log")) {
		log_file = create(arg);
	} else if (!strcmp(name, "--times")) {
		times_file = create(arg);
	} else if (!strcmp(name, "--timeout")) {
		deadline = atof(arg);
	} else if (!strcmp(name, "--after")) {
		before = atof(arg) / 1000;
	} else if (!strcmp(name, "--stage")) {
		add_named_stage(arg);
	} else if (!strcmp(name, "--last")) {
		add_stage(NULL, arg);
	} else if (!strcmp(name, "--end")) {
		end_text = arg;
	} else {
		usage();
	}
}

int main(int argc, char **argv)
{
	bool typing = false;
	int listener, how, i;

	clock_gettime(CLOCK_MONOTONIC, &start);
	for (i = 1; i < argc && strcmp(argv[i], "--"); i++) {
		if (!strcmp(argv[i], "--type")) {
			typing = true;
			continue;
		}
		if (i + 1 == argc)
			usage();
		option(argv[i], argv[i + 1]);
		i++;
	}
	if (i + 1 >= argc)
		usage();
	signal(SIGPIPE, SIG_IGN);
	listener = listen_anywhere();
	command = start_command(argv + i + 1);
	if (command < 0)
		die(argv[i + 1]);
	if (typing)
		tty_raw();
	how = carry(listener, typing);
	if (how == BY_END) {
		kill(command, SIGINT);
		for (i = 0; i < GRACE && !has_ended(); i++)
			poll(NULL, 0, POLL_MS);
	}
	if (how != ENDED)
		kill(command, SIGKILL);
	waitpid(command, NULL, 0);
	tty_restore();
	return how;
}
