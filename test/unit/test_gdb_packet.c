/* SPDX-License-Identifier: MIT */
/* The packets of gdb's protocol, the options of the hypapp gdb, and which instructions need care in
 * a step. */
#include "unit.h"
#include "hypapp/gdb/brk.h"
#include "hypapp/gdb/option.h"
#include "hypapp/gdb/packet.h"
#include "hypapp/gdb/step_class.h"

static struct packet_in in;

/* The last event that is not PACKET_MORE, and how many there were. */
static enum packet_event feed(const char *s, size_t n, u32 *events)
{
	enum packet_event last = PACKET_MORE, e;

	*events = 0;
	for (size_t i = 0; i < n; i++) {
		e = packet_byte(&in, (u8)s[i]);
		if (e != PACKET_MORE) {
			last = e;
			++*events;
		}
	}
	return last;
}

static void expect(const char *s, enum packet_event due, const char *data)
{
	u32 events;

	assert_int_equal(feed(s, strlen(s), &events), due);
	assert_int_equal(events, due != PACKET_MORE);
	if (data)
		assert_string_equal((const char *)in.data, data);
}

static void test_in(void **state)
{
	(void)state;
	expect("$g#67", PACKET_READY, "g");
	expect("$#00", PACKET_READY, "");
	expect("noise$m0,4#Fd", PACKET_READY, "m0,4");
	expect("$g#68", PACKET_BAD, NULL);
	expect("$g#6x", PACKET_BAD, NULL);
	expect("$g#x", PACKET_BAD, NULL);
	expect("$g$qC#b4", PACKET_READY, "qC");
	expect("$a}\x03}]#bb", PACKET_READY, "a#}");
	expect("\x03", PACKET_BREAK, NULL);
	expect("$\x03#03", PACKET_READY, "\x03");
	expect("+", PACKET_ACK, NULL);
	expect("-", PACKET_NAK, NULL);
}

static void test_in_long(void **state)
{
	static char text[PACKET_MAX + 16];
	u32 sum = 0, events;

	(void)state;
	for (u32 extra = 0; extra < 2; extra++) {
		size_t n = PACKET_MAX + extra;

		memset(text, 'x', sizeof(text));
		text[0] = '$';
		sum = (u8)(n * 'x');
		snprintf(text + 1 + n, 4, "#%02x", sum);
		assert_int_equal(feed(text, n + 4, &events), extra ? PACKET_BAD : PACKET_READY);
		assert_int_equal(in.len, PACKET_MAX);
	}
	expect("$g#67", PACKET_READY, "g");
}

static void test_out(void **state)
{
	static const u8 bytes[] = {0, '$', '#', '}', '*', 0xff};
	static struct packet_out out;

	(void)state;
	packet_start(&out);
	packet_text(&out, "T05thread:");
	packet_number(&out, 0);
	packet_number(&out, 0x10f00000000ULL);
	packet_hex_bytes(&out, bytes, 2);
	packet_end(&out);
	out.data[out.len] = 0;
	assert_string_equal((char *)out.data, "$T05thread:010f000000000024#a8");
	packet_start(&out);
	packet_binary(&out, bytes, sizeof(bytes));
	packet_end(&out);
	assert_int_equal(out.len, 1 + 2 + 2 * 4 + 3);
	assert_memory_equal(out.data, "$\0}\x04}\x03}]}\n\xff#", 12);
	packet_start(&out);
	for (u32 i = 0; i < PACKET_MAX; i++)
		packet_text(&out, "}x");
	packet_binary(&out, bytes, sizeof(bytes));
	packet_end(&out);
	assert_true(out.len <= sizeof(out.data));
}

static void test_parse(void **state)
{
	const char *s = "1fF,zz";
	u8 bytes[4];
	u64 n;

	(void)state;
	assert_true(packet_get_number(&s, &n) && n == 0x1ff);
	assert_true(packet_get_char(&s, ',') && !packet_get_char(&s, ','));
	assert_false(packet_get_number(&s, &n));
	s = "ffffffffffffffff";
	assert_true(packet_get_number(&s, &n) && n == ~0ULL);
	s = "10000000000000000";
	assert_false(packet_get_number(&s, &n));
	s = "0102a";
	assert_int_equal(packet_get_bytes(&s, bytes, sizeof(bytes)), 2);
	assert_memory_equal(bytes, "\1\2", 2);
	assert_string_equal(s, "a");
}

static void test_options(void **state)
{
	static const struct {
		const char *text;
		size_t used;
		struct break_option due;
	} good[] = {
		{"ffffffff81000000", 16, {true, false, 0xffffffff81000000, BRK_ALL}},
		{"0x7c00", 6, {true, false, 0x7c00, BRK_ALL}},
		{"7c00@all", 8, {true, false, 0x7c00, BRK_ALL}},
		{"7c00@3,9000", 7, {true, false, 0x7c00, 3}},
		{"7c00@sipi", 9, {true, true, 0x7c00, BRK_ALL}},
		{"sipi", 4, {false, true, 0, BRK_ALL}},
	};
	static const char *const bad[] = {
		"",	   "@1",    "0x",      "7c00@",	 "7c00@x",
		"7c00@64", "7c00 ", "7c00@1x", "banana", "10000000000000000"};
	struct break_option b;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(option_break(good[i].text, strlen(good[i].text), &b),
				 good[i].used);
		assert_int_equal(b.linear, good[i].due.linear);
		assert_int_equal(b.cpu, good[i].due.cpu);
		assert_int_equal(b.has_address, good[i].due.has_address);
		assert_int_equal(b.at_start, good[i].due.at_start);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(option_break(bad[i], strlen(bad[i]), &b), 0);
	assert_int_equal(option_port("com2", 4), 0x2f8);
	assert_int_equal(option_port("0x3e8", 5), 0x3e8);
	assert_int_equal(option_port("off", 3), 0);
	assert_int_equal(option_port("com22", 5), 0);
	assert_int_equal(option_port("0xffff", 6), 0);
}

static void test_classes(void **state)
{
	static const struct {
		u8 code[4];
		enum insn_mode mode;
		enum step_class due;
	} list[] = {
		{{0x90}, INSN_64, STEP_PLAIN},
		{{0x9c}, INSN_64, STEP_PUSHF},
		{{0x66, 0x9d}, INSN_32, STEP_POPF},
		{{0x48, 0xcf}, INSN_64, STEP_IRET},
		{{0xce}, INSN_32, STEP_INTO},
		{{0xce}, INSN_64, STEP_PLAIN},
		{{0x17}, INSN_16, STEP_LOADS_SS},
		{{0x8e, 0xd0}, INSN_64, STEP_LOADS_SS},
		{{0x8e, 0xd8}, INSN_64, STEP_PLAIN},
		{{0x0f, 0x05}, INSN_64, STEP_SYSCALL},
		{{0x48, 0x0f, 0x07}, INSN_64, STEP_SYSRET},
		{{0x0f, 0x21, 0xf0}, INSN_64, STEP_MOV_DR},
		{{0xf3, 0xa4}, INSN_64, STEP_STRING},
		{{0xf3, 0x48, 0xab}, INSN_64, STEP_STRING},
		{{0xa4}, INSN_64, STEP_PLAIN},
		{{0xfb}, INSN_64, STEP_STI},
		{{0xf4}, INSN_64, STEP_HLT},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(list); i++)
		assert_int_equal(step_classify(list[i].code, 4, list[i].mode), list[i].due);
	assert_int_equal(step_classify(list[0].code, 0, INSN_64), STEP_PLAIN);
	assert_int_equal(step_classify((const u8[]){0x0f}, 1, INSN_64), STEP_PLAIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in),	cmocka_unit_test(test_in_long),
		cmocka_unit_test(test_out),	cmocka_unit_test(test_parse),
		cmocka_unit_test(test_options), cmocka_unit_test(test_classes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
