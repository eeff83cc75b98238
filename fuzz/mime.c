/* SPDX-License-Identifier: Apache-2.0 */
/* Any message in any split: the same digest, whose texts are to the letter of
 * RFC 9051 and whose ranges nest; and any section of it is inside it. */
#include "grammar/grammar.h"
#include "message/check_imap.h"
#include "message/mime.h"
#include "message/section.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

GRAMMAR_TARGET(grammar_mime)

/* In pieces whose lengths the message itself says; all at once for 0. */
static void parse(
	str s, const struct mime_limits *limits, unsigned most, struct buf *out)
{
	struct mime_parser *p = mime_parser_new(limits);
	while (s.n) {
		size_t n = s.n;
		if (most)
			n = 1 + (unsigned char)s.p[s.n / 2] % most;
		mime_parser_feed(p, str_take(s, n));
		s = str_skip(s, n);
	}
	mime_parser_finish(p, out);
	mime_parser_free(p);
}

static void check_sections(const struct digest *d)
{
	for (uint32_t i = 0; i < 6 * 16; i++) {
		uint32_t numbers[] = {i / 6 % 4, i / 24 % 4};
		struct section s = {.numbers = numbers,
			.number_count = (numbers[0] > 0) + (numbers[1] > 0),
			.kind = (enum section_kind)(i % 6)};
		struct section_range r;
		enum err e = section_resolve(d, &s, &r);
		if (e == ERR_CORRUPT ||
			(!e && (r.at > d->size || r.n > d->size - r.at)))
			abort();
	}
}

static void check(str message, const struct mime_limits *limits)
{
	struct buf whole = BUF_UNBOUNDED, split = BUF_UNBOUNDED;
	struct digest d;
	parse(message, limits, 0, &whole);
	parse(message, limits, 40, &split);
	if (!str_eq(buf_str(&whole), buf_str(&split)))
		abort();
	if (digest_decode(buf_str(&whole), &d) || d.size != message.n ||
		check_imap(&d) || !check_ranges(&d))
		abort();
	check_sections(&d);
	buf_fini(&whole);
	buf_fini(&split);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct mime_limits tight = {
		.parts = 5, .depth = 3, .field = 40, .text = 200, .preview = 9};
	str message = str_of((const char *)data, size);
	check(message, NULL);
	check(message, &tight);
	return 0;
}
