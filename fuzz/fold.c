/* SPDX-License-Identifier: Apache-2.0 */
/* Lines are needles, the last one the text: what is found in folded text is
 * what a plain search finds, whatever the pieces. */
#include "base/buf.h"
#include "message/fold.h"
#include "message/match.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NEEDLES_MAX 8

static void search(struct match *m, str text, size_t piece)
{
	struct buf out = BUF_UNBOUNDED;
	struct fold f;

	fold_init(&f);
	match_reset(m);
	for (size_t at = 0; at < text.n; at += piece) {
		buf_reset(&out);
		fold_feed(&f, str_take(str_skip(text, at), piece), &out);
		match_feed(m, buf_str(&out));
	}
	buf_reset(&out);
	fold_finish(&f, &out);
	match_feed(m, buf_str(&out));
	buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str text = str_of((const char *)data, size);
	str needles[NEEDLES_MAX];
	struct arena arena;
	size_t count = 0, n;

	arena_init(&arena, SIZE_MAX);
	while (count < NEEDLES_MAX &&
		(n = str_find_byte(text, '\n')) < text.n) {
		needles[count++] = fold_str(&arena, str_take(text, n));
		text = str_skip(text, n + 1);
	}
	str folded = fold_str(&arena, text);
	struct match *m =
		match_new(&arena, match_set_new(&arena, needles, count));
	for (size_t piece = 1; piece < 6; piece++) {
		search(m, text, piece);
		for (size_t i = 0; i < count; i++) {
			bool found = !needles[i].n ||
				     str_find(folded, needles[i]) < folded.n;

			if (match_found(m, i) != found)
				abort();
		}
	}
	arena_fini(&arena);
	return 0;
}
