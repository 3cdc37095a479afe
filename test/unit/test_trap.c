/* SPDX-License-Identifier: MIT */
/* Exceptions in Lamina itself: NMIs, and the #SX that AMD-V makes of an INIT. */
#include "unit.h"
#include "core/mp.h"
#include "core/panic.h"
#include "core/trap.h"
#include "x86/insn.h"
#include "x86/vector.h"

/* What the assembly files have; only the addresses count. */
const u8 trap_stubs[1], vmx_enter_window[16], vmx_enter_window_end[1], vmx_enter_abort[1];
const u8 wait_window[16], wait_window_end[1], wait_restart[1];
const u64 ex_table[2] = {0x1111, 0x2222}, ex_table_end[1];

static struct pcpu pcpu;
static u32 inits, panics;

void mp_post_init(struct pcpu *p)
{
	assert_ptr_equal(p, &pcpu);
	atomic_fetch_or(&p->pub.mail, MAIL_INIT);
	inits++;
}

void panic_trap(const struct trap_frame *f)
{
	(void)f;
	panics++;
	longjmp(*(jmp_buf *)pcpu.vcpu.arch, 1);
}

static void trap(u64 vector)
{
	struct trap_frame f = {.vector = vector, .rip = 0x100000};
	jmp_buf out;

	fake_cpu->gs = &pcpu;
	pcpu.vcpu.arch = &out;
	if (!setjmp(out))
		trap_handle(&f);
}

/* The CPU looks at its mail at once, as after a kick, and takes no NMI of the guest for it. */
static void test_init(void **state)
{
	(void)state;
	memset(&pcpu, 0, sizeof(pcpu));
	trap(VECTOR_SX);
	assert_int_equal(inits, 1);
	assert_int_equal(atomic_load(&pcpu.pub.mail), MAIL_INIT);
	assert_int_equal(atomic_load(&pcpu.vcpu.nmi_root), 1);
	assert_int_equal(atomic_load(&pcpu.pub.kick), 1);
	trap(VECTOR_SX); /* a kick is on its way already: one look is enough */
	assert_int_equal(inits, 2);
	assert_int_equal(atomic_load(&pcpu.vcpu.nmi_root), 1);
	assert_int_equal(panics, 0);
}

static void test_nmi(void **state)
{
	(void)state;
	memset(&pcpu, 0, sizeof(pcpu));
	trap(VECTOR_NMI);
	trap(VECTOR_NMI);
	assert_int_equal(atomic_load(&pcpu.vcpu.nmi_root), 2);
	trap(VECTOR_PF);
	assert_int_equal(panics, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_init),
		cmocka_unit_test(test_nmi),
	};

	return RUN(tests);
}
