/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions in this process, on the memory engine. A random test plays several
 * at once against a model of what each must see: INBOX as it was when the
 * session began, whatever the others and IMAP do to it meanwhile; and of what
 * is there in the end: what no QUIT that was answered deleted.
 */
#include "base/test.h"
#include "base/buf.h"
#include "base/log.h"
#include "mail/message.h"
#include "mail/upload.h"
#include "mail/view.h"
#include "pop3/pop3.h"
#include "wire/pop3/command.h"
#include "session/fixture.h"

#include <poll.h>

#define PATIENCE_MS 20000

static const struct mail_user ann = {.account = 1, .rights = RIGHT_ALL};

static void world_begin(struct world *w)
{
	struct session_limits limits;

	world_make(w, store_open_memory(), NULL);
	limits = session_service_limits(w->service);
	snprintf(limits.pop3_uidl, sizeof limits.pop3_uidl, "%%u");
	session_service_set_limits(w->service, &limits);
	world_start(w);
}

/* ------------------------------------------------------------------ client */

struct client {
	int fd;
	struct buf in;
};

static void dial_to(struct world *w, struct client *c,
	const struct session_protocol *protocol, uint32_t rights)
{
	const struct handover h = {.protocol = STR("pop3"),
		.session = STR("test"),
		.remote = STR("127.0.0.1:1")};
	const struct ticket t = {
		.account = 1, .name = STR("ann"), .rights = rights};

	*c = (struct client){world_dial(w, protocol, &h, &t), BUF_UNBOUNDED};
}

static void dial(struct world *w, struct client *c, uint32_t rights)
{
	dial_to(w, c, &pop3_protocol, rights);
}

static void hang_up(struct client *c)
{
	close(c->fd);
	buf_fini(&c->in);
}

/* What comes until `end` does, or the end of the connection. */
static str hear(struct client *c, const char *end)
{
	buf_reset(&c->in);
	while (!*end || !str_ends(buf_str(&c->in), str_c(end))) {
		struct pollfd p = {.fd = c->fd, .events = POLLIN};
		char piece[4096];
		ssize_t n;

		if (poll(&p, 1, PATIENCE_MS) <= 0)
			fail_msg("nothing more than \"%.*s\"",
				STR_ARG(buf_str(&c->in)));
		n = recv(c->fd, piece, sizeof piece, 0);
		if (n <= 0)
			break;
		buf_add(&c->in, str_of(piece, (size_t)n));
	}
	return buf_str(&c->in);
}

static str ask(struct client *c, const char *end, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static str ask(struct client *c, const char *end, const char *format, ...)
{
	char line[64];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line, sizeof line, format, args);
	va_end(args);
	assert_int_equal(send(c->fd, line, (size_t)n, MSG_NOSIGNAL), n);
	return hear(c, end);
}

static void log_in(struct world *w, struct client *c)
{
	dial(w, c, TICKET_MAY_ALL);
	assert_str(hear(c, "\r\n"), "+OK Logged in\r\n");
}

/* -------------------------------------------------------------------- mail */

static uid_num add(struct world *w, const char *text)
{
	struct upload *u = upload_new(w->mail, ann.account);
	struct append_item item = {.upload = u};
	struct append_result result = {0};
	struct mailbox_ref ref;
	uid_num uid;

	assert_ok(
		mailbox_open(w->mail, &ann, STR("INBOX"), RIGHT_INSERT, &ref));
	assert_ok(upload_feed(u, str_c(text)));
	assert_ok(
		append_commit(w->mail, &ann, STR("INBOX"), &item, 1, &result));
	uid = uidset_min(&result.uids);
	uidset_fini(&result.uids);
	upload_free(u);
	return uid;
}

static void expunge(struct world *w, uid_num uid)
{
	struct uidset uids = UIDSET_EMPTY, gone = UIDSET_EMPTY;
	struct mailbox_ref ref;

	uidset_add(&uids, uid);
	assert_ok(mailbox_open(w->mail, &ann, STR("INBOX"), RIGHT_READ, &ref));
	assert_ok(message_remove(w->mail, &ref, &uids, &gone));
	uidset_fini(&uids);
	uidset_fini(&gone);
}

/* ------------------------------------------------------------- single ones */

/* Every command of the table with every right missing: refused, and the store
 * as before. */

/* Not only tickets' rights. */
static uint32_t rights_now;
static struct session_protocol limited;

static void open_limited(struct session *s, const struct handover *h)
{
	s->user.rights = rights_now;
	pop3_protocol.open(s, h);
}

static const struct right_row {
	enum pop3_verb verb;
	const char *line, *end; /* of the answer */
	uint32_t needs;		/* without one of these it is refused */
	uint32_t changes_with;	/* without one of these QUIT changes nothing */
	bool changes;
} right_rows[] = {
	/* before login: refused after it */
	{POP3_USER, "USER ann\r\n", "\r\n", RIGHT_ALL, 0, false},
	{POP3_PASS, "PASS x\r\n", "\r\n", RIGHT_ALL, 0, false},
	{POP3_APOP, "APOP ann c4c9334bac560ecc979e58001b3e22fb\r\n", "\r\n",
		RIGHT_ALL, 0, false},
	{POP3_AUTH, "AUTH PLAIN AGFubgB4\r\n", "\r\n", RIGHT_ALL, 0, false},
	{POP3_STLS, "STLS\r\n", "\r\n", RIGHT_ALL, 0, false},
	{POP3_UTF8, "UTF8\r\n", "\r\n", RIGHT_ALL, 0, false},

	{POP3_LANG, "LANG\r\n", ".\r\n", 0, 0, false},
	{POP3_CAPA, "CAPA\r\n", ".\r\n", 0, 0, false},
	{POP3_QUIT, "", "", 0, 0, false},
	{POP3_NOOP, "NOOP\r\n", "\r\n", 0, 0, false},
	{POP3_RSET, "RSET\r\n", "\r\n", 0, 0, false},
	{POP3_STAT, "STAT\r\n", "\r\n", 0, 0, false},
	{POP3_LIST, "LIST\r\n", ".\r\n", 0, 0, false},
	{POP3_UIDL, "UIDL\r\n", ".\r\n", 0, 0, false},
	{POP3_RETR, "RETR 1\r\n", ".\r\n", 0, RIGHT_SEEN, true},
	{POP3_TOP, "TOP 1 0\r\n", ".\r\n", 0, 0, false},
	{POP3_DELE, "DELE 1\r\n", "\r\n", RIGHT_DELETED | RIGHT_EXPUNGE,
		RIGHT_DELETED | RIGHT_EXPUNGE, true},
};

static void dump(struct world *w, struct buf *all)
{
	struct store_txn *txn = store_begin_read(w->store);
	struct store_iter *it = store_scan(txn, STR("\1"), STR(""));
	str key, value;

	buf_reset(all);
	while (store_iter_next(it, &key, &value)) {
		buf_add_sized(all, key);
		buf_add_sized(all, value);
	}
	assert_ok(store_iter_end(it));
	store_end_read(txn);
}

/* Whether it was refused. */
static bool try_row(struct world *w, const struct right_row *row)
{
	struct client c;
	bool refused;

	dial_to(w, &c, &limited, TICKET_MAY_READ);
	assert_str(hear(&c, "\r\n"), "+OK Logged in\r\n");
	refused = *row->line &&
		  !str_starts(ask(&c, row->needs ? "\r\n" : row->end, "%s",
				      row->line),
			  STR("+OK"));
	assert_true(
		!refused || str_find(buf_str(&c.in), STR("a: b")) == c.in.n);
	ask(&c, "", "QUIT\r\n");
	hang_up(&c);
	while (session_service_count(w->service))
		usleep(100);
	return refused;
}

static void check_row(const struct right_row *row, uint32_t rights)
{
	bool needs_login =
		!(pop3_commands[row->verb].states & POP3_TRANSACTION);
	bool may = (rights & row->needs) == row->needs && !needs_login;
	bool change = may && row->changes &&
		      (rights & row->changes_with) == row->changes_with;
	struct buf before = BUF_UNBOUNDED, after = BUF_UNBOUNDED;
	struct world w;

	world_begin(&w);
	add(&w, "a: b\r\n\r\n");
	dump(&w, &before);
	rights_now = rights;
	assert_int_equal(try_row(&w, row), !may);
	dump(&w, &after);
	assert_int_equal(!str_eq(buf_str(&before), buf_str(&after)), change);
	buf_fini(&before);
	buf_fini(&after);
	world_end(&w);
}

static void test_rights(void **unused)
{
	unsigned seen = 0;

	(void)unused;
	limited = pop3_protocol;
	limited.open = open_limited;
	for (size_t i = 0; i < COUNT_OF(right_rows); i++) {
		const struct right_row *row = &right_rows[i];

		seen |= 1u << row->verb;
		check_row(row, RIGHT_ALL);
		check_row(row, RIGHT_LOOKUP | RIGHT_READ);
		for (uint32_t r = 1; r < RIGHT_ALL; r <<= 1)
			if (!(r & (RIGHT_LOOKUP | RIGHT_READ)))
				check_row(row, RIGHT_ALL & ~r);
	}
	/* A new command comes with what it needs. */
	assert_int_equal(seen, (1u << POP3_VERB_COUNT) - 2);
}

/* Without these there is no session. */
static void test_no_maildrop(void **unused)
{
	static const uint32_t missing[] = {
		RIGHT_LOOKUP, RIGHT_READ, RIGHT_LOOKUP | RIGHT_READ, RIGHT_ALL};

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(missing); i++) {
		struct world w;
		struct client c;

		world_begin(&w);
		add(&w, "a: b\r\n\r\n");
		rights_now = RIGHT_ALL & ~missing[i];
		dial_to(&w, &c, &limited, TICKET_MAY_READ);
		assert_true(str_starts(hear(&c, ""), STR("-ERR ")));
		hang_up(&c);
		world_end(&w);
	}
}

static void test_too_many(void **unused)
{
	struct session_limits limits;
	struct client one, other;
	struct world w;

	(void)unused;
	world_begin(&w);
	limits = session_service_limits(w.service);
	limits.per_account = 1;
	session_service_set_limits(w.service, &limits);
	log_in(&w, &one);
	dial(&w, &other, TICKET_MAY_ALL);
	assert_str(hear(&other, ""),
		"-ERR [IN-USE] Too many sessions of this account\r\n");
	hang_up(&other);
	hang_up(&one);
	world_end(&w);
}

/* RFC 1939 section 3: "without removing any messages or sending any response
 * to the client". */
static void test_autologout(void **unused)
{
	struct session_limits limits;
	struct world w;
	struct client c;

	(void)unused;
	world_begin(&w);
	add(&w, "a: b\r\n\r\n");
	limits = session_service_limits(w.service);
	limits.idle_ms = 50;
	session_service_set_limits(w.service, &limits);
	log_in(&w, &c);
	assert_str(ask(&c, "", "DELE 1\r\n"), "+OK Marked as deleted\r\n");
	hang_up(&c);
	limits.idle_ms = 0;
	session_service_set_limits(w.service, &limits);
	log_in(&w, &c);
	assert_str(ask(&c, "\r\n", "STAT\r\n"), "+OK 1 8\r\n");
	hang_up(&c);
	world_end(&w);
}

/* ------------------------------------------------------------------ random */

#define CLIENTS 4
#define UIDS 4000
#define STEPS 3000

/* What each message is; [uid]. */
struct model {
	bool there[UIDS];
	unsigned octets[UIDS];
	char *answer[UIDS]; /* to RETR, without its first line */
};

struct player {
	struct client c;
	bool in;
	unsigned count;
	uid_num uids[UIDS];
	bool deleted[UIDS]; /* by uid */
};

static struct model model;
static struct player players[CLIENTS];

static unsigned pick(unsigned n)
{
	return (unsigned)random() % n;
}

/* With what POP3 does to it. */
static void add_random(struct world *w)
{
	static const char *const lines[][2] = {
		{"x\r\n", "x\r\n"},
		{"x\n", "x\r\n"},
		{".\r\n", "..\r\n"},
		{".\n", "..\r\n"},
		{"a\rb\n", "a\rb\r\n"},
		{"\r\n", "\r\n"},
	};
	struct buf text = BUF_UNBOUNDED, answer = BUF_UNBOUNDED;
	unsigned octets = 6, count = pick(6);
	uid_num uid;

	buf_add_c(&text, "a: b\r\n");
	buf_add_c(&answer, "a: b\r\n");
	for (unsigned i = 0; i < count; i++) {
		unsigned k = pick(COUNT_OF(lines));

		buf_add_c(&text, lines[k][0]);
		buf_add_c(&answer, lines[k][1]);
		octets += (unsigned)strlen(lines[k][1]) - (*lines[k][0] == '.');
	}
	if (pick(4) == 0) {
		buf_add_c(&text, "end");
		buf_add_c(&answer, "end\r\n");
		octets += 5;
	}
	buf_add_c(&answer, ".\r\n");
	buf_add_byte(&text, '\0');
	buf_add_byte(&answer, '\0');
	uid = add(w, text.p);
	assert_true(uid < UIDS);
	model.there[uid] = true;
	model.octets[uid] = octets;
	model.answer[uid] = answer.p;
	buf_fini(&text);
}

static void expunge_random(struct world *w)
{
	uid_num uid = 1 + pick(UIDS - 1);

	for (unsigned i = 0; i < UIDS && !model.there[uid]; i++)
		uid = uid % (UIDS - 1) + 1;
	if (!model.there[uid])
		return;
	expunge(w, uid);
	model.there[uid] = false;
}

static void enter(struct world *w, struct player *p)
{
	log_in(w, &p->c);
	p->in = true;
	p->count = 0;
	memset(p->deleted, 0, sizeof p->deleted);
	for (uid_num uid = 1; uid < UIDS; uid++)
		if (model.there[uid])
			p->uids[p->count++] = uid;
}

static void check_stat(struct player *p)
{
	unsigned count = 0, octets = 0;
	char expected[64];

	for (unsigned i = 0; i < p->count; i++) {
		if (p->deleted[p->uids[i]])
			continue;
		count++;
		octets += model.octets[p->uids[i]];
	}
	snprintf(expected, sizeof expected, "+OK %u %u\r\n", count, octets);
	assert_str(ask(&p->c, "\r\n", "STAT\r\n"), expected);
}

static void check_list(struct player *p, bool uidl)
{
	struct buf expected = BUF_UNBOUNDED;

	buf_add_c(&expected, "+OK List follows\r\n");
	for (unsigned i = 0; i < p->count; i++)
		if (!p->deleted[p->uids[i]])
			buf_addf(&expected, "%u %u\r\n", i + 1,
				uidl ? p->uids[i] : model.octets[p->uids[i]]);
	buf_add_c(&expected, ".\r\n");
	buf_add_byte(&expected, '\0');
	assert_str(ask(&p->c, "\n.\r\n", uidl ? "UIDL\r\n" : "LIST\r\n"),
		expected.p);
	buf_fini(&expected);
}

static void check_retr(struct player *p, unsigned n)
{
	uid_num uid = n <= p->count ? p->uids[n - 1] : 0;
	char first[64];
	str answer;

	if (!uid || p->deleted[uid]) {
		assert_str(ask(&p->c, "\r\n", "RETR %u\r\n", n),
			"-ERR No such message\r\n");
		return;
	}
	snprintf(first, sizeof first, "+OK %u octets\r\n", model.octets[uid]);
	answer = ask(&p->c, "\n.\r\n", "RETR %u\r\n", n);
	assert_str(str_take(answer, strlen(first)), first);
	assert_str(str_skip(answer, strlen(first)), model.answer[uid]);
}

static void check_dele(struct player *p, unsigned n)
{
	uid_num uid = n <= p->count ? p->uids[n - 1] : 0;
	bool can = uid && !p->deleted[uid];

	assert_str(ask(&p->c, "\r\n", "DELE %u\r\n", n),
		can ? "+OK Marked as deleted\r\n" : "-ERR No such message\r\n");
	if (can)
		p->deleted[uid] = true;
}

static void leave(struct player *p, bool quit)
{
	if (quit) {
		assert_str(ask(&p->c, "", "QUIT\r\n"), "+OK Bye\r\n");
		for (uid_num uid = 1; uid < UIDS; uid++)
			if (p->deleted[uid])
				model.there[uid] = false;
	}
	hang_up(&p->c);
	p->in = false;
}

static void play(struct world *w, struct player *p)
{
	unsigned n = 1 + pick(p->count + 1);

	if (!p->in) {
		enter(w, p);
		return;
	}
	switch (pick(16)) {
	case 0:
		leave(p, true);
		break;
	case 1:
		leave(p, false);
		break;
	case 2:
		assert_str(ask(&p->c, "\r\n", "RSET\r\n"),
			"+OK Nothing is marked as deleted\r\n");
		memset(p->deleted, 0, sizeof p->deleted);
		break;
	case 3:
		check_list(p, false);
		break;
	case 4:
		check_list(p, true);
		break;
	case 5:
		check_stat(p);
		break;
	case 6:
	case 7:
	case 8:
		check_dele(p, n);
		break;
	default:
		check_retr(p, n);
		break;
	}
}

static void check_store(struct world *w)
{
	struct mailbox_ref ref;
	struct view *v;
	unsigned count = 0;

	assert_ok(mailbox_open(w->mail, &ann, STR("INBOX"), RIGHT_READ, &ref));
	assert_ok(view_acquire(w->mail, &ref, &v));
	for (uid_num uid = 1; uid < UIDS; uid++) {
		assert_int_equal(uidset_has(&v->uids, uid), model.there[uid]);
		count += model.there[uid];
	}
	assert_int_equal(uidset_count(&v->uids), count);
	view_release(w->mail, v);
}

static void test_random(void **unused)
{
	struct world w;

	(void)unused;
	srandom(7);
	world_begin(&w);
	for (int i = 0; i < 30; i++)
		add_random(&w);
	for (int i = 0; i < STEPS; i++) {
		unsigned what = pick(12);

		if (what == 0)
			add_random(&w);
		else if (what == 1)
			expunge_random(&w);
		else
			play(&w, &players[pick(CLIENTS)]);
		/* What nobody knows any more is let go meanwhile. */
		if (i % 200 == 0)
			assert_ok(mail_purge(w.mail, false));
	}
	for (int i = 0; i < CLIENTS; i++)
		if (players[i].in)
			leave(&players[i], true);
	check_store(&w);
	for (uid_num uid = 0; uid < UIDS; uid++)
		free(model.answer[uid]);
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rights),
		cmocka_unit_test(test_no_maildrop),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_autologout),
		cmocka_unit_test(test_random),
	};

	log_set_level(LOG_WARN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
