/* SPDX-License-Identifier: MIT */
/*
 * What a serial log tells of accesses to CR0 and CR4, and whose fault they are. Lines go in one by
 * one, of whatever bytes and length; each access comes out when the log has come to the next one.
 * Host programs only.
 */
#ifndef ANALYZE_H
#define ANALYZE_H

#include <stdio.h>

#include "crmodel/crm.h"
#include "hv/vcpu.h"

enum verdict { V_OK, V_GUEST, V_PLATFORM, V_LAMINA, V_UNDECIDED, V_COUNT };

/* What is known of an access */
#define HAS_VALUE  BIT(0) /* what the guest wrote */
#define HAS_HW	   BIT(1)
#define HAS_OWNED  BIT(2)
#define HAS_SHADOW BIT(3)
#define HAS_READ   BIT(4) /* what the guest had read before */
#define HAS_CODE   BIT(5) /* from which bits its code can have made the value */
#define HAS_CPU	   BIT(6)
#define HAS_RIP	   BIT(7)

struct access {
	u64 has;
	u32 line; /* where the log begins to speak of it */
	u32 cpu, cs;
	u64 rip;
	enum crm_op op;
	enum crm_name cr;
	u64 value, hw, owned, shadow, read;
	u64 sets, clears;  /* bits that the code between read and write sets, and clears */
	bool from_lamina;  /* a line of Lamina's own, with */
	bool unexpected;   /* its model's word that there should be no exit */
	bool accepted;	   /* its answer: the write is done, else #GP */
	u64 after;	   /* and then: what the guest reads now */
	bool shadow_moved; /* owned bits changed since the exit before this one, without an exit */
};

/* What the log as a whole tells of the machine */
struct machine_facts {
	bool amd;
	bool emulator;		 /* it is one */
	bool l0;		 /* there is a hypervisor below Lamina */
	bool l0_user, l0_kernel; /* who of it loads registers behind Lamina's back */
	u64 leaks[CRM_CRS];	 /* bits that the probe found shown */
	bool breaks_l2;		 /* exits too many or too few, by the probe */
};

struct judgement {
	enum verdict verdict;
	char evidence[320]; /* one line */
	const char *need;   /* V_UNDECIDED: what would decide it */
};

/* Pure: whose fault is this access, in this machine? */
void judge(const struct access *a, const struct machine_facts *m, struct judgement *out);

/* "platform: L0" and the like. */
const char *verdict_name(enum verdict v, const struct machine_facts *m);

/* The names of bits, as "PSE VMXE", in buf. */
const char *bit_names(enum crm_name cr, u64 bits, char *buf, size_t size);

/* What the lines so far have said. */
struct analysis {
	struct machine_facts facts;
	void (*found)(void *ctx, const struct access *a, const struct machine_facts *m);
	void (*said)(void *ctx, enum verdict v,
		     const char *text); /* a line that is a verdict itself */
	void *ctx;
	u32 lines, understood, damaged;
	u32 probe_lines;
	/* private: the access that the log speaks of now, and what belongs to it */
	bool open, other_cpu; /* the line speaks of another CPU than the access */
	struct access now;
	struct {
		u64 has, fresh, value, hw, owned, shadow, read;
	} cr[CRM_CRS];
	struct {
		char reg[4];
		bool whole; /* from the read to the write */
		bool lost;
		u64 sets, clears;
	} code[CRM_CRS];
	struct {
		u64 after, owned;
		bool known;
	} last[MAX_CPUS][CRM_CRS];
};

/* One line, without its end; NUL bytes may have been made blanks. */
void analyze_line(struct analysis *an, const char *line);
/* The log ends here. */
void analyze_end(struct analysis *an);

/* Parts of analyze_line. True: the line was of that kind. */
bool analyze_lamina(struct analysis *an, const char *line); /* line: behind "lamina: " */
bool analyze_code(struct analysis *an, const char *line);   /* line: in lower case */
void analyze_close(struct analysis *an);

/* A number as logs write them, hexadecimal: 2020, 0x2020, 2020h. NULL: none at p. */
const char *analyze_number(const char *p, u64 *v);

#endif
