/* SPDX-License-Identifier: Apache-2.0 */
#include "lookup/lookup.h"
#include "base/cursor.h"
#include "base/secret.h"

const char *const lookup_source_names[LOOKUP_SOURCES] = {
#define X(symbol, name) name,
	LOOKUP_SOURCE_TABLE(X)
#undef X
};

static void wipe(struct buf *b)
{
	if (b->p)
		secret_wipe(b->p, b->cap);
	buf_fini(b);
}

void lookup_person_init(struct lookup_person *person)
{
	*person = (struct lookup_person){0};
	buf_init(&person->name, LOOKUP_NAME_MAX);
	buf_init(&person->hash, LOOKUP_HASH_MAX);
}

void lookup_person_fini(struct lookup_person *person)
{
	wipe(&person->name);
	wipe(&person->hash);
	lookup_person_init(person);
}

/* What line-based files and C libraries would misunderstand. */
static bool is_clean(str s)
{
	return str_find_byte(s, '\0') == s.n && str_find_byte(s, '\n') == s.n &&
	       str_find_byte(s, '\r') == s.n;
}

static bool is_nobody(const struct lookup_request *q)
{
	if (!is_clean(q->name) || q->name.n > LOOKUP_NAME_MAX)
		return true;
	return q->name.n == 0 && q->op != LOOKUP_TOKEN;
}

static bool is_wrong(const struct lookup_request *q)
{
	return q->op != LOOKUP_FIND &&
	       (q->secret.n == 0 || q->secret.n > LOOKUP_SECRET_MAX ||
		       !is_clean(q->secret));
}

enum err lookup_ask(struct lookup_source *source,
	const struct lookup_request *q, struct lookup_person *person_r)
{
	enum err e;

	lookup_person_fini(person_r);
	if (is_nobody(q))
		return ERR_NOTFOUND;
	if (is_wrong(q))
		return ERR_AUTH;
	e = source->ask(source, q, person_r);
	if (e && !(e == ERR_UNSUPPORTED && q->op == LOOKUP_VERIFY))
		lookup_person_fini(person_r);
	return e;
}

str lookup_host(str remote)
{
	size_t colon = str_find_byte(remote, ':');

	if (str_starts(remote, STR("[")))
		return str_skip(
			str_take(remote, str_find_byte(remote, ']')), 1);
	/* More than one: an IPv6 address. */
	if (str_find_byte(str_skip(remote, colon + 1), ':') <
		str_skip(remote, colon + 1).n)
		return remote;
	return str_take(remote, colon);
}

void lookup_source_free(struct lookup_source *source)
{
	if (source)
		source->free(source);
}

/* -------- between auth and lookup -------- */

void lookup_request_encode(const struct lookup_request *q, struct buf *out)
{
	buf_add_varint(out, q->op);
	buf_add_varint(out, q->source);
	buf_add_sized(out, q->name);
	buf_add_sized(out, q->secret);
	buf_add_sized(out, q->remote);
	buf_add_sized(out, q->protocol);
}

enum err lookup_request_decode(str payload, struct lookup_request *q)
{
	struct cursor c = cursor_of(payload);
	uint64_t op = cursor_varint(&c), source = cursor_varint(&c);

	*q = (struct lookup_request){0};
	q->name = cursor_sized(&c);
	q->secret = cursor_sized(&c);
	q->remote = cursor_sized(&c);
	q->protocol = cursor_sized(&c);
	if (!cursor_ok(&c) || !cursor_done(&c) || op < LOOKUP_FIND ||
		op > LOOKUP_TOKEN || source >= LOOKUP_SOURCES ||
		q->remote.n > LOOKUP_WORD_MAX ||
		q->protocol.n > LOOKUP_WORD_MAX)
		return ERR_INVALID;
	q->op = (enum lookup_op)op;
	q->source = (enum lookup_source_kind)source;
	return OK;
}

void lookup_answer_encode(
	enum err answer, const struct lookup_person *person, struct buf *out)
{
	buf_add_varint(out, answer);
	buf_add_sized(out, buf_str(&person->name));
	buf_add_sized(out, buf_str(&person->hash));
	buf_add_varint(out, person->has_quota);
	buf_add_varint(out, person->quota);
	buf_add_varint(out, person->disabled);
	buf_add_varint(out, person->denied);
}

static bool is_answer(uint64_t e)
{
	switch (e) {
	case OK:
	case ERR_NOTFOUND:
	case ERR_AUTH:
	case ERR_EXPIRED:
	case ERR_DENIED:
	case ERR_UNSUPPORTED:
	case ERR_UNAVAILABLE:
		return true;
	default:
		return false;
	}
}

enum err lookup_answer_decode(
	str payload, enum err *answer_r, struct lookup_person *person_r)
{
	struct cursor c = cursor_of(payload);
	uint64_t answer = cursor_varint(&c);
	str name = cursor_sized(&c), hash = cursor_sized(&c);
	uint64_t has_quota = cursor_varint(&c), quota = cursor_varint(&c);
	uint64_t disabled = cursor_varint(&c), denied = cursor_varint(&c);

	lookup_person_fini(person_r);
	*answer_r = ERR_UNAVAILABLE;
	buf_add(&person_r->name, name);
	buf_add(&person_r->hash, hash);
	if (!cursor_ok(&c) || !cursor_done(&c) || !is_answer(answer) ||
		has_quota > 1 || disabled > 1 || denied > UINT32_MAX ||
		!is_clean(name) || !is_clean(hash) ||
		buf_err(&person_r->name) || buf_err(&person_r->hash)) {
		lookup_person_fini(person_r);
		return ERR_INVALID;
	}
	*answer_r = (enum err)answer;
	person_r->has_quota = has_quota;
	person_r->quota = quota;
	person_r->disabled = disabled;
	person_r->denied = (unsigned)denied;
	return OK;
}
