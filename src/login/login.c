/* SPDX-License-Identifier: Apache-2.0 */
#include "login/login.h"
#include "base/alloc.h"
#include "base/cursor.h"
#include "base/secret.h"

#include <assert.h>
#include <stdlib.h>

/* ------------------------------------------------------------------ input */

/* To the front of memory with room for n more bytes. Not by realloc: it would
 * leave a copy of a password behind. */
static void move_input(struct login *l, size_t more)
{
	str left = login_input(l);
	size_t room = 512;
	char *in;

	while (room < left.n + more)
		room *= 2;
	in = xmalloc(room);
	memcpy(in, left.p, left.n);
	if (l->in)
		secret_wipe(l->in, l->n);
	free(l->in);
	l->in = in;
	l->at = 0;
	l->n = left.n;
	l->room = room;
}

static void add_input(struct login *l, str bytes)
{
	if (l->room - l->n < bytes.n)
		move_input(l, bytes.n);
	if (bytes.n)
		memcpy(l->in + l->n, bytes.p, bytes.n);
	l->n += bytes.n;
}

void login_consume(struct login *l, size_t n)
{
	assert(n <= l->n - l->at);
	if (!n)
		return;
	secret_wipe(l->in + l->at, n);
	l->at += n;
}

static void drop_input(struct login *l)
{
	if (l->in)
		secret_wipe(l->in, l->n);
	free(l->in);
	l->in = NULL;
	l->at = l->n = l->room = 0;
}

static void forget_response(struct login *l)
{
	if (l->response.p)
		secret_wipe(l->response.p, l->response.cap);
	buf_fini(&l->response);
}

/* -------------------------------------------------------------- lifetime */

static void init(struct login *l)
{
	/* With room for what base64 may round up to. */
	buf_init(&l->response, LOGIN_RESPONSE_MAX + 4);
	buf_init(&l->tag, HANDOVER_TAG_MAX);
	buf_init(&l->id, LOGIN_ID_MAX);
	buf_init(&l->state, HANDOVER_STATE_MAX);
	buf_init(&l->user, LOGIN_USER_MAX);
	l->protocol->begin(l);
}

void login_init(struct login *l, const struct login_protocol *protocol,
	const struct login_settings *settings, bool tls)
{
	*l = (struct login){
		.protocol = protocol, .settings = settings, .tls = tls};
	init(l);
}

void login_fini(struct login *l)
{
	drop_input(l);
	forget_response(l);
	buf_fini(&l->tag);
	buf_fini(&l->id);
	buf_fini(&l->state);
	buf_fini(&l->user);
}

void login_secured(struct login *l)
{
	const struct login_protocol *protocol = l->protocol;
	const struct login_settings *settings = l->settings;
	char stamp[LOGIN_STAMP_MAX];

	memcpy(stamp, l->stamp, sizeof stamp);
	login_fini(l);
	login_init(l, protocol, settings, true);
	memcpy(l->stamp, stamp, sizeof stamp);
}

/* --------------------------------------------------------------- dialogue */

void login_greet(struct login *l, struct buf *out)
{
	l->protocol->greet(l, out);
}

enum login_want login_go_on(struct login *l, struct buf *out)
{
	enum login_want want = LOGIN_MORE;

	if (l->failures >= l->settings->failures_max && l->failures) {
		l->end = "too many failed logins";
		return LOGIN_CLOSE;
	}
	while (!l->protocol->step(l, out, &want))
		;
	if (want != LOGIN_AUTH)
		forget_response(l);
	if (want == LOGIN_MORE && l->at == l->n)
		drop_input(l);
	return want;
}

enum login_want login_feed(struct login *l, str bytes, struct buf *out)
{
	assert(bytes.n <= LOGIN_CHUNK);
	add_input(l, bytes);
	return login_go_on(l, out);
}

str login_leftover(const struct login *l)
{
	return str_skip(login_input(l), l->taken);
}

void login_bye(struct login *l, enum login_bye why, struct buf *out)
{
	l->protocol->bye(l, why, out);
}

/* ------------------------------------------------------------------- auth */

str login_response(const struct login *l)
{
	return buf_str(&l->response);
}

enum login_want login_challenge(struct login *l, str bytes, struct buf *out)
{
	l->protocol->challenge(l, bytes, out);
	forget_response(l);
	return login_go_on(l, out);
}

enum login_want login_fail(
	struct login *l, enum err err, str reason, struct buf *out)
{
	l->exchange = 0;
	/* That auth is away is not the client's fault. */
	if (err != ERR_UNAVAILABLE)
		l->failures++;
	l->protocol->fail(l, err, reason, out);
	forget_response(l);
	return login_go_on(l, out);
}

void login_hand_over(struct login *l, struct handover *h)
{
	struct cursor c = cursor_of(buf_str(&l->id));

	h->protocol = str_c(l->protocol->name);
	h->tag = buf_str(&l->tag);
	h->leftover = login_leftover(l);
	buf_reset(&l->state);
	if (l->protocol->hand_over)
		l->protocol->hand_over(l, &l->state);
	h->state = buf_str(&l->state);
	h->id_count = l->id_count;
	for (size_t i = 0; i < l->id_count; i++) {
		bool has_value;

		h->id[i].name = cursor_sized(&c);
		has_value = cursor_varint(&c);
		h->id[i].value = cursor_sized(&c);
		if (!has_value)
			h->id[i].value = str_none();
	}
	assert(cursor_ok(&c));
}
