/* SPDX-License-Identifier: Apache-2.0 */
/* The transaction, and its message: one copy for each account, one answer for
 * each recipient. */
#include "base/clock.h"
#include "base/log.h"
#include "lmtp/private.h"

void lmtp_transaction_begin(struct lmtp *s, const struct lmtp_mail *mail)
{
	struct lmtp_transaction *t = &s->t;

	t->sender = arena_str(&t->arena, mail->from.address);
	t->utf8 = mail->smtputf8;
	t->binary = mail->body == LMTP_BODY_BINARYMIME;
	t->last_recipient = &t->recipients;
	t->last_account = &t->accounts;
	s->state = LMTP_SENDER;
}

void lmtp_transaction_end(struct lmtp *s)
{
	struct arena arena = s->t.arena;

	delivery_free(s->t.delivery);
	arena_reset(&arena);
	s->t = (struct lmtp_transaction){.arena = arena};
	if (s->state != LMTP_NEW)
		s->state = LMTP_READY;
}

/* An account that cannot take it any more has no copy; its recipients hear of
 * it at the end, as LMTP has it. */
static void add_copy(struct lmtp *s, struct lmtp_account *a, int64_t now)
{
	struct session_limits limits =
		session_service_limits(s->session.service);
	struct buf header = BUF_UNBOUNDED;

	lmtp_put_trace(&header, s, a, str_c(limits.host), now);
	a->err = delivery_add(
		s->t.delivery, a->number, buf_str(&header), &a->copy);
	buf_fini(&header);
}

void lmtp_message_begin(struct lmtp *s)
{
	struct lmtp_transaction *t = &s->t;
	struct delivery_options options = {
		.duplicates_ms = session_service_limits(s->session.service)
					 .duplicates_ms,
		.now = clock_wall_s(),
	};

	t->delivery = delivery_new(
		session_service_mail(s->session.service), &options);
	for (struct lmtp_account *a = t->accounts; a; a = a->next)
		add_copy(s, a, options.now);
	for (struct lmtp_recipient *r = t->recipients; r; r = r->next)
		for (struct lmtp_part *p = r->parts; p; p = p->next)
			if (!p->account->err)
				delivery_into(t->delivery, p->account->copy,
					p->detail);
}

void lmtp_message_take(struct lmtp *s, str bytes)
{
	s->t.size += bytes.n;
	/* What is not taken any more is read to its end all the same. */
	if (s->t.delivery && bytes.n && !s->t.err)
		s->t.err = delivery_feed(s->t.delivery, bytes);
}

static void commit(struct lmtp *s)
{
	struct lmtp_transaction *t = &s->t;

	session_take_time();
	session_wait_begin(&s->session);
	delivery_commit(t->delivery);
	session_wait_end(&s->session);
	for (struct lmtp_account *a = t->accounts; a; a = a->next)
		if (!a->err)
			a->err = delivery_result(t->delivery, a->copy);
}

/* One line for each account of each recipient. */
static void log_part(const struct lmtp *s, const struct lmtp_recipient *r,
	const struct lmtp_part *p)
{
	const struct lmtp_transaction *t = &s->t;
	const struct lmtp_account *a = p->account;
	bool twice = !a->err && delivery_was_duplicate(t->delivery, a->copy);
	str mailbox =
		a->err ? STR("")
		       : delivery_mailbox(t->delivery, a->copy, p->detail);

	LOG_AT(a->err ? LOG_WARN : LOG_INFO, "lmtp",
		a->err ? "not delivered" : "delivered",
		LOG_C("session", s->session.id),
		LOG_C("remote", s->session.remote),
		LOG_STR("client", lmtp_client_address(s)),
		LOG_STR("sender", t->sender), LOG_STR("recipient", r->address),
		LOG_STR("account", a->name), LOG_STR("mailbox", mailbox),
		LOG_U64("bytes", t->size),
		LOG_STR("message_id", delivery_message_id(t->delivery)),
		LOG_C("result", twice ? "duplicate" : err_words(a->err)));
}

/* A recipient may mean several accounts, and has one answer: the worst, of
 * which what may be tried again is worse than what may not, since that loses
 * nothing. */
static unsigned badness(enum lmtp_say say)
{
	static const unsigned of_class[] = {[2] = 0, [4] = 2, [5] = 1};

	return of_class[lmtp_say_code(say) / 100];
}

static enum lmtp_say result_of(
	const struct lmtp *s, const struct lmtp_recipient *r)
{
	bool for_good =
		session_service_limits(s->session.service).quota_for_good;
	enum lmtp_say worst = LMTP_SAY_DELIVERED;

	for (const struct lmtp_part *p = r->parts; p; p = p->next) {
		enum lmtp_say say = lmtp_say_of(p->account->err, for_good);

		log_part(s, r, p);
		if (badness(say) > badness(worst))
			worst = say;
	}
	return worst;
}

/* RFC 2033 section 4.2: "the server returns one reply for each previously
 * successful RCPT command in the mail transaction, in the order that the RCPT
 * commands were issued"; of BDAT LAST without any, none (section 4.3). */
void lmtp_message_end(struct lmtp *s)
{
	if (s->t.delivery)
		commit(s);
	for (struct lmtp_recipient *r = s->t.recipients; r; r = r->next)
		lmtp_put_about(lmtp_out(s), result_of(s, r), r->address);
	s->errors = 0;
	lmtp_transaction_end(s);
}
