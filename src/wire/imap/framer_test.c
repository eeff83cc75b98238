/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "base/buf.h"
#include "wire/imap/framer.h"

#include <inttypes.h>
#include <stdlib.h>

static const struct imap_framer_limits small = {
	.line = 64,
	.literal = 20,
	.literals = 30,
	.body = 100,
	.nonsync = IMAP_LITERAL_PLUS,
	.skip = 400,

};

enum row_flag {
	REFUSE = 1 << 0,  /* refuse the first message offered */
	GIVE_UP = 1 << 1, /* skip from the third byte of a message on */
	LINES = 1 << 2,	  /* line mode */
	MINUS = 1 << 4,	  /* literals of 10 bytes, as LITERAL- has 4096 */
	NO_BODY = 1 << 5, /* before login */
};

/* What a session does with a stream of which more arrives at each split. */
struct session {
	struct imap_framer framer;
	str stream;
	size_t at;   /* consumed */
	size_t have; /* arrived */
	const size_t *splits;
	unsigned flags;
	struct buf log;
};

static bool arrive(struct session *s)
{
	if (s->have == s->stream.n)
		return false;
	while (*s->splits <= s->have && *s->splits < s->stream.n)
		s->splits++;
	s->have = *s->splits < s->stream.n ? *s->splits : s->stream.n;
	return true;
}

static void take_body(struct session *s, uint64_t n)
{
	bool give_up = s->flags & GIVE_UP;

	buf_add_byte(&s->log, '<');
	while (n > 0 && !(give_up && n <= 2)) {
		while (s->at == s->have)
			if (!arrive(s))
				return;
		buf_add_byte(&s->log, s->stream.p[s->at++]);
		n--;
	}
	buf_add_byte(&s->log, '>');
	if (give_up)
		imap_framer_skip(&s->framer, n);
}

static void take_frame(struct session *s, const struct imap_frame *f)
{
	switch (f->kind) {
	case IMAP_FRAME_MORE:
	case IMAP_FRAME_SKIP:
		break;
	case IMAP_FRAME_CONTINUE:
		buf_add_byte(&s->log, '+');
		break;
	case IMAP_FRAME_COMMAND:
		buf_addf(&s->log, "[%.*s]", STR_ARG(f->text));
		break;
	case IMAP_FRAME_BODY:
		buf_addf(&s->log, "APPEND(%.*s|%" PRIu64 "%s%s)",
			STR_ARG(f->text), f->body, f->sync ? " sync" : "",
			f->binary ? " binary" : "");
		break;
	case IMAP_FRAME_ERROR:
		buf_addf(&s->log, "!%.*s %.*s!", STR_ARG(f->tag),
			(int)strcspn(f->reply, "]") + 1, f->reply);
		break;
	}
	s->at += f->n;
	if (f->kind != IMAP_FRAME_BODY)
		return;
	if (s->flags & REFUSE)
		imap_framer_refuse(&s->framer);
	else
		take_body(s, f->body);
}

static void run(struct session *s)
{
	for (;;) {
		struct imap_frame f;
		size_t n = s->have - s->at;
		char *exact = malloc(n ? n : 1);

		memcpy(exact, s->stream.p + s->at, n);
		f = imap_framer_step(&s->framer, str_of(exact, n));
		assert_true(f.n <= n);
		take_frame(s, &f);
		free(exact);
		if (f.kind == IMAP_FRAME_MORE) {
			assert_true(f.n == 0 && f.need > n);
			if (!arrive(s))
				return;
		}
		if (f.kind == IMAP_FRAME_ERROR && f.fatal)
			return;
	}
}

static str log_of(
	str stream, unsigned flags, const size_t *splits, struct buf *log)
{
	struct imap_framer_limits limits = small;
	struct session s = {.stream = stream,
		.splits = splits,
		.flags = flags,
		.log = BUF_UNBOUNDED};

	if (flags & MINUS)
		limits.nonsync = 10;
	if (flags & NO_BODY)
		limits.body = 0;
	imap_framer_init(&s.framer, &limits);
	imap_framer_set_line_mode(&s.framer, flags & LINES);
	run(&s);
	buf_fini(log);
	*log = s.log;
	return buf_str(log);
}

#define FORTY "0123456789012345678901234567890123456789"
#define EIGHTY FORTY FORTY
#define TOO_LARGE "BAD [TOOBIG]"

static const struct {
	const char *stream;
	const char *expected;
	const char *why;
	unsigned flags;
} rows[] = {
	{"a NOOP\r\n", "[a NOOP]", "one command", 0},
	{"a NOOP\r\nb NOOP\r\nc NO", "[a NOOP][b NOOP]",
		"pipelined; the last one is not complete", 0},
	{"a NOOP\nb NOOP\n", "[a NOOP][b NOOP]", "bare LF: netcat, s_client",
		0},
	{"\r\n", "[]", "an empty line is for the parser to refuse", 0},
	{"a \r b\r\n", "[a \r b]", "CR alone ends nothing", 0},
	{"a LOGIN {4}\r\nfred {3}\r\nfoo\r\n",
		"++[a LOGIN {4}\r\nfred {3}\r\nfoo]",
		"synchronising literals: RFC 9051 section 4.3", 0},
	{"a LOGIN {4}\nfred {3}\nfoo\n", "++[a LOGIN {4}\nfred {3}\nfoo]",
		"and with bare LF", 0},
	{"a LOGIN {4+}\r\nfred {3+}\r\nfoo\r\nb NOOP\r\n",
		"[a LOGIN {4+}\r\nfred {3+}\r\nfoo][b NOOP]",
		"RFC 7888 section 3: no continuation", 0},
	{"a LOGIN {0}\r\n {0+}\r\n\r\n", "+[a LOGIN {0}\r\n {0+}\r\n]",
		"empty literals; the synchronising one is answered", 0},
	{"a X {6+}\r\nb\r\nc\r\n\r\n", "[a X {6+}\r\nb\r\nc\r\n]",
		"line ends in a literal end nothing", 0},
	{"a X {5+}\r\n{2+}\r\r\nb Y\r\n", "[a X {5+}\r\n{2+}\r][b Y]",
		"an announcement in a literal is none; its CR is no line end",
		0},
	{"a X {5+}\r\n{2+}\r\nb Y\r\n", "[a X {5+}\r\n{2+}\r][b Y]",
		"CR of the literal, then bare LF", 0},
	{"a X foo{3}\r\nb Y\r\n", "[a X foo{3}][b Y]",
		"not an argument: the parser refuses it; no client may wait",
		0},
	{"a X foo{3+}\r\nb\r\nc\r\nb Y\r\n", "[a X foo{3+}\r\nb\r\nc][b Y]",
		"RFC 7888: a non-synchronising literal counts in any place", 0},
	{"a X (({3}\r\nabc))\r\n", "+[a X (({3}\r\nabc))]", "in a list", 0},
	{"a X {3\r\nb {}\r\nc {+}\r\nd 3}\r\ne {-1}\r\nf {a}\r\n",
		"[a X {3][b {}][c {+}][d 3}][e {-1}][f {a}]",
		"no announcements", 0},
	{"a X {0000000000000000000003}\r\n", "[a X {0000000000000000000003}]",
		"more digits than any number needs", 0},
	{"a X {00000000000000000003+}\r\nabc\r\n",
		"[a X {00000000000000000003+}\r\nabc]", "20 digits are one", 0},

	/* Limits. */
	{"a " EIGHTY "\r\nb NOOP\r\n", "!a BAD [LIMIT]![b NOOP]",
		"a line too long, then in step again", 0},
	{EIGHTY EIGHTY "\r\nb NOOP\r\n", "!* BAD [LIMIT]![b NOOP]",
		"without a tag", 0},
	{"a " EIGHTY " {3+}\r\nx y\r\nb NOOP\r\n", "!a BAD [LIMIT]![b NOOP]",
		"its non-synchronising literal is skipped too", 0},
	{"a " EIGHTY " {3+}\r\nx y " EIGHTY " {1+}\r\n\n\r\nb NOOP\r\n",
		"!a BAD [LIMIT]![b NOOP]", "and all that follow", 0},
	{"a " EIGHTY " {3}\r\nb NOOP\r\n", "!a BAD [LIMIT]![b NOOP]",
		"a synchronising one is not sent after BAD", 0},
	{"a X {3+}\r\nabc" EIGHTY "\r\nb NOOP\r\n", "!a BAD [LIMIT]![b NOOP]",
		"lines of one command count together", 0},
	{"a X {3}\r\nabc" EIGHTY "\r\nb NOOP\r\n", "+!a BAD [LIMIT]![b NOOP]",
		"skipped from the line that was too long", 0},
	{"a " EIGHTY " {00000000000000000003+}\r\nx y\r\nb NOOP\r\n",
		"!a BAD [LIMIT]![b NOOP]",
		"the longest announcement at the end of what is skipped", 0},
	{"a X {390+}\r\n" EIGHTY EIGHTY EIGHTY EIGHTY FORTY
	 "012345678901234567890123456789 {30+}\r\n",
		"!a " TOO_LARGE "!!* BYE [TOOBIG]!",
		"what is skipped for one command counts together", 0},
	{"a X {18+}\r\n"
	 "012345678901234567"
	 " {18}\r\nb NOOP\r\n",
		"!a " TOO_LARGE "![b NOOP]", "literals together too many", 0},
	{"a X {21}\r\nb NOOP\r\n", "!a " TOO_LARGE "![b NOOP]",
		"refused before its bytes: they do not come", 0},
	{"a X {21+}\r\n012345678901234567890 foo\r\nb NOOP\r\n",
		"!a " TOO_LARGE "![b NOOP]", "refused, and skipped", 0},
	{"a X {21+}\r\n01234567890\r\n34567890 {2+}\r\n\r\n\r\nb NOOP\r\n",
		"!a " TOO_LARGE "![b NOOP]", "with all that belongs to it", 0},
	{"a X {500+}\r\nabc", "!a " TOO_LARGE "!!* BYE [TOOBIG]!",
		"more than is worth skipping", 0},
	{"a X {99999999999999999999+}\r\nabc",
		"!a " TOO_LARGE "!!* BYE [TOOBIG]!",
		"2^64 and more do not overflow", 0},
	{"a X {18446744073709551615+}\r\nabc",
		"!a " TOO_LARGE "!!* BYE [TOOBIG]!", "2^64-1", 0},
	{"a X {11+}\r\n01234567890\r\nb Y {11}\r\n01234567890\r\n",
		"!a " TOO_LARGE "!+[b Y {11}\r\n01234567890]",
		"LITERAL-: RFC 7888 section 5", MINUS},
	{"a X {10+}\r\n0123456789\r\n", "[a X {10+}\r\n0123456789]",
		"LITERAL-: as large as may be", MINUS},

	/* APPEND. */
	{"a APPEND INBOX {5}\r\nhello\r\nb NOOP\r\n",
		"APPEND(a APPEND INBOX {5}|5 sync)<hello>[][b NOOP]",
		"the message is streamed", 0},
	{"a append \"x\" (\\Seen) \" 1-Jul-2020 00:00:00 +0000\" {5+}\r\n"
	 "hello\r\n",
		"APPEND(a append \"x\" (\\Seen) \" 1-Jul-2020 00:00:00 +0000\""
		" {5+}|5)<hello>[]",
		"with all arguments, non-synchronising", 0},
	{"a APPEND {5+}\r\nINBOX ~{3+}\r\n\1\n3\r\n",
		"APPEND(a APPEND {5+}\r\nINBOX ~{3+}|3 binary)<\1\n3>[]",
		"the mailbox's name as a literal; then literal8", 0},
	{"a APPEND {5}\r\nINBOX {3}\r\n123\r\n",
		"+APPEND(a APPEND {5}\r\nINBOX {3}|3 sync)<123>[]",
		"the framer answers for the name, the session for the message",
		0},
	{"a APPEND INBOX {0}\r\n\r\n", "APPEND(a APPEND INBOX {0}|0 sync)<>[]",
		"an empty message", 0},
	{"a APPEND INBOX {5}\r\nhello junk\r\nb NOOP\r\n",
		"APPEND(a APPEND INBOX {5}|5 sync)<hello>[ junk][b NOOP]",
		"what follows the message is for the session to refuse", 0},
	{"a APPEND INBOX {5+}\r\na\r\nb\r\r\nb NOOP\r\n",
		"APPEND(a APPEND INBOX {5+}|5)[b NOOP]",
		"refused: message and line end are skipped", REFUSE},
	{"a APPEND INBOX {5}\r\nb NOOP\r\n",
		"APPEND(a APPEND INBOX {5}|5 sync)[b NOOP]",
		"refused: the message does not come", REFUSE},
	{"a APPEND INBOX {0+}\r\n\r\nb NOOP\r\n",
		"APPEND(a APPEND INBOX {0+}|0)[b NOOP]", "refused, of no bytes",
		REFUSE},
	{"a APPEND INBOX {5+}\r\nhe\r\no {3+}\r\nabc\r\nb NOOP\r\n",
		"APPEND(a APPEND INBOX {5+}|5)<he\r>[b NOOP]",
		"given up amid the message", GIVE_UP},
	{"a APPEND INBOX {101}\r\nb NOOP\r\n", "!a NO [TOOBIG]![b NOOP]",
		"too large: RFC 7889, RFC 4469", 0},
	{"a APPEND INBOX {11+}\r\n01234567890\r\nb NOOP\r\n",
		"!a " TOO_LARGE "![b NOOP]", "LITERAL-: BAD with TOOBIG",
		MINUS},
	{"a APPEND INBOX (bad {5+}\r\nhello\r\nb NOOP\r\n",
		"!a BAD The arguments of APPEND or REPLACE are wrong![b NOOP]",
		"an error before the message: nothing is streamed", 0},
	{"a APPEND INBOX (bad {5}\r\nb NOOP\r\n",
		"!a BAD The arguments of APPEND or REPLACE are wrong![b NOOP]",
		"the same, synchronising", 0},
	{"a APPEND INBOX {1+}\r\nx (\\Seen) {1}\r\ny\r\nb NOOP\r\n",
		"APPEND(a APPEND INBOX {1+}|1)<x>"
		"APPEND( (\\Seen) {1}|1 sync)<y>[][b NOOP]",
		"MULTIAPPEND: RFC 3502", 0},
	{"a APPEND INBOX {1+}\r\nx foo {1+}\r\ny\r\nb NOOP\r\n",
		"APPEND(a APPEND INBOX {1+}|1)<x>"
		"! BAD The arguments of APPEND or REPLACE are wrong![b NOOP]",
		"MULTIAPPEND with an error in the second", 0},
	/* CATENATE: RFC 4469. */
	{"a APPEND x (\\Seen) CATENATE (URL y TEXT {3}\r\nabc URL z TEXT "
	 "{2+}\r\nde)\r\nb NOOP\r\n",
		"APPEND(a APPEND x (\\Seen) CATENATE (URL y TEXT {3}|3 sync)"
		"<abc>APPEND( URL z TEXT {2+}|2)<de>[)][b NOOP]",
		"its texts are streamed", 0},
	{"a APPEND {1+}\r\nx CATENATE (URL {1}\r\ny TEXT ~{3+}\r\n\n\1b URL "
	 "{1}\r\nz)\r\n",
		"+APPEND(a APPEND {1+}\r\nx CATENATE (URL {1}\r\ny TEXT ~{3+}"
		"|3 binary)<\n\1b>+[ URL {1}\r\nz)]",
		"its URLs are not", 0},
	{"a APPEND x CATENATE (URL {1+}\r\ny URL {1+}\r\nz)\r\nb NOOP\r\n",
		"[a APPEND x CATENATE (URL {1+}\r\ny URL {1+}\r\nz)][b NOOP]",
		"no text at all", 0},
	{"a APPEND x CATENATE (TEXT {1+}\r\ny) {1+}\r\nz CATENATE (TEXT "
	 "{1}\r\nw)\r\n",
		"APPEND(a APPEND x CATENATE (TEXT {1+}|1)<y>"
		"APPEND() {1+}|1)<z>APPEND( CATENATE (TEXT {1}|1 sync)<w>[)]",
		"MULTIAPPEND of both", 0},
	{"a APPEND x CATENATE (TEXT {1+}\r\ny FOO {1+}\r\nz {1+}\r\nw)\r\n"
	 "b NOOP\r\n",
		"APPEND(a APPEND x CATENATE (TEXT {1+}|1)<y>"
		"! BAD The arguments of APPEND or REPLACE are wrong![b NOOP]",
		"no part: what follows is skipped", 0},
	{"a APPEND x CATENATE (TEXT {1+}\r\ny TEXT {1+}\r\nz URL {1+}\r\nw"
	 " TEXT {1}\r\nb NOOP\r\n",
		"APPEND(a APPEND x CATENATE (TEXT {1+}|1)[b NOOP]",
		"refused: up to where the client waits", REFUSE},
	{"a APPEND x CATENATE (TEXT {1+}\r\ny URL {21+}\r\n"
	 "012345678901234567890 TEXT {1+}\r\nz)\r\nb NOOP\r\n",
		"APPEND(a APPEND x CATENATE (TEXT {1+}|1)<y>! " TOO_LARGE
		"![b NOOP]",
		"a URL that is too long", 0},
	{"a UID REPLACE 4 x CATENATE (TEXT {1+}\r\ny)\r\n",
		"APPEND(a UID REPLACE 4 x CATENATE (TEXT {1+}|1)<y>[)]",
		"RFC 8508 section 4.2", 0},
	/* REPLACE: RFC 8508. */
	{"a REPLACE 4 x (\\Seen) {5}\r\nhello\r\nb NOOP\r\n",
		"APPEND(a REPLACE 4 x (\\Seen) {5}|5 sync)<hello>[][b NOOP]",
		"REPLACE", 0},
	{"a uid replace * {5+}\r\nINBOX ~{3+}\r\n\1\n3\r\n",
		"APPEND(a uid replace * {5+}\r\nINBOX ~{3+}|3 binary)<\1\n3>[]",
		"UID REPLACE", 0},
	{"a REPLACE 4:5 x {5+}\r\nhello\r\nb NOOP\r\n",
		"!a BAD The arguments of APPEND or REPLACE are wrong![b NOOP]",
		"REPLACE of two", 0},
	{"a REPLACE {1}\r\nb NOOP\r\n",
		"!a BAD The arguments of APPEND or REPLACE are wrong![b NOOP]",
		"REPLACE without a number", 0},
	{"a APPEND INBOX {5+}\r\nhello\r\n", "[a APPEND INBOX {5+}\r\nhello]",
		"before login nothing is streamed", NO_BODY},
	{"a APPEND INBOX {21+}\r\nhellohellohellohello!\r\nb NOOP\r\n",
		"!a " TOO_LARGE "![b NOOP]", "and little is read", NO_BODY},
	{"a APPENDX {5+}\r\nhello\r\nAPPEND APPEND {5+}\r\nhello {1+}\r\nx\r\n",
		"[a APPENDX {5+}\r\nhello]"
		"APPEND(APPEND APPEND {5+}\r\nhello {1+}|1)<x>[]",
		"only the command APPEND has a message", 0},

	/* Line mode. */
	{"DONE\r\nYWJj\n{5}\r\n{3+}\r\n", "[DONE][YWJj][{5}][{3+}]",
		"IDLE, AUTHENTICATE: braces mean nothing", LINES},
	{EIGHTY " {3+}\r\nDONE\r\n", "! BAD [LIMIT]![DONE]",
		"a line too long has no tag", LINES},
	{"a X " EIGHTY EIGHTY EIGHTY EIGHTY EIGHTY EIGHTY,
		"!a BAD [LIMIT]!!* BYE Too much of what cannot be understood!",
		"an endless line", 0},
};

static void test_rows(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buf log = {0};
		size_t whole[] = {SIZE_MAX};

		assert_str(log_of(str_c(rows[i].stream), rows[i].flags, whole,
				   &log),
			rows[i].expected);
		buf_fini(&log);
	}
}

/* Two pieces at every place; and byte by byte. */
static void test_splits(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		str stream = str_c(rows[i].stream);
		struct buf log = {0};
		size_t *every = xcalloc(stream.n + 1, sizeof *every);

		for (size_t k = 0; k <= stream.n; k++) {
			size_t splits[] = {k, SIZE_MAX};

			every[k] = k < stream.n ? k : SIZE_MAX;
			assert_str(log_of(stream, rows[i].flags, splits, &log),
				rows[i].expected);
		}
		assert_str(log_of(stream, rows[i].flags, every, &log),
			rows[i].expected);
		free(every);
		buf_fini(&log);
	}
}

/* The buffer that the header asks for is enough, whatever comes. */
static void test_room(void **unused)
{
	struct imap_framer f;
	char *input = xmalloc(small.line + small.literals + 1);
	size_t n = 0;
	struct imap_frame frame;

	(void)unused;
	imap_framer_init(&f, &small);
	memset(input, 'x', small.line + small.literals + 1);
	memcpy(input, "a X {20+}\r\n", 11);
	memcpy(input + 31, " {10+}\r\n", 8);
	do {
		assert_true(n <= small.line + small.literals);
		n++;
		frame = imap_framer_step(&f, str_of(input, n));
	} while (frame.kind == IMAP_FRAME_MORE);
	assert_int_equal(frame.kind, IMAP_FRAME_ERROR);
	assert_int_equal(frame.err, ERR_LIMIT);
	assert_int_equal(n, small.line + small.literals + 1);
	free(input);
}

/* Scanned bytes are not scanned again. */
static void test_position(void **unused)
{
	struct imap_framer f;
	char line[60];

	(void)unused;
	imap_framer_init(&f, &small);
	assert_true(imap_framer_idle(&f, STR("")));
	memset(line, 'x', sizeof line);
	for (size_t n = 1; n < sizeof line; n++) {
		struct imap_frame frame = imap_framer_step(&f, str_of(line, n));

		assert_int_equal(frame.kind, IMAP_FRAME_MORE);
		assert_int_equal(f.at, n);
	}
	assert_false(imap_framer_idle(&f, str_of(line, 1)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_splits),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_position),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
