/* SPDX-License-Identifier: MIT */
/* Into VMX operation, into L2 and back (Intel SDM vol. 3C, 24.7, 25 to 28). */
#include "testkernel/l1/vmx.h"
#include "testkernel/l1/vmcs.h"
#include "testkernel/cpu.h"
#include "x86/cr.h"
#include "x86/msr.h"
#include "x86/paging.h"

#define EPT_RWX	  7ULL
#define EPT_WB	  (6ULL << 3)
#define EPT_LARGE BIT(7)
#define EPTP_WB	  6ULL
#define EPTP_4LVL (3ULL << 3)

#define INFO_VALID    BIT(31)
#define INFO_ERROR    BIT(11)
#define HARDWARE_EXC  3u /* interruption type */
#define CR0_NOT_SAVED (CR0_CD | CR0_NW)

struct vmx_cpu {
	u8 vmxon[PAGE_SIZE] __attribute__((aligned(4096)));
	u8 vmcs[PAGE_SIZE] __attribute__((aligned(4096)));
	u32 launched;
	u64 host_cr0;
};

u32 vmx_enter(u64 gpr[16], u32 launched);
extern const u8 vmx_exit[];

static struct vmx_cpu vmx_cpus[MAX_CPUS];
static u64 ept_pml4[512] __attribute__((aligned(4096)));
static u64 ept_pdpt[512] __attribute__((aligned(4096)));
static u64 ept_pd[4 * 512] __attribute__((aligned(4096)));
static u8 msr_bitmap[PAGE_SIZE] __attribute__((aligned(4096)));

static struct vmx_cpu *this_vmx(void)
{
	return &vmx_cpus[this_cpu()->index];
}

/* The wanted bits, and those that the CPU insists on (Intel SDM vol. 3D, A.3). */
static u32 controls(u32 msr, u64 wanted)
{
	u64 caps = rdmsr(msr);

	return (u32)((wanted & (caps >> 32)) | (u32)caps);
}

static bool allowed(u32 msr, u64 wanted)
{
	return !(wanted & ~(rdmsr(msr) >> 32));
}

/* 4 GiB, one to one. */
static void build_ept(void)
{
	ept_pml4[0] = (uintptr_t)ept_pdpt | EPT_RWX;
	for (u64 i = 0; i < 4; i++)
		ept_pdpt[i] = (uintptr_t)&ept_pd[512 * i] | EPT_RWX;
	for (u64 i = 0; i < ARRAY_SIZE(ept_pd); i++)
		ept_pd[i] = i * PAGE_2M | EPT_RWX | EPT_WB | EPT_LARGE;
}

const char *l1_init(void)
{
	const u64 ept = EPT_CAP_WALK4 | EPT_CAP_WB | EPT_CAP_2M;
	u64 lock;

	if (!(cpuid(1, 0).ecx & CPUID_1_ECX_VMX))
		return "needs VT-x";
	lock = rdmsr(MSR_FEATURE_CONTROL);
	if ((lock & FEATURE_CONTROL_LOCK) && !(lock & FEATURE_CONTROL_VMX_NO_SMX))
		return "needs VT-x that the firmware has not locked off";
	if (!(rdmsr(MSR_VMX_BASIC) & BASIC_TRUE_CONTROLS) ||
	    !allowed(MSR_VMX_PROCBASED, PROC_SECONDARY) ||
	    !allowed(MSR_VMX_PROCBASED2, PROC2_EPT | PROC2_UNRESTRICTED) ||
	    (rdmsr(MSR_VMX_EPT_VPID_CAP) & ept) != ept)
		return "needs VT-x with EPT and unrestricted guest";
	build_ept();
	return NULL;
}

u64 vmx_region(void)
{
	return (uintptr_t)this_vmx()->vmxon;
}

static void set_controls(void)
{
	vmwrite(PIN_CONTROLS, controls(MSR_VMX_TRUE_PINBASED, 0));
	vmwrite(PROC_CONTROLS,
		controls(MSR_VMX_TRUE_PROCBASED, PROC_HLT | PROC_MSR_BITMAPS | PROC_SECONDARY));
	vmwrite(PROC_CONTROLS2, controls(MSR_VMX_PROCBASED2, PROC2_EPT | PROC2_UNRESTRICTED));
	vmwrite(EXIT_CONTROLS,
		controls(MSR_VMX_TRUE_EXIT, EXIT_HOST64 | EXIT_SAVE_EFER | EXIT_LOAD_EFER));
	vmwrite(EXCEPTION_BITMAP, UINT32_MAX);
	vmwrite(PF_ERROR_MASK, 0);
	vmwrite(PF_ERROR_MATCH, 0);
	vmwrite(CR3_TARGET_COUNT, 0);
	vmwrite(EXIT_STORE_COUNT, 0);
	vmwrite(EXIT_LOAD_COUNT, 0);
	vmwrite(ENTRY_LOAD_COUNT, 0);
	vmwrite(ENTRY_INTERRUPTION, 0);
	vmwrite(MSR_BITMAP, (uintptr_t)msr_bitmap);
	vmwrite(EPT_POINTER, (uintptr_t)ept_pml4 | EPTP_4LVL | EPTP_WB);
	vmwrite(TSC_OFFSET, 0);
	vmwrite(VMCS_LINK, ~0ULL);
}

/* The kernel itself, as it is. */
static void set_host(void)
{
	struct cpu *c = this_cpu();

	vmwrite(HOST_CR0, read_cr0());
	vmwrite(HOST_CR3, read_cr3());
	vmwrite(HOST_CR4, read_cr4());
	vmwrite(HOST_EFER, rdmsr(MSR_EFER));
	vmwrite(HOST_CS_SEL, TK_CODE64);
	vmwrite(HOST_SS_SEL, TK_DATA);
	vmwrite(HOST_DS_SEL, TK_DATA);
	vmwrite(HOST_ES_SEL, TK_DATA);
	vmwrite(HOST_FS_SEL, 0);
	vmwrite(HOST_GS_SEL, 0);
	vmwrite(HOST_TR_SEL, TK_TSS);
	vmwrite(HOST_FS_BASE, 0);
	vmwrite(HOST_GS_BASE, (uintptr_t)c);
	vmwrite(HOST_TR_BASE, (uintptr_t)&c->tss);
	vmwrite(HOST_GDTR_BASE, (uintptr_t)c->gdt);
	vmwrite(HOST_IDTR_BASE, (uintptr_t)idt);
	vmwrite(HOST_SYSENTER_CS, rdmsr(MSR_SYSENTER_CS));
	vmwrite(HOST_SYSENTER_ESP, rdmsr(MSR_SYSENTER_ESP));
	vmwrite(HOST_SYSENTER_EIP, rdmsr(MSR_SYSENTER_EIP));
	vmwrite(HOST_RIP, (uintptr_t)vmx_exit);
}

void l1_enable(void)
{
	struct vmx_cpu *v = this_vmx();
	u32 revision = (u32)rdmsr(MSR_VMX_BASIC) & 0x7fffffff;
	u64 lock = rdmsr(MSR_FEATURE_CONTROL);

	if (!(lock & FEATURE_CONTROL_LOCK))
		wrmsr(MSR_FEATURE_CONTROL,
		      lock | FEATURE_CONTROL_VMX_NO_SMX | FEATURE_CONTROL_LOCK);
	write_cr0(read_cr0() | rdmsr(MSR_VMX_CR0_FIXED0));
	write_cr4(read_cr4() | rdmsr(MSR_VMX_CR4_FIXED0));
	*(u32 *)v->vmxon = revision;
	*(u32 *)v->vmcs = revision;
	v->launched = 0;
	v->host_cr0 = read_cr0();
	if (!vmxon(HPA((uintptr_t)v->vmxon)))
		panic("VMXON failed on cpu %u", this_cpu()->index);
	if (!vmclear(HPA((uintptr_t)v->vmcs)) || !vmptrld(HPA((uintptr_t)v->vmcs)))
		panic("VMPTRLD failed on cpu %u", this_cpu()->index);
	set_controls();
	set_host();
}

/* VM exits leave limits of FFFFh behind. */
static void reload_tables(void)
{
	struct cpu *c = this_cpu();
	struct desc_ptr p = {.limit = sizeof(c->gdt) - 1, .base = (uintptr_t)c->gdt};

	lgdt(&p);
	idt_load(idt);
}

void l1_disable(void)
{
	vmclear(HPA((uintptr_t)this_vmx()->vmcs));
	vmxoff();
	write_cr4(read_cr4() & ~CR4_VMXE);
	reload_tables();
}

void vmx_load(const struct l2 *g)
{
	bool ia32e = g->efer & EFER_LMA;

	for (u32 i = 0; i < L2_SEGMENTS; i++) {
		vmwrite(GUEST_SEG_SEL + 2 * i, g->seg[i].sel);
		vmwrite(GUEST_SEG_BASE + 2 * i, g->seg[i].base);
		vmwrite(GUEST_SEG_LIMIT + 2 * i, g->seg[i].limit);
		vmwrite(GUEST_SEG_AR + 2 * i, g->seg[i].ar);
	}
	for (u32 i = 0; i < 4; i++)
		vmwrite(GUEST_PDPTE0 + 2 * i, g->pdpte[i]);
	vmwrite(GUEST_CR0, g->cr[CRM_CR0].hw);
	vmwrite(CR0_SHADOW, g->cr[CRM_CR0].shadow);
	vmwrite(CR0_MASK, g->cr[CRM_CR0].owned);
	vmwrite(GUEST_CR4, g->cr[CRM_CR4].hw);
	vmwrite(CR4_SHADOW, g->cr[CRM_CR4].shadow);
	vmwrite(CR4_MASK, g->cr[CRM_CR4].owned);
	vmwrite(GUEST_CR3, g->cr3);
	vmwrite(GUEST_EFER, g->efer);
	vmwrite(ENTRY_CONTROLS,
		controls(MSR_VMX_TRUE_ENTRY, ENTRY_LOAD_EFER | (ia32e ? ENTRY_IA32E : 0)));
	vmwrite(GUEST_RSP, g->gpr[RSP]);
	vmwrite(GUEST_RIP, g->rip);
	vmwrite(GUEST_RFLAGS, g->rflags);
	vmwrite(GUEST_GDTR_BASE, 0);
	vmwrite(GUEST_GDTR_LIMIT, 0);
	vmwrite(GUEST_IDTR_BASE, 0);
	vmwrite(GUEST_IDTR_LIMIT, 0);
	vmwrite(GUEST_DR7, 0x400);
	vmwrite(GUEST_ACTIVITY, 0);
	vmwrite(GUEST_INTERRUPTIBILITY, 0);
	vmwrite(GUEST_PENDING_DEBUG, 0);
	vmwrite(GUEST_SYSENTER_CS, 0);
	vmwrite(GUEST_SYSENTER_ESP, 0);
	vmwrite(GUEST_SYSENTER_EIP, 0);
}

static void store(struct l2 *g)
{
	for (u32 i = 0; i < 4; i++)
		g->pdpte[i] = vmread(GUEST_PDPTE0 + 2 * i);
	g->cr[CRM_CR0] = (struct crm_cr){vmread(GUEST_CR0), vmread(CR0_SHADOW), vmread(CR0_MASK)};
	g->cr[CRM_CR4] = (struct crm_cr){vmread(GUEST_CR4), vmread(CR4_SHADOW), vmread(CR4_MASK)};
	g->cr3 = vmread(GUEST_CR3);
	g->efer = vmread(GUEST_EFER);
	g->ia32e = vmread(ENTRY_CONTROLS) & ENTRY_IA32E;
	g->gpr[RSP] = vmread(GUEST_RSP);
	g->rip = vmread(GUEST_RIP);
	g->rflags = vmread(GUEST_RFLAGS);
}

static enum l2_exit_kind kind_of(u32 reason)
{
	switch (reason) {
	case REASON_VMCALL: return L2_CALL;
	case REASON_HLT: return L2_HALT;
	case REASON_CR: return L2_CR;
	case REASON_GUEST_STATE: return L2_REFUSED;
	default: return L2_OTHER;
	}
}

static void decode(struct l2_exit *x)
{
	u32 info = (u32)vmread(EXIT_INTERRUPTION);

	x->reason = (u32)vmread(EXIT_REASON);
	x->kind = kind_of(x->reason);
	x->qualification = vmread(EXIT_QUALIFICATION);
	x->linear = vmread(GUEST_LINEAR);
	x->length = (u32)vmread(EXIT_INSN_LENGTH);
	if (x->reason != REASON_EXCEPTION || !(info & INFO_VALID) ||
	    (info >> 8 & 7) != HARDWARE_EXC)
		return;
	x->kind = L2_EXCEPTION;
	x->vector = info & 0xff;
	x->has_error = info & INFO_ERROR;
	x->error = (u32)vmread(EXIT_ERROR_CODE);
}

/* CD and NW are neither loaded by entries nor by exits (Intel SDM vol. 3C, 27.3.2.1 and 28.5.1). */
static void cache_bits(u64 from)
{
	u64 host = this_vmx()->host_cr0;
	u64 wanted = (host & ~CR0_NOT_SAVED) | (from & CR0_NOT_SAVED);

	if (read_cr0() != wanted)
		write_cr0(wanted);
}

void vmx_run(struct l2 *g, struct l2_exit *x)
{
	struct vmx_cpu *v = this_vmx();

	*x = (struct l2_exit){.kind = L2_OTHER};
	cache_bits(g->cr[CRM_CR0].hw);
	if (!vmx_enter(g->gpr, v->launched)) {
		cache_bits(v->host_cr0);
		x->reason = (u32)vmread(INSN_ERROR);
		return;
	}
	decode(x);
	if (!(x->reason & REASON_ENTRY_FAILED)) {
		v->launched = 1;
		store(g);
	}
	cache_bits(v->host_cr0);
}

void l1_run(struct l2 *g, struct l2_exit *x)
{
	vmx_load(g);
	vmx_run(g, x);
}

void l1_limits(struct crm_cpu *cpu)
{
	cpu->vendor = CRM_INTEL;
	cpu->limits[CRM_CR0] =
		crm_vmx_limits(CRM_CR0, rdmsr(MSR_VMX_CR0_FIXED0), rdmsr(MSR_VMX_CR0_FIXED1), true);
	cpu->limits[CRM_CR4] =
		crm_vmx_limits(CRM_CR4, rdmsr(MSR_VMX_CR4_FIXED0), rdmsr(MSR_VMX_CR4_FIXED1), true);
}

/* Intel SDM vol. 3C, 28.2.1, table 28-3. */
u64 l1_qualification(const struct crm_insn *i, u32 gpr, bool memory)
{
	switch (i->op) {
	case CRM_MOV_TO: return i->cr | CR_ACCESS_TO << 4 | (u64)gpr << 8;
	case CRM_MOV_FROM: return i->cr | CR_ACCESS_FROM << 4 | (u64)gpr << 8;
	case CRM_CLTS: return CR_ACCESS_CLTS << 4;
	case CRM_LMSW:
		return CR_ACCESS_LMSW << 4 | (memory ? BIT(6) : 0) | (i->value & 0xffff) << 16;
	default: return 0;
	}
}
