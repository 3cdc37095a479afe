/* SPDX-License-Identifier: MIT */
/* Checks on the controls and the host state (Intel SDM vol. 3C, 27.2.1 and 27.2.2 to 27.2.4). */
#include "vmx/vmx_check.h"

#include "lib/fmt.h"
#include "x86/cr.h"
#include "x86/insn.h"
#include "x86/msr.h"
#include "x86/paging.h"
#include "x86/vector.h"

static const struct {
	bool is_cr0;
	u8 bit;
	const char *name;
} bits[] = {
#define CRM_CR0_BIT(name, bit, class)		    {true, bit, #name},
#define CRM_CR4_BIT(name, bit, class, w, cpuid_bit) {false, bit, #name},
#include "crmodel/crm_bits.def"
};

static void name_bit(char *out, size_t size, bool is_cr0, u32 bit)
{
	fmt(out, size, "bit %u", bit);
	for (size_t i = 0; i < ARRAY_SIZE(bits); i++)
		if (bits[i].is_cr0 == is_cr0 && bits[i].bit == bit)
			fmt(out, size, "%s", bits[i].name);
}

void vmx_check_fixed(struct check *c, const char *name, bool is_cr0, u64 value, u64 exempt)
{
	u64 must1 = (is_cr0 ? vmx_caps.cr0_fixed0 : vmx_caps.cr4_fixed0) & ~exempt;
	u64 may1 = is_cr0 ? vmx_caps.cr0_fixed1 : vmx_caps.cr4_fixed1;
	u64 bad1 = must1 & ~value;
	u64 bad0 = value & ~may1;
	char bit[16];

	for (u32 i = 0; i < 64; i++) {
		name_bit(bit, sizeof(bit), is_cr0, i);
		check_that(c, !(bad1 >> i & 1), "%s 0x%" FMT64 "x violates must1 %s", name, value,
			   bit);
		check_that(c, !(bad0 >> i & 1), "%s 0x%" FMT64 "x violates must0 %s", name, value,
			   bit);
	}
}

bool vmx_check_canonical(u64 address)
{
	u64 top = address >> 47;

	return top == 0 || top == 0x1ffff;
}

static void check_allowed(struct check *c, const char *name, u32 encoding, u64 caps)
{
	u32 value = (u32)vmx_field(encoding);

	check_that(c, !((u32)caps & ~value), "%s %x: bits %x must be 1", name, value,
		   (u32)caps & ~value);
	check_that(c, !(value & ~(u32)(caps >> 32)), "%s %x: bits %x must be 0", name, value,
		   value & ~(u32)(caps >> 32));
}

static void check_page(struct check *c, const char *name, u32 encoding)
{
	u64 pa = vmx_field(encoding);

	check_that(c, !(pa & (PAGE_SIZE - 1)) && !(pa >> vmx_caps.phys_bits),
		   "%s 0x%" FMT64 "x is no page address", name, pa);
}

static void check_ept(struct check *c, u32 proc2)
{
	u64 eptp = vmx_field(VMCS_EPTP);
	u64 type = eptp & 7;

	check_that(c, !(proc2 & PROC2_UNRESTRICTED) || (proc2 & PROC2_EPT),
		   "unrestricted guest without EPT");
	check_that(c, !(proc2 & PROC2_VPID) || vmx_field(VMCS_VPID), "VPID is 0");
	if (!(proc2 & PROC2_EPT))
		return;
	check_that(c, type == MEMTYPE_UC || type == MEMTYPE_WB, "EPTP 0x%" FMT64 "x: memory type",
		   eptp);
	check_that(c, (eptp >> 3 & 7) == 3, "EPTP 0x%" FMT64 "x: page-walk length", eptp);
	check_that(c, !(eptp & BIT(6)) || (vmx_caps.ept_vpid & EPT_CAP_AD),
		   "EPTP 0x%" FMT64 "x: no accessed and dirty flags here", eptp);
	check_that(c, !(eptp & 0xf00) && !(eptp >> vmx_caps.phys_bits),
		   "EPTP 0x%" FMT64 "x: reserved bits", eptp);
}

/* VM-entry interruption information (27.2.1.3) */
static void check_injection(struct check *c)
{
	u32 info = (u32)vmx_field(VMCS_ENTRY_INTR_INFO);
	u32 type = INTR_INFO_TYPE(info);
	u32 vector = INTR_INFO_VECTOR(info);
	bool has_code = type == INTR_TYPE_HARD_EXC && vector < 32 &&
			(VECTOR_ERROR_CODES >> vector & 1) && (vmx_field(VMCS_GUEST_CR0) & CR0_PE);

	if (!(info & INTR_INFO_VALID))
		return;
	check_that(c, type != 1 && type != 7, "injected event %x: type %u", info, type);
	check_that(c, type != INTR_TYPE_NMI || vector == VECTOR_NMI, "injected NMI %x: vector",
		   info);
	check_that(c, type != INTR_TYPE_HARD_EXC || vector < 32, "injected exception %x: vector",
		   info);
	check_that(c, !(info & INTR_INFO_ERROR) == !has_code, "injected event %x: error code %s",
		   info, has_code ? "missing" : "not allowed");
	check_that(c, !(info & 0x7ffff000), "injected event %x: reserved bits", info);
}

void vmx_check_controls(struct check *c)
{
	u32 pin = (u32)vmx_field(VMCS_PIN_CONTROLS);
	u32 proc = (u32)vmx_field(VMCS_PROC_CONTROLS);
	u32 proc2 = proc & PROC_SECONDARY ? (u32)vmx_field(VMCS_PROC_CONTROLS2) : 0;

	check_allowed(c, "pin-based controls", VMCS_PIN_CONTROLS, vmx_caps.pin);
	check_allowed(c, "primary controls", VMCS_PROC_CONTROLS, vmx_caps.proc);
	if (proc & PROC_SECONDARY)
		check_allowed(c, "secondary controls", VMCS_PROC_CONTROLS2, vmx_caps.proc2);
	check_allowed(c, "exit controls", VMCS_EXIT_CONTROLS, vmx_caps.exit);
	check_allowed(c, "entry controls", VMCS_ENTRY_CONTROLS, vmx_caps.entry);
	check_that(c, vmx_field(VMCS_CR3_TARGET_COUNT) <= (vmx_caps.misc >> 16 & 0x1ff),
		   "too many CR3 targets");
	if (proc & PROC_IO_BITMAPS) {
		check_page(c, "I/O bitmap A", VMCS_IO_BITMAP_A);
		check_page(c, "I/O bitmap B", VMCS_IO_BITMAP_B);
	}
	if (proc & PROC_MSR_BITMAPS)
		check_page(c, "MSR bitmap", VMCS_MSR_BITMAP);
	check_that(c, (pin & PIN_NMI_EXITING) || !(pin & PIN_VIRTUAL_NMIS),
		   "virtual NMIs without NMI exiting");
	check_that(c, (pin & PIN_VIRTUAL_NMIS) || !(proc & PROC_NMI_WINDOW),
		   "NMI-window exiting without virtual NMIs");
	check_ept(c, proc2);
	check_injection(c);
}

static void check_host_selectors(struct check *c)
{
	for (u32 f = VMCS_HOST_ES_SEL; f <= VMCS_HOST_TR_SEL; f += 2)
		check_that(c, !(vmx_field(f) & 7), "host selector field %04x: RPL or TI set", f);
	check_that(c, vmx_field(VMCS_HOST_CS_SEL), "host CS selector is 0");
	check_that(c, vmx_field(VMCS_HOST_TR_SEL), "host TR selector is 0");
}

void vmx_check_host(struct check *c)
{
	static const u16 addresses[] = {
		VMCS_HOST_FS_BASE,   VMCS_HOST_GS_BASE,	     VMCS_HOST_TR_BASE,
		VMCS_HOST_GDTR_BASE, VMCS_HOST_IDTR_BASE,    VMCS_HOST_SYSENTER_ESP,
		VMCS_HOST_RIP,	     VMCS_HOST_SYSENTER_EIP,
	};
	u64 efer = vmx_field(VMCS_HOST_EFER);
	bool host64 = vmx_field(VMCS_EXIT_CONTROLS) & EXIT_CTL_HOST64;

	vmx_check_fixed(c, "host CR0", true, vmx_field(VMCS_HOST_CR0), 0);
	vmx_check_fixed(c, "host CR4", false, vmx_field(VMCS_HOST_CR4), 0);
	check_that(c, !(vmx_field(VMCS_HOST_CR3) >> vmx_caps.phys_bits), "host CR3: width");
	for (u32 i = 0; i < ARRAY_SIZE(addresses); i++)
		check_that(c, vmx_check_canonical(vmx_field(addresses[i])),
			   "host field %04x is not canonical", addresses[i]);
	check_host_selectors(c);
	check_that(c, check_pat(vmx_field(VMCS_HOST_PAT)), "host IA32_PAT: memory type");
	check_that(c, !(efer & ~(EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE)),
		   "host IA32_EFER: reserved bits");
	check_that(c, !(efer & EFER_LMA) == !host64 && !(efer & EFER_LME) == !host64,
		   "host IA32_EFER: LMA and LME must equal the host address-space size");
	check_that(c, host64, "a 64-bit host needs the host address-space size control");
	check_that(c, vmx_field(VMCS_HOST_CR4) & CR4_PAE || !host64, "host CR4.PAE is 0");
}

u64 vmx_field(u32 encoding)
{
	u64 value = 0;

	return vmread_safe(encoding, &value) ? value : 0;
}

u32 vmx_check_all(emit_fn emit)
{
	struct check c = {.emit = emit};

	vmx_check_controls(&c);
	vmx_check_host(&c);
	vmx_check_guest(&c);
	vmx_check_segments(&c);
	return c.violations;
}
