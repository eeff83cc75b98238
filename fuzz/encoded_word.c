/* SPDX-License-Identifier: Apache-2.0 */
/* Any header value becomes valid UTF-8 without line ends, in bounded size. */
#include "message/encoded_word.h"
#include "message/utf8.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str in = str_of((const char *)data, size);
	struct buf out = BUF_UNBOUNDED;
	struct arena arena;

	encoded_word_decode(&out, in);
	if (!utf8_is_valid(buf_str(&out)) || out.n > 4 * in.n)
		abort();
	arena_init(&arena, SIZE_MAX);
	if (!str_eq(encoded_word_decode_str(&arena, in), buf_str(&out)))
		abort();
	arena_fini(&arena);
	buf_fini(&out);
	return 0;
}
