/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream gives the same frames in any split. Byte 0: how the session
 * behaves; byte 1: how long the pieces are; then the stream.
 */
#include "base/buf.h"
#include "wire/imap/framer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum behaviour {
	REFUSE = 1 << 0,
	GIVE_UP = 1 << 1,
	LINES = 1 << 2,
	MINUS = 1 << 4,
	NO_BODY = 1 << 5,
};

struct session {
	struct imap_framer framer;
	str stream;
	size_t at, have;
	size_t piece; /* 0: all at once */
	unsigned behaviour;
	struct buf log;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool arrive(struct session *s)
{
	size_t left = s->stream.n - s->have;

	s->have += s->piece && s->piece < left ? s->piece : left;
	return left > 0;
}

static void take_body(struct session *s, uint64_t n)
{
	while (n > 0 && !((s->behaviour & GIVE_UP) && n < 4)) {
		if (s->at == s->have && !arrive(s))
			return;
		buf_add_byte(&s->log, s->stream.p[s->at++]);
		n--;
	}
	if (s->behaviour & GIVE_UP)
		imap_framer_skip(&s->framer, n);
}

static void take_frame(struct session *s, const struct imap_frame *f)
{
	s->at += f->n;
	if (f->kind == IMAP_FRAME_MORE || f->kind == IMAP_FRAME_SKIP)
		return;
	buf_addf(&s->log, "\n%d:", (int)f->kind);
	buf_add(&s->log, f->kind == IMAP_FRAME_ERROR ? f->tag : f->text);
	if (f->kind == IMAP_FRAME_ERROR)
		buf_addf(&s->log, " %s", f->reply);
	if (f->kind != IMAP_FRAME_BODY)
		return;
	buf_addf(&s->log, "%" PRIu64 "%d%d:", f->body, f->sync, f->binary);
	if (s->behaviour & REFUSE)
		imap_framer_refuse(&s->framer);
	else
		take_body(s, f->body);
}

static void run(struct session *s, const struct imap_framer_limits *limits)
{
	for (;;) {
		size_t n = s->have - s->at;
		char *exact = malloc(n ? n : 1);
		struct imap_frame f;

		if (n)
			memcpy(exact, s->stream.p + s->at, n);
		f = imap_framer_step(&s->framer, str_of(exact, n));
		if (f.n > n || (f.kind == IMAP_FRAME_MORE && f.need <= n))
			abort();
		if (f.kind == IMAP_FRAME_MORE && s->piece == 1 &&
			n > limits->line + limits->literals)
			abort();
		take_frame(s, &f);
		free(exact);
		if (f.kind == IMAP_FRAME_MORE && !arrive(s))
			return;
		if (f.kind == IMAP_FRAME_ERROR && f.fatal)
			return;
	}
}

static struct buf log_of(str stream, unsigned behaviour, size_t piece)
{
	struct imap_framer_limits limits = {
		.line = 100,
		.literal = 40,
		.literals = 60,
		.body = behaviour & NO_BODY ? 0 : 200,
		.nonsync = behaviour & MINUS ? 30 : IMAP_LITERAL_PLUS,
		.skip = 500,
	};
	struct session s = {
		.stream = stream,
		.piece = piece,
		.behaviour = behaviour,
		.log = BUF_UNBOUNDED,
	};

	imap_framer_init(&s.framer, &limits);
	imap_framer_set_line_mode(&s.framer, behaviour & LINES);
	run(&s, &limits);
	return s.log;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str stream = str_skip(str_of((const char *)data, size), 2);
	size_t pieces[] = {1, 0};
	struct buf whole;

	if (size < 2)
		return 0;
	pieces[1] = data[1];
	whole = log_of(stream, data[0], 0);
	for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
		struct buf split = log_of(stream, data[0], pieces[i]);

		if (!str_eq(buf_str(&whole), buf_str(&split))) {
			fprintf(stderr, "whole: %.*s\nsplit: %.*s\n",
				STR_ARG(buf_str(&whole)),
				STR_ARG(buf_str(&split)));
			abort();
		}
		buf_fini(&split);
	}
	buf_fini(&whole);
	return 0;
}
