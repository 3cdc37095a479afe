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
static u64 ept_root;
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

static const char *init(void)
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
	ept_root = l1_slat(EPT_RWX, EPT_RWX | EPT_WB | EPT_LARGE);
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
	vmwrite(EPT_POINTER, ept_root | EPTP_4LVL | EPTP_WB);
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

static void enable(void)
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

static void disable(void)
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

static void run(struct l2 *g, struct l2_exit *x)
{
	vmx_load(g);
	vmx_run(g, x);
}

static void limits(struct crm_cpu *cpu)
{
	cpu->vendor = CRM_INTEL;
	cpu->limits[CRM_CR0] =
		crm_vmx_limits(CRM_CR0, rdmsr(MSR_VMX_CR0_FIXED0), rdmsr(MSR_VMX_CR0_FIXED1), true);
	cpu->limits[CRM_CR4] =
		crm_vmx_limits(CRM_CR4, rdmsr(MSR_VMX_CR4_FIXED0), rdmsr(MSR_VMX_CR4_FIXED1), true);
}

/* Intel SDM vol. 3C, 28.2.1, table 28-3. */
static void cr_exit(const struct crm_cpu *cpu, const struct crm_insn *i, u32 gpr, struct l2_exit *x)
{
	(void)cpu;
	x->reason = REASON_CR;
	switch (i->op) {
	case CRM_MOV_TO: x->qualification = i->cr | CR_ACCESS_TO << 4 | (u64)gpr << 8; break;
	case CRM_MOV_FROM: x->qualification = i->cr | CR_ACCESS_FROM << 4 | (u64)gpr << 8; break;
	case CRM_CLTS: x->qualification = CR_ACCESS_CLTS << 4; break;
	default:
		x->qualification =
			CR_ACCESS_LMSW << 4 | (x->linear ? BIT(6) : 0) | (i->value & 0xffff) << 16;
	}
}

static u32 exited(const struct l2 *g, const struct l2_exit *x, struct crm_insn *i, u32 *gpr)
{
	*gpr = x->qualification >> 8 & 15;
	*i = (struct crm_insn){.op = x->qualification >> 4 & 3 ? CRM_MOV_FROM : CRM_MOV_TO,
			       .cr = x->qualification & 15,
			       .value = g->gpr[*gpr]};
	return x->length;
}

const struct l1_vendor l1_vmx = {
	.init = init,
	.enable = enable,
	.disable = disable,
	.run = run,
	.limits = limits,
	.cr_exit = cr_exit,
	.exited = exited,
	.call = {0x0f, 0x01, 0xc1},
	.tells_error = true,
};
