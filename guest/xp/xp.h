/* SPDX-License-Identifier: MIT */
/*
 * The laboratory's guest (L2): what 32-bit Windows XP does to set CR4.PSE, at the addresses where
 * it does it, round after round, on one CPU or two, each read of CR0 and CR4 compared with what is
 * due. It speaks Linux's boot protocol, so that Lamina starts it as guest=linux.
 */
#ifndef GUEST_XP_XP_H
#define GUEST_XP_XP_H

#define XP_BASE	    0x600000   /* where it is linked and loaded */
#define XP_SEQUENCE 0x6a29aa   /* where Windows XP SP3 has the sequence */
#define XP_HIGH	    0x80000000 /* the same memory once more, as Windows maps it */
#define XP_AP_PAGE  0x8000     /* where other CPUs start; below 1 MiB */
#define XP_TPR	    0xfee00080 /* the local APIC's task priority */
#define XP_CPUS	    2
#define XP_STACK    4096
#define XP_CODE	    8 /* selectors */
#define XP_DATA	    16
#define XP_PCR	    24

/* Offsets in struct seen */
#define SEEN_CR0 0
#define SEEN_CR4 4
#define SEEN_DUE 8

#ifndef __ASSEMBLER__

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

/* What the sequence read: CR0 at 6a29aa, CR4 at 6a29b8. It goes on with the CR0 that is due, so
 * that a round depends on no other; with CR4 as it read it. */
struct seen {
	u32 cr0, cr4, due_cr0;
};

/* entry.S: the sequence once, with these tables; inside, between PG := 0 and the read of CR4, calls
 * the function, or not, if it is 0. Returns what was read in seen. */
void xp_sequence(u32 cr3, struct seen *seen, void (*inside)(void));
/* Writes the local APIC's task priority as 32-bit Windows does, and reads it back; to be called in
 * the high mapping. */
void xp_write_tpr(u32 priority);
/* The descriptor of XP_PCR + 8 * CPU in the GDT gets this base. */
extern u8 xp_pcr_desc[];
/* Start code of another CPU, and its length. */
extern u8 xp_ap_start[], xp_ap_end[];
/* #GP ends here: the next round knows of it. */
extern volatile u32 xp_faults[XP_CPUS];

/* xp.c */
void xp_main(const u8 *params);
void xp_ap_main(void);

#endif
#endif
