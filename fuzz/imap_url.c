/* SPDX-License-Identifier: Apache-2.0 */
/* What parses is printed; that parses too, and is printed the same, unless
 * percents made it too long. And what is quoted can stand in a response code.
 */
#include "base/arena.h"
#include "base/buf.h"
#include "wire/imap/url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_quoted(str text)
{
	struct buf out = BUF_UNBOUNDED;

	imap_url_put_quoted(&out, text);
	for (size_t i = 0; i < out.n; i++)
		if (out.p[i] <= ' ' || out.p[i] > '~' || out.p[i] == ']')
			abort();
	buf_fini(&out);
}

static void check_again(const struct buf *first, const struct imap_url *url)
{
	struct arena arena;
	struct imap_url again;
	struct buf second = BUF_UNBOUNDED;
	enum err e;

	arena_init(&arena, 1 << 20);
	e = imap_url_parse(&arena, buf_str(first), &again);
	if (e == ERR_TOOBIG && first->n > IMAP_URL_MAX) {
		arena_fini(&arena);
		return;
	}
	if (!e)
		imap_url_print(&second, &again);
	if (e || !str_eq(buf_str(first), buf_str(&second)) ||
		again.form != url->form ||
		imap_url_is_message(&again) != imap_url_is_message(url)) {
		fprintf(stderr, "%s\nfirst: %.*s\nsecond: %.*s\n", err_words(e),
			STR_ARG(buf_str(first)), STR_ARG(buf_str(&second)));
		abort();
	}
	buf_fini(&second);
	arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena;
	struct imap_url url;
	struct buf out = BUF_UNBOUNDED;
	str text = str_of((const char *)data, size);

	check_quoted(text);
	arena_init(&arena, 1 << 18);
	if (!imap_url_parse(&arena, text, &url)) {
		imap_url_print(&out, &url);
		check_again(&out, &url);
	}
	buf_fini(&out);
	arena_fini(&arena);
	return 0;
}
