/* SPDX-License-Identifier: MIT */
#include "testkernel/acpi.h"
#include "lib/string.h"

#define MADT_LAPIC    0
#define MADT_X2APIC   9
#define MADT_ENABLED  1u
#define FADT_PM1A_CNT 64 /* offset, bytes */

struct table { /* every ACPI table starts so */
	char signature[4];
	u32 length;
	u8 revision, checksum;
	char oem[6];
	u8 rest[20];
};

struct acpi acpi;

static u32 get32(const void *p)
{
	u32 v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static const struct table *find(const struct table *rsdt, const char *signature)
{
	const u8 *entries = (const u8 *)(rsdt + 1);

	for (u32 i = 0; i + sizeof(*rsdt) + 4 <= rsdt->length; i += 4) {
		const struct table *t = (const void *)(uintptr_t)get32(entries + i);

		if (!memcmp(t->signature, signature, 4))
			return t;
	}
	return NULL;
}

static void add_cpu(u32 apic_id, u32 flags)
{
	if (!(flags & MADT_ENABLED))
		return;
	if (acpi.cpus < MAX_CPUS)
		acpi.apic_id[acpi.cpus] = apic_id;
	acpi.cpus++;
}

static void read_madt(const struct table *madt)
{
	const u8 *p = (const u8 *)(madt + 1) + 8;
	const u8 *end = (const u8 *)madt + madt->length;

	for (; p + 2 <= end && p[1] >= 2; p += p[1]) {
		if (p[0] == MADT_LAPIC && p[1] >= 8)
			add_cpu(p[3], get32(p + 4));
		else if (p[0] == MADT_X2APIC && p[1] >= 16)
			add_cpu(get32(p + 4), get32(p + 8));
	}
}

bool acpi_init(const void *rsdp)
{
	const struct table *rsdt, *madt, *fadt;

	if (!rsdp)
		return false;
	rsdt = (const void *)(uintptr_t)get32((const u8 *)rsdp + 16);
	memcpy(acpi.oem, rsdt->oem, sizeof(acpi.oem));
	madt = find(rsdt, "APIC");
	fadt = find(rsdt, "FACP");
	if (!madt)
		return false;
	read_madt(madt);
	if (fadt)
		acpi.pm1a_cnt = (u16)get32((const u8 *)fadt + FADT_PM1A_CNT);
	return acpi.cpus > 0;
}
