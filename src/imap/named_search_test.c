/* SPDX-License-Identifier: Apache-2.0 */
/* FILTERS against filters that are made to cost; tests/transcripts/filters.txt
 * has what they mean. */
#include "imap/fixture.h"

#define NESTED 8 /* as many as may be */

static void begin(struct world *w, struct client *c)
{
	world_begin(w);
	client_begin(w, c);
	say(c, "a APPEND INBOX {1+}\r\nx\r\n");
	hear(c, "a OK");
	say(c, "b SELECT INBOX\r\n");
	hear(c, "b OK");
}

static void end(struct world *w, struct client *c)
{
	client_end(c);
	world_end(w);
}

static void set(struct client *c, unsigned n, const struct buf *value)
{
	struct buf command = BUF_UNBOUNDED;

	buf_addf(&command,
		"c SETMETADATA \"\" (/private/filters/values/f%u "
		"{%zu+}\r\n%.*s)\r\n",
		n, value->n, STR_ARG(buf_str(value)));
	buf_add_byte(&command, '\0');
	say(c, command.p);
	hear(c, "c OK");
	buf_fini(&command);
}

/* Filters 1, 2, …: each so many times the next one; the last one something. */
static void set_nested(struct client *c, unsigned times, const char *last)
{
	struct buf value = BUF_UNBOUNDED;

	for (unsigned n = 1; n <= NESTED; n++) {
		buf_reset(&value);
		for (unsigned i = 0; n < NESTED && i < times; i++)
			buf_addf(&value, "%sFILTER f%u", i ? " " : "", n + 1);
		if (n == NESTED)
			buf_add_c(&value, last);
		set(c, n, &value);
	}
	buf_fini(&value);
}

/* What they come to is limited as if the client had sent it. */
static void test_bombs(void **unused)
{
	static const struct {
		unsigned times;
		const char *answer;
	} rows[] = {
		{1, "* SEARCH 1\r\nd OK SEARCH completed\r\n"},
		{2, "* SEARCH 1\r\nd OK SEARCH completed\r\n"},
		{3, "d NO [LIMIT] That is more than allowed\r\n"},
		{1000, "d NO [LIMIT] That is more than allowed\r\n"},
	};
	struct world w;
	struct client c;

	(void)unused;
	begin(&w, &c);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		set_nested(&c, rows[i].times, "ALL");
		expect(&c, "d SEARCH FILTER f1\r\n", "d ", rows[i].answer);
	}
	/* The session goes on. */
	expect(&c, "d SEARCH FILTER f8\r\n", "d ",
		"* SEARCH 1\r\nd OK SEARCH completed\r\n");
	end(&w, &c);
}

/* Long strings: the memory that a command may take. */
static void test_long(void **unused)
{
	struct buf value = BUF_UNBOUNDED, command = BUF_UNBOUNDED;
	struct world w;
	struct client c;

	(void)unused;
	begin(&w, &c);
	buf_add_c(&value, "NOT SUBJECT ");
	while (value.n < 16000)
		buf_add_byte(&value, 'x');
	set(&c, 1, &value);
	expect(&c, "d SEARCH FILTER f1 FILTER f1\r\n", "d ",
		"* SEARCH 1\r\nd OK SEARCH completed\r\n");
	buf_add_c(&command, "d SEARCH ALL");
	for (int i = 0; i < 3000; i++)
		buf_add_c(&command, " FILTER f1");
	buf_add_c(&command, "\r\n");
	buf_add_byte(&command, '\0');
	expect(&c, command.p, "d ",
		"d NO [LIMIT] That is more than allowed\r\n");
	end(&w, &c);
	buf_fini(&value);
	buf_fini(&command);
}

/* Keys in parentheses count as deep as they come to stand. */
static void test_deep(void **unused)
{
	static const struct {
		unsigned deep;
		const char *answer;
	} rows[] = {
		{41, "* SEARCH 1\r\nd OK SEARCH completed\r\n"},
		{42, "d NO [LIMIT] That is more than allowed\r\n"},
	};
	struct world w;
	struct client c;

	(void)unused;
	begin(&w, &c);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		for (unsigned n = 1; n <= 3; n++) {
			struct buf value = BUF_UNBOUNDED;

			for (unsigned k = 0; k < rows[i].deep; k++)
				buf_add_byte(&value, '(');
			if (n < 3)
				buf_addf(&value, "FILTER f%u", n + 1);
			else
				buf_add_c(&value, "ALL");
			for (unsigned k = 0; k < rows[i].deep; k++)
				buf_add_byte(&value, ')');
			set(&c, n, &value);
			buf_fini(&value);
		}
		expect(&c, "d SEARCH FILTER f1\r\n", "d ", rows[i].answer);
	}
	end(&w, &c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bombs),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_deep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
