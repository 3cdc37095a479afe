/* SPDX-License-Identifier: MIT */
/* Any bytes on gdb's line: packets come out whole and are never longer than they may be; and any
 * bytes as the value of break=, and as code to be stepped over. */
#include "fuzz.h"
#include "hypapp/gdb/option.h"
#include "hypapp/gdb/packet.h"
#include "hypapp/gdb/step_class.h"

static void parse(const char *s)
{
	u8 bytes[16];
	u64 n;

	while (*s) {
		const char *before = s;

		packet_get_number(&s, &n);
		MUST(packet_get_bytes(&s, bytes, sizeof(bytes)) <= sizeof(bytes));
		if (s == before)
			s++;
	}
}

/* What is sent comes back as it was. */
static void there_and_back(const u8 *data, size_t size)
{
	static struct packet_out out;
	static struct packet_in in;
	enum packet_event e = PACKET_MORE;
	size_t n = size < PACKET_MAX / 2 - 1 ? size : PACKET_MAX / 2 - 1;

	packet_start(&out);
	packet_binary(&out, data, n);
	packet_end(&out);
	MUST(out.len <= sizeof(out.data));
	for (u32 i = 0; i < out.len; i++) {
		MUST(e == PACKET_MORE);
		e = packet_byte(&in, out.data[i]);
	}
	MUST(e == PACKET_READY && in.len == n && (!n || !memcmp(in.data, data, n)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct packet_in *in = calloc(1, sizeof(*in));
	struct break_option b;

	for (size_t i = 0; i < size; i++) {
		enum packet_event e = packet_byte(in, data[i]);

		MUST(in->len <= PACKET_MAX);
		if (e == PACKET_READY) {
			MUST(!in->data[in->len]);
			parse((const char *)in->data);
		}
	}
	free(in);
	there_and_back(data, size);
	MUST(option_break((const char *)data, size, &b) <= size);
	for (u32 mode = INSN_16; mode <= INSN_64; mode++)
		MUST(step_classify(data, size < 15 ? size : 15, (enum insn_mode)mode) <=
		     STEP_MOV_DR);
	return 0;
}
