/* SPDX-License-Identifier: Apache-2.0 */
#include "message/envelope.h"

#include "message/address.h"
#include "message/imap_string.h"

/* The field's addresses, or `otherwise` when there are none. */
static void print_addresses(struct arena *arena, const struct header *h,
	enum header_field f, const struct address *otherwise, struct buf *out)
{
	struct arena_mark mark = arena_mark(arena);
	const struct address *list = address_parse(arena, header_value(h, f));
	buf_add_byte(out, ' ');
	address_print(list ? list : otherwise, out);
	arena_rewind(arena, mark);
}

static void print_string(
	const struct header *h, enum header_field f, struct buf *out)
{
	imap_nstring_add(out, header_value(h, f));
}

void envelope_print(
	struct arena *arena, const struct header *h, struct buf *out)
{
	struct arena_mark mark = arena_mark(arena);
	const struct address *from =
		address_parse(arena, header_value(h, HEADER_FROM));
	buf_add_byte(out, '(');
	print_string(h, HEADER_DATE, out);
	buf_add_byte(out, ' ');
	print_string(h, HEADER_SUBJECT, out);
	buf_add_byte(out, ' ');
	address_print(from, out);
	print_addresses(arena, h, HEADER_SENDER, from, out);
	print_addresses(arena, h, HEADER_REPLY_TO, from, out);
	print_addresses(arena, h, HEADER_TO, NULL, out);
	print_addresses(arena, h, HEADER_CC, NULL, out);
	print_addresses(arena, h, HEADER_BCC, NULL, out);
	buf_add_byte(out, ' ');
	print_string(h, HEADER_IN_REPLY_TO, out);
	buf_add_byte(out, ' ');
	print_string(h, HEADER_MESSAGE_ID, out);
	buf_add_byte(out, ')');
	arena_rewind(arena, mark);
}
