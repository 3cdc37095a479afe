/* SPDX-License-Identifier: MIT */
/*
 * laminactl vault: a secret key lives in a vault, which computes with it; the program itself, the
 * kernel on every CPU, by its direct map and by another mapping, try to read and change it; then
 * nothing of it may be left in memory after unregistration, nor after the program was killed, has
 * another page in its place, or another program has ended the vault.
 */
#include "tools/laminactl.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/lamina_vault.h"

#define PAGE   4096u
#define KEY    0x5ec2e75ec2e75ec2ull
#define LONG   3000000u
#define CALLS  2000u
#define TURNS  100000u
#define ROTATE 23

struct secret {
	uint64_t key, count;
	uint64_t text[3]; /* made of the key, and nowhere else: who looks for it finds a vault */
};

/* One keyed step: enough to show that the key was there, no cipher. */
VAULT_INLINE uint64_t mix(uint64_t x, uint64_t key)
{
	x = (x ^ key) * 0x9e3779b97f4a7c15ull;
	return x << ROTATE | x >> (64 - ROTATE);
}

static uint64_t VAULT_FN in_set(uint64_t key)
{
	struct secret *s = VAULT_DATA_HERE;

	s->key = key;
	s->text[0] = key ^ KEY ^ 0x7327616e696d616cull; /* lamina's */
	s->text[1] = key ^ KEY ^ 0x6465746c75617620ull; /*  vaulted */
	s->text[2] = key ^ KEY ^ 0x2e74657263657320ull; /*  secret. */
	return 0;
}

static uint64_t VAULT_FN in_mac(uint64_t rounds)
{
	const struct secret *s = VAULT_DATA_HERE;
	uint64_t x = *(volatile uint64_t *)VAULT_ARGS_HERE;

	while (rounds--)
		x = mix(x, s->key);
	return x;
}

static uint64_t VAULT_FN in_count(uint64_t by)
{
	volatile struct secret *s = VAULT_DATA_HERE;

	return s->count += by;
}

static uint64_t VAULT_FN in_hidden(uint64_t zero) /* no entry */
{
	return ((struct secret *)VAULT_DATA_HERE)->key + zero;
}

static uint64_t VAULT_FN in_spin(uint64_t turns)
{
	while (turns--)
		++*(volatile uint64_t *)VAULT_ARGS_HERE;
	return 0;
}

static uint64_t VAULT_FN in_leak(uint64_t to) /* to outside memory: a crash */
{
	*(volatile uint64_t *)to = ((struct secret *)VAULT_DATA_HERE)->key;
	return 0;
}

static uint64_t (*const entries[])(uint64_t) = {in_set, in_mac, in_count, in_leak, in_spin};

static struct lamina_vault vault;
static sigjmp_buf after;
static int failures;

static void say(int good, const char *what)
{
	printf("guest: vault: %s: %s\n", what, good ? "yes" : "NO");
	failures += !good;
}

static void on_segv(int sig)
{
	(void)sig;
	siglongjmp(after, 1);
}

static int faults(uint64_t (*fn)(uint64_t), uint64_t argument)
{
	if (sigsetjmp(after, 1))
		return 1;
	fn(argument);
	return 0;
}

static uint64_t read_at(uint64_t at)
{
	return *(volatile uint64_t *)at;
}

static uint64_t write_at(uint64_t at)
{
	return *(volatile uint64_t *)at = 0;
}

static uint64_t call_hidden(uint64_t zero)
{
	return vault_call(&vault, in_hidden, zero);
}

static uint64_t call_leak(uint64_t to)
{
	return vault_call(&vault, in_leak, to);
}

/* Physical address of each of the vault's pages, by Linux; 0: not known. */
static void find_pages(uint64_t *phys)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

	for (unsigned int i = 0; i < VAULT_SIZE / PAGE; i++) {
		uint64_t e = 0;

		if (pread(fd, &e, 8, (off_t)(((uintptr_t)vault.base / PAGE + i) * 8)) != 8)
			e = 0;
		phys[i] = (e & ((1ull << 55) - 1)) * PAGE;
	}
	close(fd);
}

/* How often the kernel gets at a page of those, of how many tries. */
static int touches(const uint64_t *phys, unsigned int first, unsigned int end, unsigned int how)
{
	int done = 0;

	for (unsigned int i = first; i < end; i++) {
		struct lamina_touch t = {.phys = phys[i], .how = how};

		done += dev_touch(&t);
	}
	return done;
}

static void attack_by_kernel(const cpu_set_t *online, const uint64_t *phys)
{
	static const char *const name[] = {"read", "written", "read by another mapping",
					   "written by another mapping"};
	unsigned int end = VAULT_ARGS_AT / PAGE;
	char line[80];

	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		for (unsigned int how = 0; CPU_ISSET(cpu, online) && how < 4; how++) {
			dev_pin(cpu);
			snprintf(line, sizeof(line), "cpu%d: the kernel's, not %s", cpu, name[how]);
			say(!touches(phys, 0, end, how), line);
		}
	say(touches(phys, end, end + 1, 0) == 1, "the shared page can be read");
}

static int holds_key(const uint64_t *phys)
{
	int found = 0;

	for (unsigned int i = 0; i < VAULT_ARGS_AT / PAGE; i++)
		for (unsigned int at = 0; at < PAGE; at += 8) {
			struct lamina_touch t = {.phys = phys[i] + at};

			found += dev_touch(&t) && t.value == KEY;
		}
	return found;
}

static int make(uint64_t *phys)
{
	if (!vault_prepare(&vault))
		return 0;
	find_pages(phys);
	if (!vault_register(&vault, entries, sizeof(entries) / sizeof(entries[0])))
		return 0;
	vault_call(&vault, in_set, KEY);
	return 1;
}

static uint64_t expected(uint64_t x, unsigned int rounds)
{
	while (rounds--)
		x = mix(x, KEY);
	return x;
}

static int mac_is_right(unsigned int rounds)
{
	uint64_t *args = (uint64_t *)(void *)(vault.base + VAULT_ARGS_AT);

	*args = 42 + rounds;
	return vault_call(&vault, in_mac, rounds) == expected(42 + rounds, rounds);
}

static void *count(void *unused)
{
	for (unsigned int i = 0; i < CALLS; i++)
		vault_call(&vault, in_count, 1);
	return unused;
}

static void use(const cpu_set_t *online)
{
	pthread_t other;

	say(mac_is_right(1), "computes with the key");
	say(mac_is_right(LONG), "the same with interrupts");
	sched_setaffinity(0, sizeof(*online), online);
	if (!pthread_create(&other, NULL, count, NULL)) {
		count(NULL);
		pthread_join(other, NULL);
	}
	say(vault_call(&vault, in_count, 0) == 2 * CALLS, "two threads, one at a time");
}

static void attack_by_program(void)
{
	uintptr_t base = (uintptr_t)vault.base;

	say(faults(read_at, base + VAULT_DATA_AT), "the program's, not read");
	say(faults(write_at, base + VAULT_DATA_AT), "not written");
	say(faults(read_at, base), "its code not read");
	say(faults(call_hidden, 0), "not entered but at its entries");
}

/* A process of its own takes a vault, says where it is, and is killed. */
static void killed(void)
{
	uint64_t *phys =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = fork();

	if (!pid) {
		phys[VAULT_PAGES] = make(phys) ? 1 : 2;
		for (;;)
			pause();
	}
	while (!((volatile uint64_t *)phys)[VAULT_PAGES])
		sched_yield();
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	say(phys[VAULT_PAGES] == 1 && !holds_key(phys), "killed, nothing is left in memory");
}

static int is_there(void)
{
	struct lamina_call c = {.eax = HC_VAULT_STATE, .ebx = vault.number};

	return dev_call(&c) && !c.eax && c.ebx;
}

/* The kernel frees the page: the vault ends where that is used again. */
static void remapped(const uint64_t *phys)
{
	unsigned char *data = vault.base + VAULT_DATA_AT;

	say(mmap(data, PAGE, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1,
		 0) == data &&
		    !*(volatile uint64_t *)data,
	    "another page in its place is empty");
	say(!holds_key(phys) && !is_there(), "and the vault is wiped");
}

/* Anyone whom the kernel lets ask can end a vault, and has nothing of it. */
static void ended(const uint64_t *phys)
{
	int status = 1;
	pid_t pid = fork();

	if (!pid)
		_exit(!is_there() || !vault_unregister(&vault));
	waitpid(pid, &status, 0);
	say(!status, "another program can end it");
	say(!holds_key(phys) && !is_there(), "and it is wiped first");
}

static void crashed(const uint64_t *phys)
{
	uint64_t outside = 0;

	say(faults(call_leak, (uintptr_t)&outside) && !outside, "it cannot write outside");
	say(!holds_key(phys), "and is wiped for it");
	say(!vault_unregister(&vault), "and gone");
}

int ctl_hold(const cpu_set_t *online)
{
	uint64_t phys[VAULT_PAGES];

	(void)online;
	if (!make(phys))
		dev_die("vault", "there is none");
	printf("guest: vault: held\n");
	fflush(stdout);
	for (;;)
		pause();
}

static void *spin(void *cpu)
{
	dev_pin(*(int *)cpu);
	vault_call(&vault, in_spin, UINT64_MAX);
	return NULL;
}

int ctl_init(const cpu_set_t *online)
{
	volatile uint64_t *turns;
	uint64_t phys[VAULT_PAGES];
	int last = CPU_SETSIZE - 1;
	pthread_t other;

	while (!CPU_ISSET(last, online))
		last--;
	dev_pin(0);
	if (!last || !make(phys))
		dev_die("init", "it takes two CPUs and a vault");
	printf("guest: vault: held\n");
	turns = (uint64_t *)(void *)(vault.base + VAULT_ARGS_AT);
	if (pthread_create(&other, NULL, spin, &last))
		dev_die("init", "there is no thread");
	while (!*turns)
		sched_yield();
	dev_init((unsigned int)last);
	for (unsigned int i = 0; i < TURNS && is_there(); i++)
		sched_yield();
	say(!is_there(), "an INIT of its CPU ends it");
	say(touches(phys, 0, 1, 0) == 1 && !holds_key(phys), "and wipes it");
	fflush(stdout);
	for (;;)
		pause();
}

int ctl_vault(const cpu_set_t *online)
{
	uint64_t phys[VAULT_PAGES];

	signal(SIGSEGV, on_segv);
	if (!make(phys))
		dev_die("vault",
			"there is none; hypapps=vault chooses it, and four is all there are");
	use(online);
	attack_by_program();
	attack_by_kernel(online, phys);
	say(mac_is_right(7), "computes still with the key");
	say(vault_unregister(&vault), "unregistered");
	say(touches(phys, 0, 1, 0) == 1, "its pages are the kernel's again");
	say(!holds_key(phys), "nothing is left in memory");
	killed();
	if (make(phys))
		remapped(phys);
	if (make(phys))
		ended(phys);
	if (make(phys))
		crashed(phys);
	printf("guest: vault: %d failures\n", failures);
	return failures != 0;
}
