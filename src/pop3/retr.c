/* SPDX-License-Identifier: Apache-2.0 */
/* RETR and TOP: RFC 1939 sections 5 and 7. A message is sent piece by piece, a
 * record of the store at a time; between pieces nothing is open. */
#include "base/alloc.h"
#include "mail/bytes.h"
#include "mail/damage.h"
#include "message/downgrade.h"
#include "pop3/private.h"
#include "store/store.h"
#include "wire/pop3/dots.h"

#include <inttypes.h>
#include <stdlib.h>

struct pop3_sending {
	struct membership member;
	struct message_reader reader;
	uint64_t at; /* bytes read */
	/* Without UTF8 a message with UTF-8 in its header is sent as a
	 * surrogate (RFC 6856 section 2.1). */
	bool surrogate;
	bool as_it_is; /* but for dots: its lines need no other end */
	struct downgrade downgrade;
	struct pop3_dots dots;
};

static void put_bytes(struct pop3 *s, struct pop3_sending *p, str bytes)
{
	struct buf made = BUF_UNBOUNDED;

	if (!p->surrogate) {
		pop3_dots_feed(&p->dots, pop3_out(s), bytes);
		return;
	}
	downgrade_feed(&p->downgrade, bytes, &made);
	if (p->at + bytes.n == p->member.size)
		downgrade_finish(&p->downgrade, &made);
	pop3_dots_feed(&p->dots, pop3_out(s), buf_str(&made));
	buf_fini(&made);
}

/* The next piece of the message, straight to where it goes. */
static enum err send_as_it_is(
	struct pop3 *s, struct pop3_sending *p, struct store_txn *txn)
{
	struct buf *out = pop3_out(s);
	size_t before = out->n;
	enum err e = message_read(
		&p->reader, txn, p->at, p->member.size - p->at, out);

	if (!e && out->n == before)
		e = ERR_CORRUPT;
	p->at += out->n - before;
	if (!e)
		pop3_dots_double(&p->dots, out, before);
	return e;
}

/* The next piece of the message. */
static enum err send_piece(
	struct pop3 *s, struct pop3_sending *p, struct store_txn *txn)
{
	struct buf piece = BUF_UNBOUNDED;
	enum err e = message_read(
		&p->reader, txn, p->at, p->member.size - p->at, &piece);

	if (!e && piece.n == 0)
		e = ERR_CORRUPT;
	if (!e)
		put_bytes(s, p, buf_str(&piece));
	p->at += piece.n;
	buf_fini(&piece);
	return e;
}

static bool is_sent(const struct pop3_sending *p)
{
	return p->at == p->member.size || p->dots.full;
}

/* Until enough output waits. */
static enum err send_batch(struct pop3 *s, struct pop3_sending *p)
{
	struct store_txn *txn = store_begin_read(mail_store(pop3_mail(s)));
	enum err e = OK;

	do {
		if (!is_sent(p))
			e = p->as_it_is ? send_as_it_is(s, p, txn)
					: send_piece(s, p, txn);
	} while (!e && !is_sent(p) && pop3_out(s)->n < SESSION_OUT_HIGH);
	if (e == ERR_EXPUNGED)
		e = damage_why_gone(txn, &s->drop.ref, &p->member);
	if (e && e != ERR_EXPUNGED)
		damage_note(pop3_mail(s), txn, &s->drop.ref, &p->member,
			DAMAGE_BYTES, s->session.account, e);
	store_end_read(txn);
	return e;
}

enum err pop3_retr_more(struct pop3 *s)
{
	struct pop3_sending *p = s->sending;
	enum err e = OK;

	if (!is_sent(p)) {
		session_take_time();
		e = send_batch(s, p);
	}
	if (e) {
		/* The client could not find the end of what was begun. */
		s->session.closed = true;
		pop3_retr_abort(s);
		return OK;
	}
	if (!is_sent(p))
		return ERR_AGAIN;
	pop3_dots_finish(&p->dots, pop3_out(s));
	pop3_retr_abort(s);
	return OK;
}

void pop3_retr_abort(struct pop3 *s)
{
	if (s->sending)
		downgrade_fini(&s->sending->downgrade);
	free(s->sending);
	s->sending = NULL;
}

/* The first piece is read before "+OK" is said. */
static enum err begin(struct pop3 *s, struct pop3_sending *p)
{
	struct buf *out = pop3_out(s);
	size_t before = out->n;
	enum err e;

	if (p->dots.top)
		pop3_put_ok(out, "Top follows");
	else
		buf_addf(out, "+OK %" PRIu64 " octets\r\n",
			maildrop_octets(s, &p->member));
	p->reader = (struct message_reader){
		.account = s->drop.ref.account, .message = p->member.message};
	p->surrogate = p->member.eightbit && !s->before.utf8;
	p->as_it_is = !p->surrogate && !p->dots.top && !p->member.growth;
	downgrade_init(&p->downgrade);
	s->sending = p;
	e = send_batch(s, p);
	if (e) {
		buf_truncate(out, before);
		pop3_retr_abort(s);
		return e;
	}
	s->doing = POP3_DOING_RETR;
	return ERR_AGAIN;
}

static bool is_damaged(struct pop3 *s, const struct membership *m)
{
	struct store_txn *txn;
	bool known;

	if (!damage_is_any(pop3_mail(s)))
		return false;
	txn = store_begin_read(mail_store(pop3_mail(s)));
	known = damage_is_known(pop3_mail(s), txn, s->drop.ref.account, m);
	store_end_read(txn);
	return known;
}

enum err pop3_retr(struct pop3 *s, const struct pop3_command *c)
{
	struct membership m;
	struct pop3_sending *p;
	enum err e = maildrop_find(s, c->number, &m);

	if (!e && is_damaged(s, &m))
		e = ERR_CORRUPT;
	if (e)
		return e;
	p = xcalloc(1, sizeof *p);
	p->member = m;
	pop3_dots_init(&p->dots);
	e = begin(s, p);
	if (e == ERR_AGAIN)
		uidset_add(&s->drop.retrieved, m.uid);
	return e;
}

enum err pop3_top(struct pop3 *s, const struct pop3_command *c)
{
	struct membership m;
	struct pop3_sending *p;
	enum err e = maildrop_find(s, c->number, &m);

	if (e)
		return e;
	p = xcalloc(1, sizeof *p);
	p->member = m;
	pop3_dots_init_top(&p->dots, c->lines);
	return begin(s, p);
}
