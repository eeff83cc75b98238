/* SPDX-License-Identifier: Apache-2.0 */
#include "session/handover.h"
#include "base/cursor.h"
#include "session/ticket.h"

#include <assert.h>

enum { VERSION = 2, BACK_VERSION = 1, SHORT_MAX = 128, SESSION_MAX = 32 };

void handover_encode(const struct handover *h, struct buf *out)
{
	assert(h->id_count <= HANDOVER_ID_MAX);
	buf_add_varint(out, VERSION);
	buf_add_sized(out, h->protocol);
	buf_add_sized(out, h->ticket);
	buf_add_sized(out, h->tag);
	buf_add_sized(out, h->session);
	buf_add_sized(out, h->remote);
	buf_add_sized(out, h->local);
	buf_add_varint(out, h->peer_key);
	buf_add_sized(out, h->tls_version);
	buf_add_sized(out, h->tls_cipher);
	buf_add_sized(out, h->leftover);
	buf_add_sized(out, h->state);
	buf_add_varint(out, h->id_count);
	for (size_t i = 0; i < h->id_count; i++) {
		buf_add_sized(out, h->id[i].name);
		buf_add_varint(out, !str_is_none(h->id[i].value));
		buf_add_sized(out, h->id[i].value);
	}
}

static str sized(struct cursor *c, size_t max)
{
	str s = cursor_sized(c);

	if (s.n > max)
		cursor_fail(c, ERR_INVALID, "a shorter field");
	return cursor_ok(c) ? s : STR("");
}

static void decode_id(struct cursor *c, struct handover *h)
{
	uint64_t count = cursor_varint(c);

	if (count > HANDOVER_ID_MAX)
		cursor_fail(c, ERR_INVALID, "at most 30 ID fields");
	for (uint64_t i = 0; cursor_ok(c) && i < count; i++) {
		struct handover_field *f = &h->id[h->id_count++];
		bool has_value;

		f->name = sized(c, HANDOVER_ID_FIELD_MAX);
		has_value = cursor_varint(c);
		f->value = sized(c, HANDOVER_ID_FIELD_MAX);
		if (!has_value)
			f->value = str_none();
	}
}

/* It goes into log lines and status output as it is. */
static bool is_printable(str s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < 0x21 || s.p[i] > 0x7e)
			return false;
	}
	return true;
}

enum err handover_decode(str payload, struct handover *h)
{
	struct cursor c = cursor_of(payload);

	*h = (struct handover){0};
	if (cursor_varint(&c) != VERSION && cursor_ok(&c))
		return ERR_VERSION;
	h->protocol = sized(&c, SHORT_MAX);
	h->ticket = sized(&c, TICKET_MAX);
	h->tag = sized(&c, HANDOVER_TAG_MAX);
	h->session = sized(&c, SESSION_MAX);
	h->remote = sized(&c, SHORT_MAX);
	h->local = sized(&c, SHORT_MAX);
	h->peer_key = cursor_varint(&c);
	h->tls_version = sized(&c, SHORT_MAX);
	h->tls_cipher = sized(&c, SHORT_MAX);
	h->leftover = sized(&c, HANDOVER_LEFTOVER_MAX);
	h->state = sized(&c, HANDOVER_STATE_MAX);
	decode_id(&c, h);
	if (!cursor_ok(&c) || !cursor_done(&c) || !is_printable(h->session) ||
		!is_printable(h->tag))
		return ERR_INVALID;
	return OK;
}

void handback_encode(const struct handback *h, struct buf *out)
{
	buf_add_varint(out, BACK_VERSION);
	buf_add_sized(out, h->protocol);
	buf_add_sized(out, h->session);
	buf_add_sized(out, h->remote);
	buf_add_sized(out, h->leftover);
}

enum err handback_decode(str payload, struct handback *h)
{
	struct cursor c = cursor_of(payload);

	*h = (struct handback){.protocol = STR("")};
	if (cursor_varint(&c) != BACK_VERSION && cursor_ok(&c))
		return ERR_VERSION;
	h->protocol = sized(&c, SHORT_MAX);
	h->session = sized(&c, SESSION_MAX);
	h->remote = sized(&c, SHORT_MAX);
	h->leftover = sized(&c, HANDOVER_LEFTOVER_MAX);
	if (!cursor_ok(&c) || !cursor_done(&c) || !is_printable(h->session))
		return ERR_INVALID;
	return OK;
}
