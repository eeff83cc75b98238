/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/imap/framer.h"
#include "wire/imap/parse.h"

/* Enough of a line's end to recognise "(~{18446744073709551615+}" CR. */
#define TAIL 32
#define DIGITS_MAX 20

/* "{310}", "{310+}", "~{310}", "~{310+}" at the end of a line. */
struct announcement {
	uint64_t n; /* UINT64_MAX when it does not fit */
	bool sync;
	bool binary;
	size_t at; /* where in the line it begins */
};

void imap_framer_init(
	struct imap_framer *f, const struct imap_framer_limits *limits)
{
	*f = (struct imap_framer){.limits = limits};
}

void imap_framer_set_line_mode(struct imap_framer *f, bool line_mode)
{
	f->line_mode = line_mode;
}

bool imap_framer_idle(const struct imap_framer *f, str input)
{
	return f->state == IMAP_FRAMER_COMMAND && input.n == 0;
}

static void enter(struct imap_framer *f, enum imap_framer_state state)
{
	f->state = state;
	f->at = f->line = f->inlined = 0;
}

void imap_framer_skip(struct imap_framer *f, uint64_t left)
{
	enter(f, IMAP_FRAMER_SKIP_LITERAL);
	f->left = left;
}

void imap_framer_refuse(struct imap_framer *f)
{
	if (f->sync)
		enter(f, IMAP_FRAMER_COMMAND);
	else
		imap_framer_skip(f, f->left);
}

/* A line that ends with LF alone. For people and scripts that speak IMAP with
 * netcat, printf into /dev/tcp, or "openssl s_client" without -crlf. It cannot
 * be misunderstood: LF stands nowhere else in a command but in literals. */
static size_t tolerate_bare_lf(str input, size_t from, size_t lf)
{
	return lf > from && input.p[lf - 1] == '\r' ? lf - 1 : lf;
}

/* The line's end from f->at on: eol is where its CRLF begins, end is behind
 * it. */
static bool find_line(
	struct imap_framer *f, str input, size_t *eol_r, size_t *end_r)
{
	size_t lf = f->at + str_find_byte(str_skip(input, f->at), '\n');

	if (lf >= input.n) {
		f->at = input.n;
		return false;
	}
	*eol_r = tolerate_bare_lf(input, f->line, lf);
	*end_r = lf + 1;
	return true;
}

/* A synchronising literal stands where an argument does; "foo{3}" at a line's
 * end is an error of grammar, and asking its client to go on would make it
 * wait for ever. A non-synchronising one counts in any place: its bytes come
 * whatever we say (RFC 7888 section 3). */
static bool stands_as_argument(str line, size_t at)
{
	return at > 0 && (line.p[at - 1] == ' ' || line.p[at - 1] == '(');
}

static bool find_announcement(str line, struct announcement *a_r)
{
	size_t i = line.n;
	size_t digits_end;

	if (i < 3 || line.p[--i] != '}')
		return false;
	a_r->sync = line.p[i - 1] != '+';
	if (!a_r->sync)
		i--;
	digits_end = i;
	while (i > 0 && ascii_is_digit(line.p[i - 1]) &&
		digits_end - i < DIGITS_MAX)
		i--;
	if (i == digits_end || i == 0 || line.p[i - 1] != '{')
		return false;
	if (str_to_u64(str_of(line.p + i, digits_end - i), UINT64_MAX, &a_r->n))
		a_r->n = UINT64_MAX;
	i--;
	a_r->binary = i > 0 && line.p[i - 1] == '~';
	a_r->at = a_r->binary ? i - 1 : i;
	return !a_r->sync || stands_as_argument(line, a_r->at);
}

static struct imap_frame more(size_t need)
{
	return (struct imap_frame){.kind = IMAP_FRAME_MORE, .need = need};
}

static struct imap_frame fatal(const char *reply)
{
	return (struct imap_frame){
		.kind = IMAP_FRAME_ERROR,
		.err = ERR_LIMIT,
		.fatal = true,
		.tag = STR("*"),
		.reply = reply,
	};
}

/* Of the command that is being read; the whole of a line cut off is none. */
static str tag_of(const struct imap_framer *f, str input)
{
	str start = str_take(input, f->limits->line);
	str tag = imap_parse_tag(start);

	if (f->state != IMAP_FRAMER_COMMAND || f->line_mode)
		return str_none();
	return tag.n < start.n ? tag : STR("*");
}

static struct imap_frame error(
	const struct imap_framer *f, str input, enum err e, const char *reply)
{
	return (struct imap_frame){
		.kind = IMAP_FRAME_ERROR,
		.err = e,
		.tag = tag_of(f, input),
		.reply = reply,
	};
}

static struct imap_frame too_long(struct imap_framer *f, str input)
{
	struct imap_frame frame = error(f, input, ERR_LIMIT,
		"BAD [LIMIT] The command line is too long");

	/* The next step finds the end of this very line. */
	frame.n = f->line;
	enter(f, IMAP_FRAMER_SKIP_LINE);
	return frame;
}

/* Refuses a literal before its bytes are read: a client that waits for "+ "
 * is told so, the bytes of one that does not are skipped. */
static struct imap_frame refuse_literal(struct imap_framer *f, str input,
	size_t end, const struct announcement *a, enum err e, const char *reply)
{
	struct imap_frame frame = error(f, input, e, reply);

	frame.n = end;
	if (a->sync)
		enter(f, IMAP_FRAMER_COMMAND);
	else
		imap_framer_skip(f, a->n);
	return frame;
}

/* tag SP "SETMETADATA" SP */
static bool is_setmetadata(str line)
{
	str rest = str_skip(line, str_find_byte(line, ' '));

	return str_istarts(rest, STR(" SETMETADATA "));
}

static struct imap_frame inline_literal(struct imap_framer *f, str input,
	size_t end, const struct announcement *a)
{
	const struct imap_framer_limits *limits = f->limits;

	if (a->n > limits->literal || a->n > limits->literals - f->inlined)
		return refuse_literal(f, input, end, a, ERR_TOOBIG,
			limits->metadata_toobig && is_setmetadata(input)
				? limits->metadata_toobig
				: "BAD [TOOBIG] The literal is too large");
	if (!a->sync && a->n > limits->nonsync)
		return refuse_literal(f, input, end, a, ERR_TOOBIG,
			"BAD [TOOBIG] The non-synchronizing literal is too "
			"large");
	f->inlined += (size_t)a->n;
	f->line = f->at = end + (size_t)a->n;
	f->owes = a->sync;
	return more(f->line);
}

static struct imap_frame body(struct imap_framer *f, str input, size_t eol,
	size_t end, const struct announcement *a)
{
	if (a->n > f->limits->body)
		return refuse_literal(f, input, end, a, ERR_TOOBIG,
			"NO [TOOBIG] The message is too large");
	if (!a->sync && a->n > f->limits->nonsync)
		return refuse_literal(f, input, end, a, ERR_TOOBIG,
			"BAD [TOOBIG] The non-synchronizing literal is too "
			"large");
	enter(f, IMAP_FRAMER_AFTER_BODY);
	f->left = a->n;
	f->sync = a->sync;
	f->skipped = 0;
	return (struct imap_frame){
		.kind = IMAP_FRAME_BODY,
		.n = end,
		.text = str_take(input, eol),
		.body = a->n,
		.sync = a->sync,
		.binary = a->binary,
	};
}

/* The grammar is asked of what stands between two literals, so that each byte
 * is looked at once. */
static struct imap_frame append_literal(struct imap_framer *f, str input,
	size_t eol, size_t end, const struct announcement *a)
{
	str before = str_of(input.p + f->line, a->at);
	enum imap_append_at at = (enum imap_append_at)f->append_at;
	enum imap_append_expects expects;

	expects = imap_append_expects(&at, before);
	f->append_at = at;
	switch (expects) {
	case IMAP_APPEND_MAILBOX:
	case IMAP_APPEND_URL:
		return inline_literal(f, input, end, a);
	case IMAP_APPEND_MESSAGE:
		return body(f, input, eol, end, a);
	case IMAP_APPEND_NOTHING:
		break;
	}
	return refuse_literal(f, input, end, a, ERR_INVALID,
		"BAD The arguments of APPEND or REPLACE are wrong");
}

/* tag SP ("APPEND" / ["UID" SP] "REPLACE") SP */
static bool is_append(str line)
{
	str rest = str_skip(line, str_find_byte(line, ' '));

	return str_istarts(rest, STR(" APPEND ")) ||
	       str_istarts(rest, STR(" REPLACE ")) ||
	       str_istarts(rest, STR(" UID REPLACE "));
}

static struct imap_frame literal(struct imap_framer *f, str input, size_t eol,
	size_t end, const struct announcement *a)
{
	if (f->state != IMAP_FRAMER_AFTER_BODY && f->line == 0) {
		f->append =
			f->limits->body > 0 && is_append(str_take(input, eol));
		f->append_at = IMAP_APPEND_AT_START;
	}
	if (f->append)
		return append_literal(f, input, eol, end, a);
	return inline_literal(f, input, end, a);
}

static struct imap_frame command(
	struct imap_framer *f, str input, size_t eol, size_t end)
{
	enter(f, IMAP_FRAMER_COMMAND);
	f->skipped = 0;
	return (struct imap_frame){
		.kind = IMAP_FRAME_COMMAND,
		.n = end,
		.text = str_take(input, eol),
	};
}

static struct imap_frame step_command(struct imap_framer *f, str input)
{
	struct announcement a;
	struct imap_frame frame;
	size_t eol, end;

	for (;;) {
		if (f->owes) {
			f->owes = false;
			return (struct imap_frame){.kind = IMAP_FRAME_CONTINUE};
		}
		if (f->at > input.n)
			return more(f->at + 1);
		if (!find_line(f, input, &eol, &end)) {
			if (input.n - f->inlined > f->limits->line)
				return too_long(f, input);
			return more(input.n + 1);
		}
		if (end - f->inlined > f->limits->line)
			return too_long(f, input);
		if (f->line_mode ||
			!find_announcement(
				str_of(input.p + f->line, eol - f->line), &a))
			return command(f, input, eol, end);
		frame = literal(f, input, eol, end, &a);
		if (frame.kind != IMAP_FRAME_MORE)
			return frame;
	}
}

static struct imap_frame skip(struct imap_framer *f, size_t n)
{
	f->skipped += n;
	if (f->skipped > f->limits->skip)
		return fatal("BYE Too much of what cannot be understood");
	return (struct imap_frame){.kind = IMAP_FRAME_SKIP, .n = n};
}

static struct imap_frame skip_line(struct imap_framer *f, str input)
{
	struct announcement a;
	size_t eol, end;

	if (!find_line(f, input, &eol, &end)) {
		size_t n = input.n > TAIL ? input.n - TAIL : 0;

		f->at -= n;
		return n ? skip(f, n) : more(input.n + 1);
	}
	if (!f->line_mode && find_announcement(str_take(input, eol), &a) &&
		!a.sync)
		imap_framer_skip(f, a.n);
	else
		enter(f, IMAP_FRAMER_COMMAND);
	return skip(f, end);
}

static struct imap_frame skip_literal(struct imap_framer *f, str input)
{
	size_t n = f->left < input.n ? (size_t)f->left : input.n;
	uint64_t skipped_then;

	if (__builtin_add_overflow(f->skipped, f->left, &skipped_then) ||
		skipped_then > f->limits->skip)
		return fatal("BYE [TOOBIG] The literal is too large");
	if (n == 0 && f->left > 0)
		return more(1);
	f->left -= n;
	if (f->left == 0)
		enter(f, IMAP_FRAMER_SKIP_LINE);
	return skip(f, n);
}

struct imap_frame imap_framer_step(struct imap_framer *f, str input)
{
	switch (f->state) {
	case IMAP_FRAMER_SKIP_LITERAL:
		return skip_literal(f, input);
	case IMAP_FRAMER_SKIP_LINE:
		return skip_line(f, input);
	case IMAP_FRAMER_COMMAND:
	case IMAP_FRAMER_AFTER_BODY:
		break;
	}
	return step_command(f, input);
}
