/* SPDX-License-Identifier: Apache-2.0 */
#include "load/imap.h"
#include "load/load.h"
#include "base/alloc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* Of imap_try: a NO of this tag is no failure. */
static uint64_t tolerated;

/* -------- framing -------- */

/* Whether the line that ends at `end` (its LF) announces a literal. */
static bool announces_literal(str input, size_t end, uint64_t *n_r)
{
	size_t at = end;
	uint64_t n = 0, unit = 1;

	if (at < 3 || input.p[at - 1] != '\r' || input.p[at - 2] != '}')
		return false;
	for (at -= 3; at > 0 && ascii_is_digit(input.p[at]); at--) {
		n += unit * (uint64_t)(input.p[at] - '0');
		unit *= 10;
	}
	*n_r = n;
	return input.p[at] == '{' && unit > 1;
}

/* The length of the first whole answer with its CRLF; 0: more is needed. */
static size_t whole_answer(struct imap *im, str input)
{
	while (im->scanned < input.n) {
		const char *lf = memchr(
			input.p + im->scanned, '\n', input.n - im->scanned);
		uint64_t literal;
		size_t end;

		if (!lf)
			return 0;
		end = (size_t)(lf - input.p);
		if (!announces_literal(input, end, &literal)) {
			im->scanned = 0;
			return end + 1;
		}
		if (literal > input.n - end - 1)
			return 0;
		im->scanned = end + 1 + literal;
	}
	return 0;
}

/* -------- answers -------- */

static void take_tagged(struct imap *im, str line)
{
	struct imap_command *command = &im->ring[im->done & (im->depth - 1)];
	size_t n = str_find_byte(line, ' ');
	uint64_t tag;

	if (line.p[0] != 'a' ||
		str_to_u64(str_of(line.p + 1, n - 1), UINT64_MAX / 2, &tag) ||
		tag != im->done || im->done == im->sent)
		fail("not an answer to command %llu: %.*s",
			(unsigned long long)im->done,
			STR_ARG(str_take(line, 300)));
	line = str_skip(line, n + 1);
	if (!str_starts(line, STR("OK")) && tolerated != tag + 1)
		fail("not OK: %.*s", STR_ARG(str_take(line, 300)));
	im->done++;
	if (im->tagged)
		im->tagged(im, command, line);
}

/* "* 17 EXISTS" */
static void note_exists(struct imap *im, str line)
{
	str digits = str_skip(line, 2);
	size_t n = str_find_byte(digits, ' ');

	if (str_eq(str_skip(digits, n), STR(" EXISTS")) &&
		str_to_u64(str_take(digits, n), UINT32_MAX, &im->exists))
		fail("EXISTS: %.*s", STR_ARG(line));
}

static void take_untagged(struct imap *im, str line)
{
	if (str_ends(line, STR(" EXISTS")))
		note_exists(im, line);
	if (str_starts(line, STR("* BYE")) && !im->conn.may_end)
		fail("%.*s", STR_ARG(str_take(line, 300)));
	if (!im->greeted) {
		im->greeted = true;
		if (im->welcomed)
			im->welcomed(im);
		return;
	}
	if (im->untagged)
		im->untagged(im,
			im->done < im->sent
				? &im->ring[im->done & (im->depth - 1)]
				: NULL,
			line);
}

static void take_answer(struct imap *im, str line)
{
	if (str_ends(line, STR("\r\n")))
		line.n -= 2;
	if (line.n > 1 && line.p[0] == '*')
		take_untagged(im, line);
	else if (line.n > 0 && line.p[0] == '+')
		im->going_on = true;
	else
		take_tagged(im, line);
}

static void imap_readable(struct conn *c)
{
	struct imap *im = (struct imap *)c;
	size_t n;

	while (c->fd >= 0 && (n = whole_answer(im, conn_input(c))) > 0) {
		str line = str_take(conn_input(c), n);

		conn_take(c, n);
		take_answer(im, line);
	}
}

/* -------- commands -------- */

void imap_connect(struct imap *im, uint64_t depth)
{
	conn_open(
		&im->conn, option_number("port", 143), option_number("tls", 0));
	im->conn.readable = imap_readable;
	im->sent = im->done = im->exists = 0;
	im->scanned = 0;
	im->greeted = im->going_on = false;
	for (im->depth = 1; im->depth < depth;)
		im->depth *= 2;
	if (!im->ring)
		im->ring = xcalloc(im->depth, sizeof *im->ring);
}

void imap_open(struct imap *im, uint64_t depth)
{
	imap_connect(im, depth);
	while (!im->greeted)
		loop_step();
}

static struct imap_command *begin(
	struct imap *im, const char *format, va_list args)
{
	struct imap_command *command = &im->ring[im->sent & (im->depth - 1)];

	if (!imap_room(im))
		fail("too many commands on the way");
	buf_addf(&im->conn.out, "a%llu ", (unsigned long long)im->sent++);
	buf_vaddf(&im->conn.out, format, args);
	*command = (struct imap_command){.begun = now_ns()};
	return command;
}

struct imap_command *imap_begin(struct imap *im, const char *format, ...)
{
	struct imap_command *command;
	va_list args;

	va_start(args, format);
	command = begin(im, format, args);
	va_end(args);
	return command;
}

void imap_add(struct imap *im, str bytes)
{
	buf_add(&im->conn.out, bytes);
}

void imap_send(struct imap *im)
{
	conn_flush(&im->conn);
}

void imap_wait(struct imap *im)
{
	while (im->done < im->sent)
		loop_step();
}

static uint64_t do_command(struct imap *im, const char *format, va_list args)
{
	uint64_t begun = now_ns();

	begin(im, format, args);
	imap_add(im, STR("\r\n"));
	imap_send(im);
	imap_wait(im);
	return now_ns() - begun;
}

uint64_t imap_do(struct imap *im, const char *format, ...)
{
	va_list args;
	uint64_t took;

	va_start(args, format);
	took = do_command(im, format, args);
	va_end(args);
	return took;
}

void imap_try(struct imap *im, const char *format, ...)
{
	va_list args;

	tolerated = im->sent + 1;
	va_start(args, format);
	do_command(im, format, args);
	va_end(args);
	tolerated = 0;
}

const char *imap_user(uint64_t n)
{
	static char name[24];

	snprintf(name, sizeof name, "u%04llu", (unsigned long long)n);
	return name;
}

void imap_login(struct imap *im, uint64_t user)
{
	imap_do(im, "LOGIN %s pw", imap_user(user));
}

void imap_close(struct imap *im)
{
	conn_close(&im->conn);
	free(im->ring);
	im->ring = NULL;
}

uint64_t imap_select(struct imap *im, const char *mailbox)
{
	im->exists = UINT64_MAX;
	imap_do(im, "SELECT %s", mailbox);
	if (im->exists == UINT64_MAX)
		fail("SELECT told no EXISTS");
	return im->exists;
}

struct capability {
	const char *name;
	bool found;
};

static void look_for(struct imap *im, struct imap_command *command, str answer)
{
	struct capability *wanted = im->work;
	char word[64];

	(void)command;
	snprintf(word, sizeof word, " %s ", wanted->name);
	if (str_starts(answer, STR("* CAPABILITY")))
		wanted->found =
			memmem(answer.p, answer.n, word, strlen(word)) ||
			str_ends(answer, str_c(wanted->name));
}

bool imap_has(struct imap *im, const char *name)
{
	struct capability wanted = {name, false};
	void *work = im->work;
	void (*before)(struct imap *, struct imap_command *, str) =
		im->untagged;

	im->work = &wanted;
	im->untagged = look_for;
	imap_do(im, "CAPABILITY");
	im->work = work;
	im->untagged = before;
	return wanted.found;
}

/* -------- reading answers -------- */

bool imap_is_fetch(str answer, uint64_t *number_r, str *rest_r)
{
	uint64_t n = 0;
	size_t at = 2;

	for (; at < answer.n && ascii_is_digit(answer.p[at]); at++)
		n = 10 * n + (uint64_t)(answer.p[at] - '0');
	*number_r = n;
	*rest_r = str_skip(answer, at + strlen(" FETCH "));
	return at > 2 && str_starts(str_skip(answer, at), STR(" FETCH ("));
}

str imap_literal(str answer)
{
	size_t end = str_find_byte(answer, '\n');
	uint64_t n;

	if (end == answer.n || !announces_literal(answer, end, &n) ||
		n > answer.n - end - 1)
		fail("no literal: %.*s", STR_ARG(str_take(answer, 300)));
	return str_of(answer.p + end + 1, n);
}

uint64_t imap_number_after(str answer, const char *name)
{
	size_t n = strlen(name), at = str_find(answer, str_of(name, n));
	uint64_t value;
	str digits = str_skip(answer, at + n + 1);
	size_t length = 0;

	while (length < digits.n && ascii_is_digit(digits.p[length]))
		length++;
	if (at == answer.n || length == 0 ||
		str_to_u64(str_take(digits, length), UINT64_MAX / 2, &value))
		fail("no %s: %.*s", name, STR_ARG(str_take(answer, 300)));
	return value;
}
