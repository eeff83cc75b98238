/* SPDX-License-Identifier: Apache-2.0 */
#include "message/keys.h"

#include "message/address.h"
#include "message/date.h"
#include "message/encoded_word.h"
#include "message/fold.h"
#include "message/msgid.h"
#include "message/subject.h"
#include "message/utf8.h"

void keys_init(struct keys *k)
{
	*k = (struct keys){.subject = BUF_UNBOUNDED,
		.from = BUF_UNBOUNDED,
		.to = BUF_UNBOUNDED,
		.cc = BUF_UNBOUNDED,
		.display_from = BUF_UNBOUNDED,
		.display_to = BUF_UNBOUNDED,
		.message_id = BUF_UNBOUNDED,
		.references = BUF_UNBOUNDED};
}

void keys_fini(struct keys *k)
{
	buf_fini(&k->subject);
	buf_fini(&k->from);
	buf_fini(&k->to);
	buf_fini(&k->cc);
	buf_fini(&k->display_from);
	buf_fini(&k->display_to);
	buf_fini(&k->message_id);
	buf_fini(&k->references);
}

static void add_key(struct buf *out, str utf8)
{
	str s = str_take(utf8, KEYS_BYTES_MAX);
	fold_add(out, str_take(s, s.n - utf8_cut(s)));
}

/* RFC 5957 section 3. */
static void add_display(
	struct arena *arena, const struct address *a, struct buf *out)
{
	str name = encoded_word_decode_str(arena, a->name);
	if (name.n)
		add_key(out, name);
	else if (!str_is_none(a->host))
		add_key(out, arena_strf(arena, "%.*s@%.*s", STR_ARG(a->mailbox),
				     STR_ARG(a->host)));
	else
		add_key(out, a->mailbox);
}

/* "addr-mailbox of the first address"; `display` may be NULL. */
static void read_address(struct arena *arena, const struct header *h,
	enum header_field f, struct buf *mailbox, struct buf *display)
{
	const struct address *a = address_parse(arena, header_value(h, f));
	if (!a)
		return;
	add_key(mailbox, a->mailbox);
	if (display)
		add_display(arena, a, display);
}

/* Only "valid Message IDs" (RFC 5256 section 3), with "@": people who are asked
 * for an id by "git send-email" answer "yes", and would all be in one thread.
 */
static void add_reference(struct keys *k, str id)
{
	if (str_find_byte(id, '@') < id.n)
		buf_add_sized(&k->references, id);
}

static void read_references(struct keys *k, const struct header *h)
{
	struct buf id = BUF_UNBOUNDED;
	str rest = header_value(h, HEADER_REFERENCES);
	while (msgid_next(&rest, &id)) {
		add_reference(k, buf_str(&id));
		buf_reset(&id);
	}
	rest = header_value(h, HEADER_IN_REPLY_TO);
	while (!k->references.n && msgid_next(&rest, &id)) {
		add_reference(k, buf_str(&id));
		buf_reset(&id);
	}
	buf_fini(&id);
}

void keys_read(struct keys *k, struct arena *arena, const struct header *h)
{
	struct date date;
	bool reply;
	if (date_parse_rfc5322(header_value(h, HEADER_DATE), &date) == OK) {
		k->flags |= DIGEST_HAS_DATE;
		k->date = date.seconds;
	}
	str subject =
		encoded_word_decode_str(arena, header_value(h, HEADER_SUBJECT));
	add_key(&k->subject, subject_base(arena, subject, &reply));
	if (reply)
		k->flags |= DIGEST_REPLY;
	read_address(arena, h, HEADER_FROM, &k->from, &k->display_from);
	read_address(arena, h, HEADER_TO, &k->to, &k->display_to);
	read_address(arena, h, HEADER_CC, &k->cc, NULL);
	msgid_add(&k->message_id, header_value(h, HEADER_MESSAGE_ID));
	read_references(k, h);
}

void keys_set(const struct keys *k, struct digest *d)
{
	d->flags |= k->flags;
	d->date = k->date;
	d->subject = buf_str(&k->subject);
	d->from = buf_str(&k->from);
	d->to = buf_str(&k->to);
	d->cc = buf_str(&k->cc);
	d->display_from = buf_str(&k->display_from);
	d->display_to = buf_str(&k->display_to);
	d->message_id = buf_str(&k->message_id);
	d->references = buf_str(&k->references);
}
