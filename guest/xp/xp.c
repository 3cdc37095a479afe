/* SPDX-License-Identifier: MIT */
#include "guest/xp/xp.h"

#include "include/hv/hypercall.h"

#define COM1	       0x3f8
#define PORT_TRIGGER   0xb2
#define PORT_POST      0x80
#define PORT_POWER     0x604
#define POWER_OFF      0x2000 /* SLP_EN */
#define PORT_QEMU_END  0xf4   /* QEMU's isa-debug-exit */
#define VMPORT	       0x5658
#define VMPORT_MAGIC   0x564d5868
#define VMPORT_VERSION 10
#define CMDLINE_PTR    0x228 /* in the zero page */
#define APIC_ICR_LO    0xfee00300
#define APIC_ICR_HI    0xfee00310
#define ICR_INIT       0x4500
#define ICR_SIPI       (0x4600 | XP_AP_PAGE >> 12)
#define SIPI_TURNS     100
#define CR0_START      0x8001003b /* PG, WP, NE, ET, TS, MP, PE: as Windows XP has it */
#define CR0_NE	       0x20
#define CR0_PG	       0x80000000
#define CR4_START      0x20
#define CR4_WRITE      0x30
#define PAGE_2M	       0x200000
#define PDE_LEAF       0x83
#define VECTOR_GP      13

struct cpu {
	u32 rounds, cr4, cr0,
		later; /* wrong: CR4 at 6a29b8, CR0 at 6a29aa, reads after the sequence */
	u32 first_cr4, first_cr0;
};

struct options {
	u32 rounds, cpus, before, after, ne, cross;
	u32 lmsw, vmport, tpr; /* in place of a write to the trigger port */
};

static struct options opt = {.rounds = 64, .cpus = 1, .ne = 1};
static struct cpu cpus[XP_CPUS];
static u64 pdpt[4] __attribute__((aligned(32)));
static u64 pd[4][512] __attribute__((aligned(4096)));
static u64 idt[32];
static volatile u32 started, go, finished;
static volatile u32 asked; /* CPU 0 wants CPU 1 to trigger */
volatile u32 xp_faults[XP_CPUS];
extern void xp_gp(void);

/* --- instructions --- */

static void outb(u16 port, u8 v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}

static u8 inb(u16 port)
{
	u8 v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static void outw(u16 port, u16 v)
{
	__asm__ volatile("outw %0, %1" : : "a"(v), "Nd"(port));
}

static u32 read_cr0(void)
{
	u32 v;

	__asm__ volatile("mov %%cr0, %0" : "=r"(v));
	return v;
}

static u32 read_cr4(void)
{
	u32 v;

	__asm__ volatile("mov %%cr4, %0" : "=r"(v));
	return v;
}

static void write_cr0(u32 v)
{
	__asm__ volatile("mov %0, %%cr0" : : "r"(v) : "memory");
}

static void write_cr3(void *tables)
{
	__asm__ volatile("mov %0, %%cr3" : : "r"(tables) : "memory");
}

static void write_cr4(u32 v)
{
	__asm__ volatile("mov %0, %%cr4" : : "r"(v) : "memory");
}

/* A turn of a loop that waits. It exits to L0's userspace, which lets the other CPU run: Bochs does
 * not exit for an interrupt of L0 while interrupts are off in the guest. */
static void relax(void)
{
	inb(PORT_POST);
	__asm__ volatile("" : : : "memory");
}

/* --- what is said --- */

static void say(const char *s)
{
	for (; *s; s++) {
		while (!(inb(COM1 + 5) & 0x20))
			relax();
		outb(COM1, (u8)*s);
	}
}

static void say_number(const char *name, u32 v, u32 base)
{
	char text[12], *p = text + sizeof(text) - 1;

	*p = 0;
	do {
		*--p = "0123456789abcdef"[v % base];
		v /= base;
	} while (v);
	say(name);
	say(p);
}

/* --- options --- */

static const char *value_of(const char *line, const char *name)
{
	u32 n;

	for (; *line; line++) {
		for (n = 0; name[n] && line[n] == name[n]; n++)
			;
		if (!name[n])
			return line + n;
		while (*line && *line != ' ')
			line++;
		if (!*line)
			break;
	}
	return 0;
}

static void number_option(const char *line, const char *name, u32 *v)
{
	const char *s = value_of(line, name);

	if (!s)
		return;
	for (*v = 0; *s >= '0' && *s <= '9'; s++)
		*v = *v * 10 + (u32)(*s - '0');
}

static void read_options(const char *line)
{
	number_option(line, "rounds=", &opt.rounds);
	number_option(line, "cpus=", &opt.cpus);
	number_option(line, "before=", &opt.before);
	number_option(line, "after=", &opt.after);
	number_option(line, "lmsw=", &opt.lmsw);
	number_option(line, "ne=", &opt.ne);
	number_option(line, "cross=", &opt.cross);
	number_option(line, "vmport=", &opt.vmport);
	number_option(line, "tpr=", &opt.tpr);
}

/* --- the disturbance --- */

static void lmsw(u32 v)
{
	__asm__ volatile("lmsw %w0" : : "r"(v));
}

/* The bit changes and changes back: CR0 is as it was. */
static void trigger_lmsw(void)
{
	u32 cr0 = CR0_START;

	lmsw((cr0 ^ 2) & 0xf);
	lmsw(cr0 & 0xf);
}

/* Asks for VMware's version: QEMU's VMware port, which looks at the CPU's registers for it. */
static void trigger_vmport(void)
{
	u32 eax = VMPORT_MAGIC, ebx = 0, ecx = VMPORT_VERSION;

	__asm__ volatile("inl %%dx, %%eax" : "+a"(eax), "+b"(ebx), "+c"(ecx) : "d"(VMPORT));
}

/* As 32-bit Windows raises and lowers its interrupt request level. */
static void trigger_tpr(void)
{
	void (*write_tpr)(u32) = (void (*)(u32))((u32)xp_write_tpr + XP_HIGH);

	write_tpr(0x41);
	write_tpr(0);
}

/* By this CPU, or by the other one at this CPU's wish. */
static void trigger(void)
{
	if (opt.lmsw) {
		trigger_lmsw();
	} else if (opt.vmport) {
		trigger_vmport();
	} else if (opt.tpr) {
		trigger_tpr();
	} else if (opt.cross) {
		asked = 1;
		while (asked)
			relax();
	} else {
		outb(PORT_TRIGGER, 0);
	}
}

static void serve_cross(void)
{
	while (!(finished & 1)) {
		if (asked) {
			outb(PORT_TRIGGER, 0);
			asked = 0;
		}
		relax();
	}
}

/* --- the rounds --- */

static void note(u32 is, u32 due, u32 *wrong, u32 *first)
{
	if (is == due)
		return;
	if (!(*wrong)++ && first)
		*first = is;
}

static void one_round(struct cpu *c, u32 cr0)
{
	struct seen seen = {.due_cr0 = cr0};

	write_cr4(CR4_START);
	if (opt.before)
		trigger();
	xp_sequence((u32)pdpt, &seen, opt.after ? trigger : 0);
	note(seen.cr0, cr0, &c->cr0, &c->first_cr0);
	note(seen.cr4, CR4_START, &c->cr4, &c->first_cr4);
	note(read_cr4(), CR4_WRITE, &c->later, 0);
	note(read_cr0(), cr0, &c->later, 0);
	c->rounds++;
}

static void load_idt(void)
{
	struct {
		u16 limit;
		u32 base;
	} __attribute__((packed)) p = {sizeof(idt) - 1, (u32)idt};

	__asm__ volatile("lidt %0" : : "m"(p));
}

/* FS: what Windows calls the processor control region. QEMU's kvmvapic takes the CPU's number from
 * it. */
static void load_pcr(u32 index)
{
	static struct {
		u8 fill[0x1c];
		u32 self;
		u8 more[0x31];
		u8 number;
		u8 rest[14];
	} pcr[XP_CPUS];
	u8 *desc = xp_pcr_desc + 8 * index;
	u32 base = (u32)&pcr[index];

	pcr[index].self = base;
	pcr[index].number = (u8)index;
	desc[2] = (u8)base;
	desc[3] = (u8)(base >> 8);
	desc[4] = (u8)(base >> 16);
	desc[7] = (u8)(base >> 24);
	__asm__ volatile("mov %w0, %%fs" : : "r"(XP_PCR + 8 * index));
}

static void rounds(u32 index)
{
	u32 cr0 = opt.ne ? CR0_START : CR0_START & ~(u32)CR0_NE;

	load_idt();
	load_pcr(index);
	write_cr4(CR4_START);
	write_cr3(pdpt);
	write_cr0(cr0);
	if (opt.cross && index)
		serve_cross();
	else
		for (u32 i = 0; i < opt.rounds; i++)
			one_round(&cpus[index], cr0);
	__sync_fetch_and_or(&finished, 1u << index);
}

void xp_ap_main(void)
{
	started = 1;
	while (!go)
		relax();
	rounds(1);
}

static void build_tables(void)
{
	u32 gp = (u32)xp_gp;

	for (u32 i = 0; i < 4; i++) {
		pdpt[i] = (u32)pd[i] | 1;
		/* the upper half is the lower one again, but for the local APIC's GiB */
		for (u32 k = 0; k < 512; k++)
			pd[i][k] = (u64)(i == 2 ? k : i * 512 + k) * PAGE_2M | PDE_LEAF;
	}
	idt[VECTOR_GP] =
		(u64)(gp & 0xffff0000) << 32 | 0x8e00ull << 32 | XP_CODE << 16 | (gp & 0xffff);
}

static void start_other(void)
{
	volatile u32 *icr_lo = (volatile u32 *)APIC_ICR_LO, *icr_hi = (volatile u32 *)APIC_ICR_HI;
	u8 *page = (u8 *)XP_AP_PAGE;

	for (u32 i = 0; xp_ap_start + i < xp_ap_end; i++)
		page[i] = xp_ap_start[i];
	*icr_hi = 1u << 24;
	*icr_lo = ICR_INIT;
	/* one that comes while the CPU is still on its way to wait for it is lost */
	for (u32 turns = 0; !started; turns++) {
		if (turns % SIPI_TURNS == 0)
			*icr_lo = ICR_SIPI;
		relax();
	}
}

static u32 hypercall(u32 number, u32 item, u32 *low)
{
	u32 eax = number, ebx = 0, ecx = item, edx = 0;

	__asm__ volatile("vmcall" : "+a"(eax), "+b"(ebx), "+c"(ecx), "+d"(edx));
	*low = ebx;
	return eax;
}

static void report_info(const char *name, enum hc_info item)
{
	u32 count = 0;

	hypercall(HC_INFO, item, &count);
	say_number(name, count, 10);
}

static void report(void)
{

	for (u32 i = 0; i < opt.cpus; i++) {
		struct cpu *c = &cpus[i];

		say_number("xp: cpu", i, 10);
		say_number(" rounds=", c->rounds, 10);
		say_number(" cr4=", c->cr4, 10);
		say_number(" cr0=", c->cr0, 10);
		say_number(" later=", c->later, 10);
		say_number(" gp=", xp_faults[i], 10);
		say_number(" first_cr4=", c->first_cr4, 16);
		say_number(" first_cr0=", c->first_cr0, 16);
		say("\r\n");
	}
	report_info("xp: end unexpected=", HC_INFO_CR_UNEXPECTED);
	report_info(" guest=", HC_INFO_CR_GUEST);
	report_info(" platform=", HC_INFO_CR_PLATFORM);
	report_info(" lamina=", HC_INFO_CR_LAMINA);
	report_info(" undecided=", HC_INFO_CR_UNDECIDED);
	report_info(" dropped=", HC_INFO_CR_DROPPED);
	say("\r\n");
}

void xp_main(const u8 *params)
{
	read_options(*(const char *const *)(params + CMDLINE_PTR));
	build_tables();
	if (opt.cpus > 1)
		start_other();
	go = 1;
	rounds(0);
	while (finished != (1u << opt.cpus) - 1)
		relax();
	report();
	outw(PORT_POWER, POWER_OFF);
	outb(PORT_QEMU_END, 0);
}
