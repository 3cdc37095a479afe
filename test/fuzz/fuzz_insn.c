/* SPDX-License-Identifier: MIT */
/* Any bytes as an instruction: the decoder reads no byte too many, and says so when there is one
 * too few. */
#include "fuzz.h"
#include "lib/insn.h"

/* Decodes a copy that ends where the sanitizer sees it. */
static int decode(const u8 *bytes, size_t n, enum insn_mode mode, struct insn *out)
{
	u8 *copy = malloc(n ? n : 1);
	int len;

	memcpy(copy, bytes, n);
	len = insn_decode(copy, n, mode, out);
	free(copy);
	return len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct insn insn, again;
	enum insn_mode mode;
	int len;

	if (!size)
		return 0;
	mode = (enum insn_mode)(data[0] % 3);
	len = decode(data + 1, size - 1, mode, &insn);
	MUST(len >= -1 && len <= INSN_MAX_BYTES && len <= (int)(size - 1));
	if (len <= 0)
		return 0;
	MUST(insn.length == len);
	MUST(decode(data + 1, (size_t)len, mode, &again) == len);
	MUST(again.op == insn.op && again.imm == insn.imm && again.mem.disp == insn.mem.disp);
	MUST(decode(data + 1, (size_t)len - 1, mode, &again) == -1);
	return 0;
}
