/* SPDX-License-Identifier: Apache-2.0 */
/* For random tests: a client's lines, in and out, with a log of the last of
 * them; and what is read from them. */
#ifndef IMAP_TALK_H
#define IMAP_TALK_H

#include "imap/fixture.h"
#include "message/flags.h"

#define TALK_LINES 512
#define TALK_KEYWORDS 4 /* k0, k1, … */
#define TALK_RECENT (1u << 31)

/* Of one client, or common to those of one thread. */
struct talk_log {
	char text[TALK_LINES][200];
	unsigned lines;
};

struct talk {
	struct client c;
	struct buf line;
	/* What is on the wire, if it is not the lines themselves. */
	void *coder;
	void (*pack)(void *coder, str, struct buf *out);
	bool (*unpack)(void *coder, str, struct buf *out);
	struct talk_log *log;
	unsigned seed, number;
};

static inline void talk_note(struct talk *t, char who, str line)
{
	struct talk_log *log = t->log;

	snprintf(log->text[log->lines++ % TALK_LINES], sizeof log->text[0],
		"%c%u: %.*s", who, t->number, STR_ARG(str_trim(line)));
}

static inline void talk_die(struct talk *t, const char *why)
{
	struct talk_log *log = t->log;
	unsigned from = log->lines > TALK_LINES ? log->lines - TALK_LINES : 0;

	fprintf(stderr, "seed %u, client %u: %s\n", t->seed, t->number, why);
	for (unsigned i = from; i < log->lines; i++)
		fprintf(stderr, "  %s\n", log->text[i % TALK_LINES]);
	fprintf(stderr, "%s\n", why);
	abort();
}

#define CHECK(p, condition)                                                    \
	do {                                                                   \
		if (!(condition))                                              \
			talk_die(&(p)->talk, #condition);                      \
	} while (0)

/* A number that says how much is played. */
static inline unsigned talk_from_environment(
	const char *name, unsigned otherwise)
{
	const char *text = getenv(name);

	return text ? (unsigned)strtoul(text, NULL, 10) : otherwise;
}

/* False at the end of the connection. */
static inline bool talk_receive(struct talk *t)
{
	struct pollfd fd = {.fd = t->c.fd, .events = POLLIN};
	char piece[8192];
	ssize_t n;

	if (poll(&fd, 1, PATIENCE_MS) <= 0)
		talk_die(t, "no answer");
	n = recv(t->c.fd, piece, sizeof piece, 0);
	if (n <= 0)
		return false;
	if (!t->coder)
		buf_add(&t->c.in, str_of(piece, (size_t)n));
	else if (!t->unpack(t->coder, str_of(piece, (size_t)n), &t->c.in))
		talk_die(t, "what came cannot be unpacked");
	return true;
}

/* Bytes of the literal that ends this part of a line; 0: none. */
static inline size_t talk_literal_size(str part)
{
	size_t open = part.n;
	uint64_t size;

	if (!str_ends(part, STR("}\r\n")))
		return 0;
	while (open && part.p[open - 1] != '{')
		open--;
	if (str_to_u64(str_of(part.p + open, part.n - open - 3), UINT32_MAX,
		    &size))
		return 0;
	return (size_t)size;
}

/* One line with the literals in it; absent at the end of the connection. */
static inline str talk_line_or_end(struct talk *t)
{
	struct buf *in = &t->c.in;
	size_t end = 0;

	for (;;) {
		str rest = str_skip(buf_str(in), end);
		size_t n = str_find(rest, STR("\r\n")), literal;

		if (n == rest.n) {
			if (!talk_receive(t))
				return str_none();
			continue;
		}
		literal = talk_literal_size(str_take(rest, n + 2));
		while (in->n < end + n + 2 + literal)
			if (!talk_receive(t))
				return str_none();
		end += n + 2 + literal;
		if (!literal)
			break;
	}
	buf_reset(&t->line);
	buf_add(&t->line, str_take(buf_str(in), end));
	buf_consume(in, end);
	talk_note(t, 'S', buf_str(&t->line));
	return buf_str(&t->line);
}

static inline str talk_line(struct talk *t)
{
	str line = talk_line_or_end(t);

	if (str_is_none(line))
		talk_die(t, "the connection ended");
	return line;
}

/* False: not all of it could be sent. */
static inline bool talk_try(struct talk *t, str text)
{
	struct buf packed = BUF_UNBOUNDED;
	bool sent;

	talk_note(t, 'C', text);
	if (t->coder) {
		t->pack(t->coder, text, &packed);
		text = buf_str(&packed);
	}
	sent = send(t->c.fd, text.p, text.n, MSG_NOSIGNAL) == (ssize_t)text.n;
	buf_fini(&packed);
	return sent;
}

static inline void talk_send(struct talk *t, str text)
{
	if (!talk_try(t, text))
		talk_die(t, "cannot send");
}

/* Reading. */

static inline uint32_t talk_flag(struct talk *t, str name)
{
	uint64_t bit = flags_system_bit(name);

	if (bit)
		return (uint32_t)bit;
	if (str_ieq_c(name, "\\Recent"))
		return TALK_RECENT;
	if (name.n != 2 || name.p[0] != 'k' || name.p[1] < '0' ||
		name.p[1] >= '0' + TALK_KEYWORDS)
		talk_die(t, "a keyword that nobody stored");
	return 256u << (name.p[1] - '0');
}

static inline uint32_t talk_flags(struct talk *t, str list)
{
	uint32_t flags = 0;

	while (list.n) {
		size_t n = str_find_byte(list, ' ');

		if (n)
			flags |= talk_flag(t, str_take(list, n));
		list = str_skip(list, n + 1);
	}
	return flags;
}

/* The text between two marks; absent when there is no such. */
static inline str talk_between(str line, const char *before, const char *after)
{
	str rest = str_skip(line, str_find(line, str_c(before)));

	if (rest.n == 0)
		return str_none();
	rest = str_skip(rest, strlen(before));
	return str_take(rest, str_find(rest, str_c(after)));
}

static inline uint64_t talk_number(struct talk *t, str digits)
{
	uint64_t n = 0;
	size_t end = 0;

	while (end < digits.n && ascii_is_digit(digits.p[end]))
		end++;
	if (str_to_u64(str_take(digits, end), INT64_MAX, &n))
		talk_die(t, "a number was expected");
	return n;
}

#endif
