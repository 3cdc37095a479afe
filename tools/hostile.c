/* SPDX-License-Identifier: MIT */
/*
 * Executes, at CPL 3 and each in a process of its own, the instructions that a program could try
 * against a hypervisor, and prints what came of each: the signal, or that it went through. The
 * output on a bare machine and under Lamina must be the same.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static uint64_t scratch[512] __attribute__((aligned(4096)));

#define CASE(fn, ...)                          \
	static void fn(void)                   \
	{                                      \
		__asm__ volatile(__VA_ARGS__); \
	}

CASE(vmcall, "vmcall" ::"a"(0x4c4d0000), "b"(0), "c"(0), "d"(0) : "memory")
CASE(vmcall_stats, "vmcall" ::"a"(0x4c4d0002), "b"(0), "c"(0), "d"(0) : "memory")
CASE(vmmcall, "vmmcall" ::"a"(0x4c4d0000) : "memory")
CASE(vmlaunch, "vmlaunch" ::: "memory", "cc")
CASE(vmresume, "vmresume" ::: "memory", "cc")
CASE(vmxoff, "vmxoff" ::: "memory", "cc")
CASE(vmxon, "vmxon %0" ::"m"(scratch) : "cc")
CASE(vmclear, "vmclear %0" ::"m"(scratch) : "cc")
CASE(vmptrld, "vmptrld %0" ::"m"(scratch) : "cc")
CASE(vmptrst, "vmptrst %0" : "=m"(scratch)::"cc")
CASE(vmread, "vmread %0, %0" ::"r"((uint64_t)0x681e) : "cc")
CASE(vmwrite, "vmwrite %0, %0" ::"r"((uint64_t)0x681e) : "cc")
CASE(invept, "invept %0, %1" ::"m"(scratch), "r"((uint64_t)2) : "cc")
CASE(invvpid, "invvpid %0, %1" ::"m"(scratch), "r"((uint64_t)2) : "cc")
CASE(vmfunc, ".byte 0x0f, 0x01, 0xd4" ::"a"(0), "c"(0) : "memory")
CASE(vmrun, "vmrun" ::"a"(scratch) : "memory")
CASE(vmload, "vmload" ::"a"(scratch) : "memory")
CASE(vmsave, "vmsave" ::"a"(scratch) : "memory")
CASE(stgi, "stgi" ::: "memory")
CASE(clgi, "clgi" ::: "memory")
CASE(skinit, "skinit" ::"a"(0) : "memory")
CASE(invlpga, "invlpga" ::"a"(0), "c"(0) : "memory")
CASE(getsec, "getsec" ::"a"(0), "b"(0) : "memory")
CASE(invd, "invd" ::: "memory")
CASE(wbinvd, "wbinvd" ::: "memory")
CASE(rsm, "rsm" ::: "memory", "cc")
CASE(hlt, "hlt" ::: "memory")
CASE(cli, "cli" ::: "memory")
CASE(rdmsr_vmx, "rdmsr" ::"c"(0x480) : "eax", "edx")
CASE(rdmsr_absent, "rdmsr" ::"c"(0xdead) : "eax", "edx")
CASE(wrmsr_feature, "wrmsr" ::"c"(0x3a), "a"(5), "d"(0))
CASE(wrmsr_absent, "wrmsr" ::"c"(0xdead), "a"(0), "d"(0))
CASE(read_cr0, "mov %%cr0, %%rax" ::: "rax")
CASE(read_cr4, "mov %%cr4, %%rax" ::: "rax")
CASE(write_cr4, "mov %0, %%cr4" ::"r"((uint64_t)0x2020))
CASE(write_cr0, "mov %0, %%cr0" ::"r"((uint64_t)0x11))
CASE(clts, "clts" ::: "memory")
CASE(lmsw, "lmsw %w0" ::"r"(1))
CASE(xsetbv, "xsetbv" ::"c"(0), "a"(1), "d"(0))
CASE(xgetbv_bad, "xgetbv" ::"c"(0x5a) : "eax", "edx")
CASE(in_port, "inb $0xb2, %%al" ::: "al")
CASE(out_power, "outw %%ax, %%dx" ::"a"(0x2000), "d"(0xb004))
CASE(read_high, "movb (%0), %%al" ::"r"((uint64_t)-4096) : "al")
CASE(ud2, "ud2")
CASE(int1, ".byte 0xf1")
CASE(int_nmi, "int $2")

#define ENTRY(fn)       \
	{               \
#fn, fn \
	}

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
	ENTRY(vmcall),	  ENTRY(vmcall_stats), ENTRY(vmmcall),	     ENTRY(vmlaunch),
	ENTRY(vmresume),  ENTRY(vmxoff),       ENTRY(vmxon),	     ENTRY(vmclear),
	ENTRY(vmptrld),	  ENTRY(vmptrst),      ENTRY(vmread),	     ENTRY(vmwrite),
	ENTRY(invept),	  ENTRY(invvpid),      ENTRY(vmfunc),	     ENTRY(vmrun),
	ENTRY(vmload),	  ENTRY(vmsave),       ENTRY(stgi),	     ENTRY(clgi),
	ENTRY(skinit),	  ENTRY(invlpga),      ENTRY(getsec),	     ENTRY(invd),
	ENTRY(wbinvd),	  ENTRY(rsm),	       ENTRY(hlt),	     ENTRY(cli),
	ENTRY(rdmsr_vmx), ENTRY(rdmsr_absent), ENTRY(wrmsr_feature), ENTRY(wrmsr_absent),
	ENTRY(read_cr0),  ENTRY(read_cr4),     ENTRY(write_cr4),     ENTRY(write_cr0),
	ENTRY(clts),	  ENTRY(lmsw),	       ENTRY(xsetbv),	     ENTRY(xgetbv_bad),
	ENTRY(in_port),	  ENTRY(out_power),    ENTRY(read_high),     ENTRY(ud2),
	ENTRY(int1),	  ENTRY(int_nmi),
};

static const char *outcome(int status)
{
	if (WIFSIGNALED(status))
		return strsignal(WTERMSIG(status));
	return WEXITSTATUS(status) ? "failed" : "went through";
}

int main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int status;
		pid_t pid = fork();

		if (pid < 0) {
			perror("hostile: fork");
			return 1;
		}
		if (!pid) {
			cases[i].run();
			_exit(0);
		}
		if (waitpid(pid, &status, 0) != pid) {
			perror("hostile: waitpid");
			return 1;
		}
		printf("hostile: %s: %s\n", cases[i].name, outcome(status));
	}
	return 0;
}
