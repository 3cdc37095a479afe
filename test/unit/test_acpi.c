/* SPDX-License-Identifier: MIT */
/* ACPI tables built in a fake physical memory, whole and damaged. */
#include "unit.h"
#include "lib/acpi.h"

#define MEM_BYTES 0x10000u

enum {
	RSDT = 0x1000,
	XSDT = 0x2000,
	MADT = 0x3000,
	FADT = 0x5000,
	OTHER = 0x6000,
	DSDT = 0x7000,
	FACS = 0x8000
};

static u8 mem[MEM_BYTES];
static u8 rsdp[ACPI_RSDP_BYTES];
static u32 madt_size;
static struct acpi_cpus cpus;
static struct acpi_pm pm;

static const void *map(u64 pa, size_t len)
{
	return pa <= MEM_BYTES && len <= MEM_BYTES - pa ? mem + pa : NULL;
}

static void put(u8 *p, u64 v, size_t bytes)
{
	memcpy(p, &v, bytes);
}

/* Makes the bytes sum to zero by the one at p[at]. */
static void seal(u8 *p, u32 size, u32 at)
{
	u8 sum = 0;

	p[at] = 0;
	for (u32 i = 0; i < size; i++)
		sum = (u8)(sum + p[i]);
	p[at] = (u8)-sum;
}

static void table(u32 at, const char *signature, u32 size)
{
	memcpy(mem + at, signature, 4);
	put(mem + at + 4, size, 4);
	seal(mem + at, size, 9);
}

static void madt_start(void)
{
	memset(mem + MADT, 0, 0x2000);
	put(mem + MADT + 36, 0xfee00000, 4);
	madt_size = 44;
}

static void madt_lapic(u8 id, u32 flags)
{
	u8 *e = mem + MADT + madt_size;

	e[0] = 0;
	e[1] = 8;
	e[3] = id;
	put(e + 4, flags, 4);
	madt_size += 8;
}

static void madt_x2apic(u32 id, u32 flags)
{
	u8 *e = mem + MADT + madt_size;

	e[0] = 9;
	e[1] = 16;
	put(e + 4, id, 4);
	put(e + 8, flags, 4);
	madt_size += 16;
}

static void build(u8 revision)
{
	memset(mem, 0, sizeof(mem));
	madt_start();
	madt_lapic(0, 1);
	madt_lapic(2, 1);
	table(MADT, "APIC", madt_size);
	put(mem + FADT + 64, 0xb004, 4);
	put(mem + FADT + 68, 0xc004, 4);
	mem[FADT + 89] = 2;
	put(mem + FADT + 112, 1 << 10, 4);
	mem[FADT + 116] = 1;
	put(mem + FADT + 120, 0xcf9, 8);
	mem[FADT + 128] = 6;
	table(FADT, "FACP", 244);
	table(OTHER, "OTHR", 36);
	for (u32 i = 0; i < 3; i++) {
		put(mem + RSDT + 36 + 4 * i, (u32[]){OTHER, MADT, FADT}[i], 4);
		put(mem + XSDT + 36 + 8 * i, (u32[]){OTHER, FADT, MADT}[i], 8);
	}
	table(RSDT, "RSDT", 36 + 12);
	table(XSDT, "XSDT", 36 + 24);
	memset(rsdp, 0, sizeof(rsdp));
	memcpy(rsdp, "RSD PTR ", 8);
	rsdp[15] = revision;
	put(rsdp + 16, RSDT, 4);
	if (revision >= 2) {
		put(rsdp + 20, 36, 4);
		put(rsdp + 24, XSDT, 8);
	}
	seal(rsdp, 20, 8);
	seal(rsdp, 36, 32);
}

static void assert_two_cpus(void)
{
	assert_null(acpi_madt_cpus(rsdp, map, &cpus));
	assert_int_equal(cpus.count, 2);
	assert_int_equal(cpus.apic_id[0], 0);
	assert_int_equal(cpus.apic_id[1], 2);
}

static void test_rsdp(void **state)
{
	(void)state;
	for (u8 revision = 0; revision <= 2; revision += 2) {
		build(revision);
		for (u32 at = 0; at < 64; at += 4) {
			memset(mem, 0, 128);
			memcpy(mem + at, rsdp, 36);
			assert_true(acpi_rsdp_find(mem, 128) == (at % 16 ? SIZE_MAX : at));
			assert_true(acpi_rsdp_find(mem, at + 19) == SIZE_MAX);
		}
		memset(mem, 0, 128);
		memcpy(mem + 16, rsdp, 36);
		assert_int_equal(acpi_rsdp_find(mem, 36) == 16, revision == 0);
		/* Each byte that a checksum covers, wrong in turn */
		for (u32 i = 0; i < (revision ? 36 : 20); i++) {
			mem[16 + i] ^= 0x10;
			assert_true(acpi_rsdp_find(mem, 128) == SIZE_MAX);
			mem[16 + i] ^= 0x10;
		}
	}
}

static void test_cpus(void **state)
{
	(void)state;
	build(0);
	assert_two_cpus();
	build(2);
	assert_two_cpus();
	mem[XSDT + 9]++; /* a damaged XSDT: the RSDT is there too */
	assert_two_cpus();
	build(2);
	mem[RSDT + 9]++; /* and the other way round */
	assert_two_cpus();
	build(2);
	put(rsdp + 24, 0, 8);
	seal(rsdp, 36, 32);
	assert_two_cpus();
}

static void test_cpu_entries(void **state)
{
	(void)state;
	build(2);
	madt_start();
	madt_lapic(4, 1);
	madt_lapic(5, 0);
	madt_lapic(7, 0);
	memcpy(mem + MADT + madt_size, (u8[]){0x80, 2}, 2);
	madt_size += 2; /* the shortest entry, of a vendor's kind */
	madt_lapic(6, 2);
	madt_lapic(0xff, 1);
	madt_x2apic(4, 1); /* the same CPU again */
	madt_x2apic(0x12345, 1);
	madt_x2apic(0xffffffff, 1);
	madt_x2apic(0x12345, 1);
	memcpy(mem + MADT + madt_size, (u8[]){1, 12, 0, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0}, 12);
	madt_size += 12; /* an I/O APIC */
	memcpy(mem + MADT + madt_size, (u8[]){5, 12, 0, 0, 0, 0, 0xe1, 0xfe, 1, 0, 0, 0}, 12);
	madt_size += 12; /* local APICs are elsewhere */
	table(MADT, "APIC", madt_size);
	assert_null(acpi_madt_cpus(rsdp, map, &cpus));
	assert_int_equal(cpus.count, 2);
	assert_int_equal(cpus.apic_id[0], 4);
	assert_int_equal(cpus.apic_id[1], 0x12345);
}

static void test_cpu_count(void **state)
{
	static const u32 counts[] = {0, 1, 255, 256, 257};

	(void)state;
	for (size_t n = 0; n < ARRAY_SIZE(counts); n++) {
		const char *err;

		build(2);
		madt_start();
		for (u32 i = 0; i < counts[n]; i++)
			madt_x2apic(1000 + i, 1);
		table(MADT, "APIC", madt_size);
		err = acpi_madt_cpus(rsdp, map, &cpus);
		if (!counts[n]) {
			assert_string_equal(err, "ACPI: the MADT has no enabled CPU");
		} else if (counts[n] > 256) {
			assert_string_equal(err, "ACPI: the MADT has more than 256 CPUs");
		} else {
			assert_null(err);
			assert_int_equal(cpus.count, counts[n]);
		}
	}
}

static void test_damaged(void **state)
{
	(void)state;
	build(2);
	rsdp[0] = 'X';
	assert_string_equal(acpi_madt_cpus(rsdp, map, &cpus), "ACPI: the root pointer is damaged");
	build(2);
	mem[MADT + 50]++;
	assert_non_null(acpi_madt_cpus(rsdp, map, &cpus));
	assert_null(acpi_fadt(rsdp, map, &pm));
	build(0);
	mem[RSDT] = 'X';
	seal(mem + RSDT, 48, 9);
	assert_string_equal(acpi_madt_cpus(rsdp, map, &cpus), "ACPI: the root table is damaged");
	build(0);
	put(rsdp + 16, MEM_BYTES - 10, 4);
	seal(rsdp, 20, 8);
	assert_non_null(acpi_madt_cpus(rsdp, map, &cpus));
	for (u32 bad = 0; bad < 2; bad++) { /* entries of no length, and past the end */
		build(2);
		mem[MADT + 44 + 1] = bad ? 17 : 1;
		table(MADT, "APIC", madt_size);
		assert_string_equal(acpi_madt_cpus(rsdp, map, &cpus),
				    "ACPI: the MADT has an entry of a bad size");
	}
	build(2);
	table(MADT, "APIC", 40);
	assert_string_equal(acpi_madt_cpus(rsdp, map, &cpus), "ACPI: the MADT is too short");
	build(2);
	table(MADT, "APIC", 35); /* shorter than a table's header */
	assert_non_null(acpi_madt_cpus(rsdp, map, &cpus));
	build(2);
	put(mem + MADT + 4, 0x7fffffff, 4);
	assert_non_null(acpi_madt_cpus(rsdp, map, &cpus));
}

static void test_fadt(void **state)
{
	(void)state;
	build(2);
	assert_null(acpi_fadt(rsdp, map, &pm));
	assert_int_equal(pm.pm1a_cnt, 0xb004);
	assert_int_equal(pm.reset_port, 0xcf9);
	assert_int_equal(pm.reset_value, 6);
	mem[FADT + 116] = 2; /* PCI configuration space */
	table(FADT, "FACP", 244);
	assert_null(acpi_fadt(rsdp, map, &pm));
	assert_int_equal(pm.reset_port, 0);
	mem[FADT + 116] = 1;
	table(FADT, "FACP", 116); /* ACPI 1.0 */
	assert_null(acpi_fadt(rsdp, map, &pm));
	assert_int_equal(pm.reset_port, 0);
	assert_int_equal(pm.pm1a_cnt, 0xb004);
	table(FADT, "FACP", 115);
	assert_string_equal(acpi_fadt(rsdp, map, &pm), "ACPI: the FADT is too short");
	build(2);
	put(mem + FADT + 112, 0, 4);
	table(FADT, "FACP", 244);
	assert_null(acpi_fadt(rsdp, map, &pm));
}

static void test_dmar(void **state)
{
	static struct acpi_iommus units;
	u8 t[48 + 16 + 24 + 16 * 16] = "DMAR";

	(void)state;
	assert_string_equal(acpi_iommus(t, 48, &units), "ACPI: the table of IOMMUs has no unit");
	put(t + 48, 1, 2); /* reserved memory */
	put(t + 50, 24, 2);
	put(t + 48 + 24 + 2, 16, 2);
	put(t + 48 + 24 + 8, 0xfed90000, 8);
	assert_string_equal(acpi_iommus(t, 48 + 24, &units),
			    "ACPI: the table of IOMMUs has no unit");
	assert_null(acpi_iommus(t, 48 + 24 + 16, &units));
	assert_int_equal(units.count, 1);
	assert_int_equal(units.base[0], 0xfed90000);
	assert_string_equal(acpi_iommus(t, 48 + 24 + 15, &units),
			    "ACPI: the table of IOMMUs has an entry of a bad size");
	put(t + 50, 3, 2);
	assert_string_equal(acpi_iommus(t, 48 + 24 + 16, &units),
			    "ACPI: the table of IOMMUs has an entry of a bad size");
	memset(t + 48, 0, sizeof(t) - 48);
	for (u32 i = 0; i < 17; i++) {
		put(t + 48 + 16 * i + 2, 16, 2);
		put(t + 48 + 16 * i + 8, i * 0x1000, 8);
	}
	assert_null(acpi_iommus(t, 48 + 16 * 16, &units));
	assert_int_equal(units.count, 16);
	assert_string_equal(acpi_iommus(t, 48 + 16 * 17, &units), "ACPI: more than 16 IOMMUs");
}

static void test_ivrs(void **state)
{
	static struct acpi_iommus units;
	u8 t[48 + 24 + 40 + 24 + 20] = "IVRS";

	(void)state;
	t[48] = 0x20; /* unity mapped memory */
	put(t + 50, 24, 2);
	t[72] = 0x10;
	put(t + 74, 40, 2);
	put(t + 80, 0xfed80000, 8);
	t[112] = 0x11; /* the same unit */
	put(t + 114, 24, 2);
	put(t + 120, 0xfed80000, 8);
	t[136] = 0x40; /* too short to be one */
	put(t + 138, 20, 2);
	assert_string_equal(acpi_iommus(t, 72, &units), "ACPI: the table of IOMMUs has no unit");
	assert_null(acpi_iommus(t, sizeof(t), &units));
	assert_int_equal(units.count, 1);
	assert_int_equal(units.base[0], 0xfed80000);
	assert_string_equal(acpi_iommus(t, sizeof(t) - 1, &units),
			    "ACPI: the table of IOMMUs has an entry of a bad size");
}

/* _S3_ in the DSDT and the FACS, as they are and damaged. */
static void test_sleep(void **state)
{
	static const struct {
		const char *aml;
		u8 size;
		bool has_s3;
		u8 type;
	} cases[] = {
		{"\x08_S3_\x12\x06\x04\x01\x01\0\0", 12, true, 1},
		{"\x08_S3_\x12\x06\x04\0\0\0\0", 12, true, 0},
		{"\x08_S3_\x12\x0a\x04\x0a\x05\x0a\x05\0\0", 14, true, 5},
		{"\x08_S3_\x12\x47\x00\x04\x0a\x05\x0a\x05\0\0", 15, true, 5},
		{"\x08_S3_\x0a\x06\x04\x01\x01\0\0", 12, false, 0},
		{"\x08_S4_\x12\x06\x04\x02\x02\0\0", 12, false, 0},
		{"\x08_S3_\x12\x06\x04", 8, false, 0},
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		build(2);
		memset(mem + DSDT, 0, 0x100);
		memcpy(mem + DSDT + 36, cases[i].aml, cases[i].size);
		table(DSDT, "DSDT", 40 + cases[i].size);
		put(mem + FADT + 40, DSDT, 4);
		memcpy(mem + FACS, i == 1 ? "FACT" : "FACS", 4);
		put(mem + FADT + 36, FACS, 4);
		table(FADT, "FACP", 244);
		assert_null(acpi_fadt(rsdp, map, &pm));
		assert_int_equal(pm.s3, cases[i].has_s3 ? 8 | cases[i].type : 0);
		assert_int_equal(pm.facs, i == 1 ? 0 : FACS);
		mem[DSDT + 9]++; /* the checksum */
		assert_null(acpi_fadt(rsdp, map, &pm));
		assert_int_equal(pm.s3, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rsdp),	    cmocka_unit_test(test_cpus),
		cmocka_unit_test(test_cpu_entries), cmocka_unit_test(test_cpu_count),
		cmocka_unit_test(test_damaged),	    cmocka_unit_test(test_fadt),
		cmocka_unit_test(test_sleep),	    cmocka_unit_test(test_dmar),
		cmocka_unit_test(test_ivrs),
	};

	return RUN(tests);
}
