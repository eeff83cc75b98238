/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cursor.h"
#include "base/ipc.h"
#include "base/log.h"
#include "base/mechanism.h"
#include "base/secret.h"
#include "net/tls_binding.h"
#include "server/front_conn.h"
#include "session/ticket.h"

#include <unistd.h>

/* After a channel did not take a message in time. */
enum { AVOID_MS = 5000 };
/* Messages of mail before others have their turn. */
enum { MAIL_TURN = 16, AUTH_TURN = 64 };

static void avoid(struct front *f, struct channel *ch, enum err err)
{
	log_error("server", "another role does not take a message",
		LOG_C("name", ch == &f->auth ? "auth" : "mail"), LOG_ERR(err));
	ch->avoid_until_ms = loop_now_ms(f->loop) + AVOID_MS;
}

static enum err send_to(struct front *f, struct channel *to, uint32_t type,
	uint32_t id, str payload, int fd)
{
	enum err err;

	if (to->watch.fd < 0 || loop_now_ms(f->loop) < to->avoid_until_ms)
		return ERR_UNAVAILABLE;
	err = outbox_send(&to->outbox, type, id, payload, fd);
	if (err)
		avoid(f, to, err);
	return err;
}

/* -------------------------------------------------------------- who asks */

static void enqueue(struct front *f, struct conn *c)
{
	struct visit *v = c->visit;

	v->next_asking = NULL;
	v->asking_link = f->last_asking;
	*f->last_asking = c;
	f->last_asking = &v->next_asking;
}

static void dequeue(struct front *f, struct conn *c)
{
	struct visit *v = c->visit;

	*v->asking_link = v->next_asking;
	if (v->next_asking)
		v->next_asking->visit->asking_link = v->asking_link;
	else
		f->last_asking = v->asking_link;
	v->asking_link = NULL;
}

static struct conn *find_asking(const struct front *f, uint32_t id)
{
	struct conn *c = f->asking;

	while (c && c->visit->ask_id != id)
		c = c->visit->next_asking;
	return c;
}

static void put_identity(const struct conn *c, struct buf *out)
{
	struct buf name = BUF_UNBOUNDED;
	const char *reason;

	if (c->tls && tls_identity(c->tls, c->front->settings.client_identity,
			      &name, &reason))
		buf_reset(&name);
	buf_add_sized(out, buf_str(&name));
	buf_fini(&name);
}

/* All that the connection has; the client chooses. */
static void put_bindings(const struct conn *c, struct buf *out)
{
	const struct mechanism_row *row =
		mechanism_find(str_c(c->visit->login.mechanism));
	struct buf all = BUF_UNBOUNDED, data = BUF_UNBOUNDED;
	bool wanted = c->tls && row && row->flags & MECHANISM_BINDS;
	uint64_t count = 0;
	const char *name;

	for (size_t i = 0; wanted && (name = tls_binding_name(i)); i++) {
		buf_reset(&data);
		if (tls_binding(c->tls, name, &data))
			continue;
		buf_add_sized(&all, str_c(name));
		buf_add_sized(&all, buf_str(&data));
		count++;
	}
	buf_add_varint(out, count);
	buf_add(out, buf_str(&all));
	buf_fini(&data);
	buf_fini(&all);
}

/* The first message of an exchange tells who asks and how. */
static void put_start(const struct conn *c, struct buf *out)
{
	const struct visit *v = c->visit;
	str response = login_response(&v->login);

	/* In one piece: growing would leave copies of the password. */
	(void)buf_reserve(out, response.n + 1024);
	buf_add_sized(out, str_c(v->login.protocol->name));
	buf_add_sized(out, str_c(v->login.mechanism));
	buf_add_sized(out, str_c(v->remote_host));
	buf_add_sized(out, str_c(v->session));
	buf_add_sized(out, str_c(c->tls ? tls_version(c->tls) : ""));
	put_identity(c, out);
	put_bindings(c, out);
	buf_add_varint(out, v->login.has_response);
	buf_add_sized(out, response);
}

static enum err ask(struct conn *c)
{
	struct visit *v = c->visit;
	struct front *f = c->front;
	struct buf out = BUF_UNBOUNDED;
	enum err err;

	if (v->login.exchange > 1)
		return send_to(f, &f->auth, IPC_AUTH_CONTINUE, v->ask_id,
			login_response(&v->login), -1);
	v->ask_id = ++f->last_id;
	put_start(c, &out);
	err = send_to(
		f, &f->auth, IPC_AUTH_START, v->ask_id, buf_str(&out), -1);
	secret_wipe(out.p, out.n);
	buf_fini(&out);
	return err;
}

bool channel_ask_auth(struct conn *c)
{
	if (ask(c))
		return false;
	enqueue(c->front, c);
	c->phase = PHASE_AUTH;
	return true;
}

void channel_cancel(struct conn *c)
{
	struct visit *v = c->visit;
	struct front *f = c->front;

	if (!v || !v->ask_id)
		return;
	if (v->asking_link)
		dequeue(f, c);
	/* When auth is away there is nothing to cancel. */
	if (send_to(f, &f->auth, IPC_AUTH_CANCEL, v->ask_id, STR(""), -1))
		log_debug("server", "exchange not cancelled");
	v->ask_id = 0;
}

/* --------------------------------------------------------- auth's answers */

static void take_done(struct conn *c, str payload)
{
	struct cursor in = cursor_of(payload);
	struct visit *v = c->visit;
	uint64_t result = cursor_varint(&in);
	str reason = cursor_sized(&in), ticket = cursor_sized(&in);

	v->ask_id = 0;
	if (!cursor_ok(&in) || ticket.n > TICKET_MAX) {
		log_error("server", "auth's answer is malformed");
		result = ERR_UNAVAILABLE;
		reason = STR("");
	}
	if (result == OK) {
		conn_hand_over(c, ticket);
		return;
	}
	conn_go_on(c, login_fail(&v->login, (enum err)result, reason, &v->out));
}

/* What may be announced from now on. */
static void take_offer(struct front *f, str payload)
{
	struct cursor in = cursor_of(payload);
	uint64_t offered = cursor_varint(&in);

	if (cursor_ok(&in) && offered <= UINT32_MAX)
		f->settings.login.offered = (unsigned)offered;
}

static void take_answer(struct front *f, const struct ipc_msg *m)
{
	struct conn *c = find_asking(f, m->id);

	if (m->type == IPC_AUTH_OFFER) {
		take_offer(f, m->payload);
		return;
	}
	/* The client may have gone meanwhile. */
	if (!c)
		return;
	if (m->type != IPC_AUTH_DONE && m->type != IPC_AUTH_CHALLENGE) {
		log_error("server", "auth says what it should not",
			LOG_U64("type", m->type));
		return;
	}
	dequeue(f, c);
	if (m->type == IPC_AUTH_DONE)
		take_done(c, m->payload);
	else
		conn_go_on(c, login_challenge(&c->visit->login, m->payload,
				      &c->visit->out));
}

/* --------------------------------------------------------------- channels */

void channel_close(struct front *f, struct channel *ch)
{
	if (ch->watch.fd < 0)
		return;
	outbox_clear(&ch->outbox);
	loop_remove(f->loop, &ch->watch);
	close(ch->watch.fd);
	ch->watch.fd = -1;
}

/* What was asked is not answered any more. */
static void fail_all(struct front *f)
{
	while (f->asking) {
		struct conn *c = f->asking;
		struct visit *v = c->visit;

		dequeue(f, c);
		v->ask_id = 0;
		conn_go_on(c, login_fail(&v->login, ERR_UNAVAILABLE, STR(""),
				      &v->out));
	}
}

/* At the end of the whole server it is no news. */
static void say_away(const struct front *f, const char *what)
{
	if (!f->drained)
		log_warn("server", what);
}

static void on_auth(
	struct loop *loop, struct loop_watch *watch, uint32_t events)
{
	struct front *f = LOOP_OWNER(watch, struct front, auth.watch);
	struct ipc_msg m;
	enum err err = OK;
	int got = 0;

	(void)loop;
	if (events & EPOLLOUT)
		outbox_flush(&f->auth.outbox);
	for (; got < f->auth.turn && !err; got++) {
		err = ipc_recv(watch->fd, &f->room, &m);
		if (err)
			break;
		if (m.fd >= 0)
			close(m.fd);
		take_answer(f, &m);
	}
	f->auth.turn = loop_next_turn(f->auth.turn, got, AUTH_TURN);
	if (!err || err == ERR_AGAIN)
		return;
	say_away(f, "auth is away");
	channel_close(f, &f->auth);
	fail_all(f);
}

static void take_from_mail(struct front *f, const struct ipc_msg *m)
{
	if (m->type == IPC_HANDBACK) {
		return_take(f, m);
		/* It may have held the next login. */
		secret_wipe(f->room.p, f->room.n);
		return;
	}
	log_error("server", "mail says what it should not",
		LOG_U64("type", m->type));
	if (m->fd >= 0)
		close(m->fd);
}

/* A descriptor that found no room here (ERR_INVALID) is lost, and nothing else.
 */
static enum err take_some_from_mail(struct front *f)
{
	enum err err = OK;

	for (int i = 0; i < MAIL_TURN && (!err || err == ERR_INVALID); i++) {
		struct ipc_msg m;

		err = ipc_recv(f->mail.watch.fd, &f->room, &m);
		if (!err)
			take_from_mail(f, &m);
		else if (err == ERR_INVALID)
			log_error("server", "a message of mail is lost");
	}
	return err;
}

static void on_mail(
	struct loop *loop, struct loop_watch *watch, uint32_t events)
{
	struct front *f = LOOP_OWNER(watch, struct front, mail.watch);
	enum err err;

	(void)loop;
	if (events & EPOLLOUT)
		outbox_flush(&f->mail.outbox);
	err = take_some_from_mail(f);
	if (err != ERR_CLOSED)
		return;
	say_away(f, "mail is away");
	channel_close(f, &f->mail);
}

static void auth_is_stuck(struct outbox *outbox)
{
	struct front *f = LOOP_OWNER(outbox, struct front, auth.outbox);

	avoid(f, &f->auth, ERR_UNAVAILABLE);
	fail_all(f);
}

/* The clients that it was to get are closed with what was dropped. */
static void mail_is_stuck(struct outbox *outbox)
{
	struct front *f = LOOP_OWNER(outbox, struct front, mail.outbox);

	avoid(f, &f->mail, ERR_UNAVAILABLE);
}

static void open_channel(struct front *f, struct channel *ch, int fd,
	void (*fn)(struct loop *, struct loop_watch *, uint32_t))
{
	channel_close(f, ch);
	ch->avoid_until_ms = 0;
	ch->turn = 1;
	outbox_init(&ch->outbox, f->loop, &ch->watch, f->settings.role_ms,
		ch == &f->auth ? auth_is_stuck : mail_is_stuck);
	if (loop_add(f->loop, &ch->watch, fd, EPOLLIN, fn)) {
		close(fd);
		ch->watch.fd = -1;
	}
}

void front_set_auth(struct front *f, int fd)
{
	channel_close(f, &f->auth);
	fail_all(f);
	open_channel(f, &f->auth, fd, on_auth);
}

void front_set_mail(struct front *f, int fd)
{
	/* Whom the one before has given back. */
	if (f->mail.watch.fd >= 0 && take_some_from_mail(f) == ERR_CLOSED)
		log_debug("server", "mail has gone");
	open_channel(f, &f->mail, fd, on_mail);
}

enum err channel_hand_over(
	struct front *f, uint32_t number, str payload, int fd)
{
	return send_to(f, &f->mail, IPC_HANDOVER, number, payload, fd);
}
