/* SPDX-License-Identifier: Apache-2.0 */
/* What parses is printed; that parses too, and is printed the same. The first
 * byte chooses the dialect. */
#include "grammar/grammar.h"
#include "wire/imap/parse.h"
#include "wire/imap/print.h"
#include "wire/imap/respond.h"

#include <stdio.h>
#include <stdlib.h>

#define BUDGET (64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

GRAMMAR_TARGET(grammar_imap_command)

static void show(const char *what, const struct buf *text)
{
	fprintf(stderr, "%s: %.*s\n", what, STR_ARG(buf_str(text)));
}

static void check_again(const struct buf *first, unsigned dialect)
{
	struct arena arena;
	struct imap_command cmd;
	struct buf second = BUF_UNBOUNDED;

	arena_init(&arena, BUDGET);
	if (imap_parse(&arena, buf_str(first), dialect, &cmd)) {
		show("does not parse", first);
		abort();
	}
	imap_print_command(&second, &cmd, dialect);
	if (!str_eq(buf_str(first), buf_str(&second))) {
		show("first", first);
		show("second", &second);
		abort();
	}
	buf_fini(&second);
	arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena;
	struct imap_command cmd;
	struct buf out = BUF_UNBOUNDED;
	unsigned dialect = size ? data[0] & 3 : 0;
	str text = str_skip(str_of((const char *)data, size), 1);
	enum err e;

	arena_init(&arena, 1 << 20);
	e = imap_parse(&arena, text, dialect, &cmd);
	if (e) {
		imap_put_parse_error(&out, &cmd, e);
	} else {
		imap_print_command(&out, &cmd, dialect);
		check_again(&out, dialect);
	}
	buf_fini(&out);
	arena_fini(&arena);
	return 0;
}
