/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several sessions do random things to the same two mailboxes. Each keeps what
 * a client would: the messages by number, with the UIDs and flags that it was
 * told. Message numbers that mean another message than the client thinks,
 * lost or doubled EXISTS and EXPUNGE, flags that it was not told of, bytes
 * that changed under a UID, a \Recent told twice: each ends the test, with the
 * seed. In turn, from one thread, a seed repeats exactly; at once, each with a
 * thread of its own, it repeats what each client does.
 */
#include "imap/talk.h"
#include "base/clock.h"
#include "mail/verify.h"
#include "mail/view.h"

#define CLIENTS 5
#define BOXES 2
#define UIDS 20000

static const char *const box_names[BOXES] = {"INBOX", "other"};

/* A message as the client knows it. */
struct entry {
	unsigned serial; /* the client's own name for it */
	uid_num uid;	 /* 0: not told yet */
	bool has_flags;
	uint32_t flags; /* bits as below */
	bool told_now;	/* by a FETCH in this command */
	bool must_go;	/* it is expunged, says what was not told */
};

/* What all have seen. */
struct facts {
	pthread_mutex_t lock;
	unsigned content[BOXES][UIDS]; /* number in the text, 0: not seen */
	unsigned recent[BOXES][UIDS];  /* selection that was told, 0: none */
	unsigned contents, selections;
};

struct player {
	struct talk talk;
	struct talk_log log;
	struct world *w;
	struct facts *facts;
	struct random_data random;
	char random_state[64];
	bool rev2, qresync;
	int box;	     /* selected */
	unsigned selection;  /* which SELECT of all this is */
	struct entry *known; /* by message number - 1 */
	unsigned count, room, serials;
	unsigned tags;
	bool may_expunge; /* now */
};

static unsigned pick(struct player *p, unsigned below)
{
	int32_t n;

	random_r(&p->random, &n);
	return (unsigned)n % below;
}

#define CHECK_PLAIN(condition)                                                 \
	do {                                                                   \
		if (!(condition))                                              \
			abort();                                               \
	} while (0)

struct cleaner {
	struct mail *mail;
	_Atomic bool stop;
};

/* What the server says. */

static void told_uid(struct player *p, unsigned at, uid_num uid)
{
	CHECK(p, uid > 0 && uid < UIDS);
	CHECK(p, p->known[at].uid == 0 || p->known[at].uid == uid);
	p->known[at].uid = uid;
	for (unsigned i = at; i-- > 0;)
		if (p->known[i].uid) {
			CHECK(p, p->known[i].uid < uid);
			break;
		}
	for (unsigned i = at + 1; i < p->count; i++)
		if (p->known[i].uid) {
			CHECK(p, p->known[i].uid > uid);
			break;
		}
}

static void told_flags(struct player *p, unsigned at, uint32_t flags)
{
	struct entry *e = &p->known[at];

	e->flags = flags & ~TALK_RECENT;
	e->has_flags = true;
	e->told_now = true;
	if (!(flags & TALK_RECENT) || !e->uid)
		return;
	pthread_mutex_lock(&p->facts->lock);
	CHECK(p, !p->rev2);
	CHECK(p, p->facts->recent[p->box][e->uid] == 0 ||
			 p->facts->recent[p->box][e->uid] == p->selection);
	p->facts->recent[p->box][e->uid] = p->selection;
	pthread_mutex_unlock(&p->facts->lock);
}

static void told_content(struct player *p, unsigned at, unsigned content)
{
	uid_num uid = p->known[at].uid;
	unsigned *was = &p->facts->content[p->box][uid];

	if (!uid)
		return;
	pthread_mutex_lock(&p->facts->lock);
	CHECK(p, *was == 0 || *was == content);
	*was = content;
	pthread_mutex_unlock(&p->facts->lock);
}

static void told_fetch(struct player *p, uint64_t number, str line)
{
	str uid = talk_between(line, "UID ", ")");
	str flags = talk_between(line, "FLAGS (", ")");
	str content = talk_between(line, "content-", "\r\n");
	unsigned at = (unsigned)number - 1;

	CHECK(p, number >= 1 && number <= p->count);
	if (!str_is_none(uid))
		told_uid(p, at, (uid_num)talk_number(&p->talk, uid));
	if (!str_is_none(flags))
		told_flags(p, at, talk_flags(&p->talk, flags));
	if (!str_is_none(content))
		told_content(p, at, (unsigned)talk_number(&p->talk, content));
}

static void told_exists(struct player *p, uint64_t number)
{
	CHECK(p, number >= p->count);
	CHECK(p, number < UIDS);
	while (p->count < number) {
		if (p->count == p->room) {
			p->room = p->room ? p->room * 2 : 64;
			p->known =
				xrealloc(p->known, p->room, sizeof *p->known);
		}
		p->known[p->count++] = (struct entry){.serial = ++p->serials};
	}
}

static void told_expunge(struct player *p, uint64_t number)
{
	CHECK(p, p->may_expunge);
	CHECK(p, number >= 1 && number <= p->count);
	memmove(&p->known[number - 1], &p->known[number],
		(p->count - number) * sizeof *p->known);
	p->count--;
}

/* Where a UID was not told yet, it is one of those that it may be. */
static unsigned find_vanished(struct player *p, uid_num uid)
{
	unsigned may = p->count;

	for (unsigned i = 0; i < p->count && p->known[i].uid <= uid; i++)
		if (p->known[i].uid == uid)
			return i;
		else if (p->known[i].uid)
			may = p->count;
		else if (may == p->count)
			may = i;
	return may;
}

/* VANISHED 3:5,7 */
static void told_vanished(struct player *p, str set)
{
	CHECK(p, p->qresync);
	while (set.n && ascii_is_digit(set.p[0])) {
		size_t n = str_find_byte(set, ',');
		str range = str_take(set, n);
		size_t colon = str_find_byte(range, ':');
		uint64_t uid = talk_number(&p->talk, range), to = uid;

		if (colon < range.n)
			to = talk_number(&p->talk, str_skip(range, colon + 1));
		for (; uid <= to; uid++)
			told_expunge(p, find_vanished(p, (uid_num)uid) + 1);
		set = str_skip(set, n + 1);
	}
}

static void told(struct player *p, str line)
{
	uint64_t number;
	str rest;

	if (str_starts(line, STR("* VANISHED ")))
		told_vanished(p, str_skip(line, 11));
	if (!ascii_is_digit(line.p[2]))
		return;
	number = talk_number(&p->talk, str_skip(line, 2));
	rest = str_skip(line, 2 + str_find_byte(str_skip(line, 2), ' ') + 1);
	if (str_starts(rest, STR("EXISTS")))
		told_exists(p, number);
	else if (str_starts(rest, STR("EXPUNGE")) && !p->qresync)
		told_expunge(p, number);
	else if (str_starts(rest, STR("FETCH")))
		told_fetch(p, number, rest);
	else
		CHECK(p, str_starts(rest, STR("RECENT")));
}

/* What the client says. */

/* Until the tagged answer; true when it is OK. Never BAD. */
static bool answered(struct player *p)
{
	char tag[16];
	size_t n = (size_t)snprintf(tag, sizeof tag, "t%u ", p->tags);
	str line;

	for (;;) {
		line = talk_line(&p->talk);
		if (str_starts(line, str_of(tag, n)))
			break;
		CHECK(p, line.n > 2 && line.p[0] == '*');
		told(p, line);
	}
	p->may_expunge = false;
	line = str_skip(line, n);
	CHECK(p, !str_starts(line, STR("BAD")));
	return str_starts(line, STR("OK"));
}

static bool command(struct player *p, bool may_expunge, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static bool command(struct player *p, bool may_expunge, const char *format, ...)
{
	struct buf text = BUF_UNBOUNDED;
	va_list ap;

	for (unsigned i = 0; i < p->count; i++)
		p->known[i].told_now = false;
	p->may_expunge = may_expunge;
	buf_addf(&text, "t%u ", ++p->tags);
	va_start(ap, format);
	buf_vaddf(&text, format, ap);
	va_end(ap);
	buf_add_c(&text, "\r\n");
	talk_send(&p->talk, buf_str(&text));
	buf_fini(&text);
	return answered(p);
}

static void do_select(struct player *p)
{
	p->box = (int)pick(p, BOXES);
	p->count = 0;
	pthread_mutex_lock(&p->facts->lock);
	p->selection = ++p->facts->selections;
	pthread_mutex_unlock(&p->facts->lock);
	CHECK(p, command(p, false, "SELECT %s", box_names[p->box]));
}

static void do_append(struct player *p)
{
	unsigned content;
	char text[64];
	size_t n;

	pthread_mutex_lock(&p->facts->lock);
	content = ++p->facts->contents;
	pthread_mutex_unlock(&p->facts->lock);
	n = (size_t)snprintf(
		text, sizeof text, "Subject: x\r\n\r\ncontent-%u\r\n", content);
	CHECK(p, command(p, true, "APPEND %s (k%u) {%zu+}\r\n%s",
			 box_names[pick(p, BOXES)], pick(p, TALK_KEYWORDS), n,
			 text));
}

/* One or a run of message numbers, or their UIDs when they are known. */
struct range {
	unsigned from, to; /* indexes */
	bool uid;
	char text[32];
};

/* VANISHED tells UIDs, so that such a client must know them. */
static bool learn_uids(struct player *p, const struct range *r)
{
	bool known = !p->qresync;

	for (int round = 0; !known && round < 2; round++) {
		known = true;
		for (unsigned i = r->from; i <= r->to; i++)
			known &= p->known[i].uid != 0;
		if (!known && round == 0)
			command(p, false, "FETCH %u:%u (UID)", r->from + 1,
				r->to + 1);
	}
	return known;
}

static bool pick_range(struct player *p, struct range *r)
{
	unsigned length = pick(p, 3) ? 1 : 1 + pick(p, 8);

	if (p->count == 0)
		return false;
	r->from = pick(p, p->count);
	r->to = r->from + length - 1;
	if (r->to >= p->count)
		r->to = p->count - 1;
	if (!learn_uids(p, r))
		return false;
	r->uid = p->known[r->from].uid && p->known[r->to].uid && pick(p, 2);
	snprintf(r->text, sizeof r->text, "%u:%u",
		r->uid ? p->known[r->from].uid : r->from + 1,
		r->uid ? p->known[r->to].uid : r->to + 1);
	return true;
}

static struct entry *find_serial(struct player *p, unsigned serial)
{
	for (unsigned i = 0; i < p->count; i++)
		if (p->known[i].serial == serial)
			return &p->known[i];
	return NULL;
}

/* After STORE .SILENT the client knows the flags without being told. */
static void assume(struct player *p, const unsigned *serials, unsigned count,
	char op, uint32_t bits)
{
	for (unsigned i = 0; i < count; i++) {
		struct entry *e = find_serial(p, serials[i]);

		if (!e || e->told_now)
			continue;
		if (op == '+')
			e->flags |= bits;
		else if (op == '-')
			e->flags &= ~bits;
		else
			e->flags = bits;
		e->has_flags |= op == ' ';
	}
}

static void do_store(struct player *p)
{
	static const char *const names[] = {"\\Seen", "\\Flagged", "\\Deleted",
		"\\Answered", "k0", "k1", "k2", "k3"};
	const char *name = names[pick(p, COUNT_OF(names))];
	char op = "+- "[pick(p, 3)];
	bool silent = pick(p, 2);
	unsigned serials[16], count = 0;
	struct range r;
	bool done;

	if (!pick_range(p, &r))
		return;
	for (unsigned i = r.from; i <= r.to; i++)
		serials[count++] = p->known[i].serial;
	done = command(p, r.uid, "%sSTORE %s %.1sFLAGS%s (%s)",
		r.uid ? "UID " : "", r.text, op == ' ' ? "" : &op,
		silent ? ".SILENT" : "", name);
	if (done && silent)
		assume(p, serials, count, op, talk_flag(&p->talk, str_c(name)));
	for (unsigned i = 0; done && !silent && i < count; i++) {
		struct entry *e = find_serial(p, serials[i]);

		/* Not told: it was expunged right after. */
		if (e && !e->told_now)
			e->must_go = true;
	}
}

static void do_fetch(struct player *p)
{
	static const char *const items[] = {"FLAGS", "(UID FLAGS)",
		"(UID BODY.PEEK[TEXT])", "(UID BODY[TEXT])", "(FLAGS BODY[])",
		"(UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)"};
	struct range r;

	if (pick_range(p, &r))
		command(p, r.uid, "%sFETCH %s %s", r.uid ? "UID " : "", r.text,
			items[pick(p, COUNT_OF(items))]);
}

/* COPY by number is all or nothing; what is gone already may be among it. */
static void do_copy(struct player *p)
{
	bool move = pick(p, 2);
	struct range r;

	if (pick_range(p, &r))
		CHECK(p, command(p, true, "%s%s %s %s", r.uid ? "UID " : "",
				 move ? "MOVE" : "COPY", r.text,
				 box_names[pick(p, BOXES)]) ||
				 (!move && !r.uid));
}

static void do_expunge(struct player *p)
{
	struct range r;

	if (pick_range(p, &r) && r.uid)
		CHECK(p, command(p, true, "UID EXPUNGE %s", r.text));
	else
		CHECK(p, command(p, true, "EXPUNGE"));
}

static void do_idle(struct player *p)
{
	struct pollfd fd = {.fd = p->talk.c.fd, .events = POLLIN};
	char text[32];
	str line;

	p->may_expunge = true;
	snprintf(text, sizeof text, "t%u IDLE\r\n", ++p->tags);
	talk_send(&p->talk, str_c(text));
	do {
		line = talk_line(&p->talk);
		if (line.p[0] == '*')
			told(p, line);
	} while (line.p[0] != '+');
	/* Hears for a while what the others do. */
	while (poll(&fd, 1, (int)pick(p, 5)) > 0 && pick(p, 4))
		told(p, talk_line(&p->talk));
	talk_send(&p->talk, STR("DONE\r\n"));
	CHECK(p, answered(p));
}

static void do_search(struct player *p)
{
	command(p, false, "SEARCH FLAGGED");
}

static void do_noop(struct player *p)
{
	CHECK(p, command(p, true, "NOOP"));
}

static void play(struct player *p)
{
	static const struct {
		unsigned weight;
		void (*fn)(struct player *);
	} acts[] = {
		{12, do_append},
		{30, do_store},
		{22, do_fetch},
		{10, do_copy},
		{4, do_expunge},
		{5, do_idle},
		{4, do_search},
		{8, do_noop},
		{2, do_select},
	};
	unsigned n = pick(p, 97), i = 0;

	while (n >= acts[i].weight)
		n -= acts[i++].weight;
	acts[i].fn(p);
}

/* At the end, with nobody else about: what the client was told is what is. */
static void compare(struct player *p)
{
	struct mail_user user = {.account = 1, .rights = RIGHT_ALL};
	struct mailbox_ref ref;
	const struct membership *m;
	struct view_iter it;
	struct view *v;
	unsigned at = 0;

	do_noop(p);
	CHECK(p, mailbox_open(p->w->mail, &user, str_c(box_names[p->box]),
			 RIGHT_READ, &ref) == OK);
	CHECK(p, view_acquire(p->w->mail, &ref, &v) == OK);
	it = view_iter(v, 1);
	for (; (m = view_iter_next(&it)); at++) {
		uint32_t flags = (uint32_t)m->flags & FLAGS_SYSTEM;
		const struct entry *e = &p->known[at];

		for (uint32_t k = 0; k < v->keyword_count; k++)
			if (m->flags & flags_keyword_bit(k))
				flags |= talk_flag(&p->talk, v->keywords[k]);
		CHECK(p, at < p->count);
		CHECK(p, !e->must_go);
		CHECK(p, !e->uid || e->uid == m->uid);
		if (e->has_flags && e->flags != flags) {
			fprintf(stderr, "message %u UID %u: %x told, %x is\n",
				at + 1, m->uid, e->flags, flags);
			talk_die(&p->talk, "flags");
		}
	}
	CHECK(p, at == p->count);
	view_release(p->w->mail, v);
	if (p->count)
		CHECK(p, command(p, false, "FETCH 1:* (UID FLAGS BODY[])"));
}

static void player_begin(struct player *p, struct world *w, struct facts *facts,
	unsigned seed, unsigned number)
{
	static const struct player none;

	*p = none;
	p->w = w;
	p->facts = facts;
	p->talk.seed = seed;
	p->talk.number = number;
	p->talk.log = &p->log;
	p->talk.line = BUF_UNBOUNDED;
	initstate_r(seed * CLIENTS + number, p->random_state,
		sizeof p->random_state, &p->random);
	client_begin(w, &p->talk.c);
	buf_reset(&p->talk.c.in);
	p->rev2 = number % 2;
	if (p->rev2)
		CHECK(p, command(p, false, "ENABLE IMAP4rev2"));
	p->qresync = number % 3 == 2;
	if (p->qresync)
		CHECK(p, command(p, false, "ENABLE QRESYNC"));
	command(p, false, "CREATE other");
	do_select(p);
}

static void player_end(struct player *p)
{
	client_end(&p->talk.c);
	buf_fini(&p->talk.line);
	free(p->known);
}

static void *play_all(void *arg)
{
	struct player *p = arg;

	for (int i = 0; i < 250; i++)
		play(p);
	return NULL;
}

/* Nothing is remembered only because it is among the last. */
static void remember_by_time(struct mail *mail)
{
	struct mail_limits limits = mail_limits_of(mail);

	limits.history_entries = 0;
	mail_set_limits(mail, &limits);
}

/* Lets go of what it can, all the while, as if years went by. */
static void *clean_up(void *arg)
{
	struct cleaner *c = arg;

	remember_by_time(c->mail);
	while (!c->stop) {
		CHECK_PLAIN(mail_purge(c->mail, false) == OK);
		CHECK_PLAIN(mail_prune(c->mail,
				    clock_wall_s() + 10 * 365 * 86400) == OK);
		usleep(2000);
	}
	return NULL;
}

static void on_problem(void *arg, str words)
{
	(void)arg;
	fprintf(stderr, "verify: %.*s\n", STR_ARG(words));
}

static void game(unsigned seed, bool at_once)
{
	struct verify verify = {.problem = on_problem};
	struct cleaner cleaner = {0};
	pthread_t cleaning;
	struct facts *facts = xcalloc(1, sizeof *facts);
	struct player *players = xcalloc(CLIENTS, sizeof *players);
	pthread_t threads[CLIENTS];
	struct world w;

	pthread_mutex_init(&facts->lock, NULL);
	world_begin(&w);
	for (unsigned i = 0; i < CLIENTS; i++)
		player_begin(&players[i], &w, facts, seed, i);
	cleaner.mail = w.mail;
	assert_int_equal(
		pthread_create(&cleaning, NULL, clean_up, &cleaner), 0);
	for (unsigned i = 0; at_once && i < CLIENTS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, play_all,
					 &players[i]),
			0);
	for (unsigned i = 0; at_once && i < CLIENTS; i++)
		pthread_join(threads[i], NULL);
	for (unsigned i = 0; !at_once && i < 250 * CLIENTS; i++)
		play(&players[pick(&players[0], CLIENTS)]);
	for (unsigned i = 0; i < CLIENTS; i++)
		compare(&players[i]);
	for (unsigned i = 0; i < CLIENTS; i++)
		player_end(&players[i]);
	cleaner.stop = true;
	pthread_join(cleaning, NULL);
	assert_ok(verify_mail(w.mail, 0, &verify));
	assert_int_equal(verify.problems, 0);
	world_end(&w);
	pthread_mutex_destroy(&facts->lock);
	free(facts);
	free(players);
}

/* CULVER_SEED: begin there; CULVER_GAMES: so many. */
static void games(bool at_once)
{
	unsigned seed = talk_from_environment("CULVER_SEED", 1);
	unsigned n = talk_from_environment("CULVER_GAMES", 3);

	for (unsigned i = 0; i < n; i++)
		game(seed + i, at_once);
}

static void test_in_turn(void **unused)
{
	(void)unused;
	games(false);
}

static void test_at_once(void **unused)
{
	(void)unused;
	games(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_turn),
		cmocka_unit_test(test_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
