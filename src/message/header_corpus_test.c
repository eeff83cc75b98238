/* SPDX-License-Identifier: Apache-2.0 */
/* Every header line of the corpus through what reads header values. */
#include "base/test.h"
#include "message/charset.h"
#include "message/corpus.h"
#include "message/date.h"
#include "message/encoded_word.h"
#include "message/param.h"
#include "message/transfer.h"
#include "message/utf8.h"

struct counts {
	size_t lines, dates, no_dates, types, no_types, charsets, no_charsets;
};

static void check_date(str value, struct counts *n)
{
	struct buf out = BUF_UNBOUNDED;
	struct date d, again;

	n->dates++;
	if (date_parse_rfc5322(value, &d)) {
		n->no_dates++;
		return;
	}
	date_print_imap(&out, d);
	assert_ok(date_parse_imap(buf_str(&out), &again));
	assert_true(again.seconds == d.seconds && again.zone == d.zone);
	buf_fini(&out);
}

static void check_type(struct arena *arena, str value, struct counts *n)
{
	struct param_value v = param_parse(arena, value);
	str charset = param_get(v.params, "charset");

	n->types++;
	n->no_types += str_is_none(v.type);
	if (!str_is_none(charset)) {
		n->charsets++;
		n->no_charsets += !charset_is_known(charset);
	}
	for (const struct param *p = v.params; p; p = p->next) {
		str name = arena_str(arena, p->name);

		assert_true(utf8_is_valid(
			param_get_decoded(arena, v.params, name.p)));
	}
	for (const struct param *p = param_joined(arena, v.params); p;
		p = p->next)
		assert_true(str_find(p->name, STR("*0")) == p->name.n);
}

static void check_value(
	struct arena *arena, str name, str value, struct counts *n)
{
	str text = encoded_word_decode_str(arena, value);

	n->lines++;
	assert_true(utf8_is_valid(text));
	if (str_ieq_c(name, "Date"))
		check_date(value, n);
	if (str_ieq_c(name, "Content-Type") ||
		str_ieq_c(name, "Content-Disposition"))
		check_type(arena, value, n);
}

/* The end of a field's value: a line end that no blank follows. */
static size_t value_end(str s)
{
	size_t at = 0;

	do {
		at += str_find_byte(str_skip(s, at), '\n') + 1;
	} while (at < s.n && (s.p[at] == ' ' || s.p[at] == '\t'));
	return at < s.n ? at : s.n;
}

/* All lines that look like a field, in bodies too. */
static void check_file(const char *path, str in, void *arg)
{
	(void)path;
	while (in.n) {
		str line = str_take(in, str_find_byte(in, '\n'));
		size_t colon = str_find_byte(line, ':');
		struct arena arena;

		if (colon == line.n || str_find_byte(line, ' ') < colon) {
			in = str_skip(in, line.n + 1);
			continue;
		}
		in = str_skip(in, colon + 1);
		size_t end = value_end(in);
		arena_init(&arena, 16 << 20);
		check_value(
			&arena, str_take(line, colon), str_take(in, end), arg);
		assert_false(arena_spent(&arena));
		arena_fini(&arena);
		in = str_skip(in, end);
	}
}

static void test_corpus(void **unused)
{
	struct counts n = {0};

	(void)unused;
	if (!corpus_each(check_file, &n))
		skip();
	print_message("%zu lines, %zu of %zu dates, %zu of %zu types, "
		      "%zu of %zu charsets unreadable\n",
		n.lines, n.no_dates, n.dates, n.no_types, n.types,
		n.no_charsets, n.charsets);
	/* The corpus is hostile, and still nearly all of it can be read. */
	assert_true(n.lines > 10000);
	assert_true(n.no_dates * 100 < n.dates);
	assert_true(n.no_types * 100 < n.types);
	assert_true(n.no_charsets * 50 < n.charsets);
	charset_cache_clear();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_corpus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
