/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contexts (RFC 5267): several sessions change one mailbox at random, and each
 * has searches and sorts with UPDATE. From what ADDTO and REMOVEFROM say each
 * builds its lists as a client would, and message numbers in them move with
 * EXPUNGE; what cannot be applied ends the test, with the seed. In turn, from
 * one thread, after every command each list is what a new search finds; at
 * once, with a thread for each, at the end.
 */
#include "imap/talk.h"

#define PLAYERS 5
#define ACTS 120
#define WISHES 6 /* contexts of one player */
#define UIDS 20000

struct wish {
	char tag[12];	/* empty: none */
	char how[40];	/* "UID SORT", "SEARCH" */
	char keys[400]; /* as a new search has them */
	char order[60]; /* "(SUBJECT) UTF-8 "; empty: SEARCH */
	bool uid;
	bool fetch;  /* of new messages FETCH comes first */
	bool ending; /* updates may come, or not */
	uint32_t *list;
	size_t count, room;
};

struct player {
	struct talk talk;
	struct talk_log log;
	struct random_data random;
	char random_state[64];
	unsigned tags, wishes_made;
	bool qresync, uidonly, notify, delayed, rev2;
	bool may_expunge;
	bool idle;
	uint32_t count; /* messages that it knows of */
	uid_num largest;
	struct wish wishes[WISHES];
	bool *fetched; /* by UID */
	/* The answer to a new search. */
	bool asking;
	struct wish fresh;
};

static unsigned pick(struct player *p, unsigned below)
{
	int32_t n;

	random_r(&p->random, &n);
	return (unsigned)n % below;
}

/* Lists. */

static size_t find(const struct wish *x, uint32_t n)
{
	size_t at = 0;

	while (at < x->count && x->list[at] != n)
		at++;
	return at;
}

static void insert(struct player *p, struct wish *x, size_t at, uint32_t n)
{
	CHECK(p, at <= x->count);
	CHECK(p, find(x, n) == x->count);
	if (x->count == x->room) {
		x->room = x->room ? x->room * 2 : 64;
		x->list = xrealloc(x->list, x->room, sizeof *x->list);
	}
	memmove(x->list + at + 1, x->list + at,
		(x->count++ - at) * sizeof *x->list);
	x->list[at] = n;
}

static void take_out(struct player *p, struct wish *x, size_t at)
{
	CHECK(p, at < x->count);
	memmove(x->list + at, x->list + at + 1,
		(--x->count - at) * sizeof *x->list);
}

/* One of a set, that stands at this position, from 1 on; 0: wherever. */
static void add(struct player *p, struct wish *x, uint64_t position, uint32_t n)
{
	size_t at = 0;

	CHECK(p, x->uid || n <= p->count);
	CHECK(p, !x->fetch || p->fetched[n]);
	if (position) {
		insert(p, x, position - 1, n);
		return;
	}
	CHECK(p, !x->order[0]);
	while (at < x->count && x->list[at] < n)
		at++;
	insert(p, x, at, n);
}

static void drop(
	struct player *p, struct wish *x, uint64_t position, uint32_t n)
{
	size_t at = find(x, n);

	CHECK(p, at < x->count);
	CHECK(p, position ? at == position - 1 : !x->order[0]);
	take_out(p, x, at);
}

/* What is read. */

static str word(str *rest)
{
	str w = str_take(*rest, str_find_byte(*rest, ' '));

	*rest = str_skip(*rest, w.n + 1);
	return w;
}

/* The next number of a set; *range: what of one is still to come. */
static bool next_of_set(struct player *p, str *set, uint32_t *n, uint32_t *last)
{
	str range;
	size_t colon;

	if (*n && *n < *last) {
		(*n)++;
		return true;
	}
	if (set->n == 0)
		return false;
	range = str_take(*set, str_find_byte(*set, ','));
	*set = str_skip(*set, range.n + 1);
	colon = str_find_byte(range, ':');
	*n = *last = (uint32_t)talk_number(&p->talk, range);
	if (colon < range.n)
		*last = (uint32_t)talk_number(
			&p->talk, str_skip(range, colon + 1));
	CHECK(p, *n && *n <= *last);
	return true;
}

/* context-position SP sequence-set *(SP context-position SP sequence-set) */
static void told_pairs(struct player *p, struct wish *x, str pairs, bool adds)
{
	while (pairs.n) {
		uint64_t position = talk_number(&p->talk, word(&pairs));
		str set = word(&pairs);
		uint32_t n = 0, last = 0;

		CHECK(p, set.n);
		while (next_of_set(p, &set, &n, &last)) {
			if (adds)
				add(p, x, position, n);
			else
				drop(p, x, position, n);
			position += adds && position;
		}
	}
}

static void told_all(struct player *p, struct wish *x, str line)
{
	str set = talk_between(line, " ALL ", " ");
	uint32_t n = 0, last = 0;

	x->count = 0;
	if (str_is_none(set))
		return;
	set = str_trim(set);
	while (next_of_set(p, &set, &n, &last))
		insert(p, x, x->count, n);
}

static void told_search(struct player *p, str line)
{
	str tag = talk_between(line, "TAG \"", "\"");
	str adds = talk_between(line, "ADDTO (", ")");
	str drops = talk_between(line, "REMOVEFROM (", ")");
	struct wish *x = NULL;

	for (size_t i = 0; i < WISHES; i++)
		if (str_eq_c(tag, p->wishes[i].tag))
			x = &p->wishes[i];
	if (!x) {
		CHECK(p, p->asking && str_is_none(adds) && str_is_none(drops));
		told_all(p, &p->fresh, line);
		return;
	}
	CHECK(p, x->uid == (str_find(line, STR("\") UID")) < line.n));
	if (!str_is_none(drops))
		told_pairs(p, x, drops, false);
	if (!str_is_none(adds))
		told_pairs(p, x, adds, true);
	if (str_is_none(adds) && str_is_none(drops))
		told_all(p, x, line);
}

/* Whoever was in a list left it before its number went. */
static void told_expunge(struct player *p, uint64_t number)
{
	CHECK(p, p->may_expunge || (p->notify && !p->delayed));
	CHECK(p, number >= 1 && number <= p->count && !p->qresync);
	p->count--;
	for (size_t i = 0; i < WISHES; i++) {
		struct wish *x = &p->wishes[i];

		if (x->uid || !x->tag[0])
			continue;
		if (x->ending && find(x, (uint32_t)number) < x->count)
			take_out(p, x, find(x, (uint32_t)number));
		CHECK(p, find(x, (uint32_t)number) == x->count);
		for (size_t n = 0; n < x->count; n++)
			x->list[n] -= x->list[n] > number;
	}
}

static void told_vanished(struct player *p, str set)
{
	uint32_t n = 0, last = 0;

	CHECK(p, p->qresync || p->uidonly);
	while (next_of_set(p, &set, &n, &last)) {
		CHECK(p, p->count-- > 0);
		for (size_t i = 0; i < WISHES; i++)
			if (p->wishes[i].tag[0] && !p->wishes[i].ending)
				CHECK(p, find(&p->wishes[i], n) ==
						 p->wishes[i].count);
	}
}

static void told_fetch(struct player *p, uint64_t number, str line)
{
	str uid = talk_between(line, "UID ", " ");

	if (p->uidonly)
		p->fetched[number] = true;
	else if (!str_is_none(uid))
		p->fetched[talk_number(&p->talk, uid)] = true;
}

static void told_number(struct player *p, uint64_t number, str what)
{
	if (str_starts(what, STR("EXISTS"))) {
		CHECK(p, number >= p->count);
		p->count = (uint32_t)number;
	} else if (str_starts(what, STR("EXPUNGE"))) {
		told_expunge(p, number);
	} else if (str_find(what, STR("FETCH")) < 4) {
		told_fetch(p, number, what);
	} else {
		CHECK(p, str_starts(what, STR("RECENT")));
	}
}

static void told_closed(struct player *p)
{
	for (size_t i = 0; i < WISHES; i++)
		p->wishes[i].tag[0] = '\0';
	p->count = 0;
}

static void told(struct player *p, str line)
{
	str rest = str_trim(str_skip(line, 2));
	uint64_t number;

	CHECK(p, line.n > 2 && line.p[0] == '*');
	CHECK(p, str_find(line, STR("NOUPDATE")) == line.n);
	if (str_starts(rest, STR("ESEARCH")))
		told_search(p, rest);
	else if (str_starts(rest, STR("OK [CLOSED]")))
		told_closed(p);
	else if (str_starts(rest, STR("VANISHED ")))
		told_vanished(p, str_skip(rest, 9));
	else if (str_starts(rest, STR("OK [UIDNEXT ")))
		p->largest = (uid_num)talk_number(&p->talk, str_skip(rest, 12));
	else if (ascii_is_digit(rest.p[0])) {
		number = talk_number(&p->talk, word(&rest));
		told_number(p, number, rest);
	}
}

/* What the client says. */

static void read_answer(struct player *p, const char *tag)
{
	size_t n = strlen(tag);

	for (;;) {
		str line = talk_line(&p->talk);

		if (str_starts(line, str_of(tag, n)) && line.p[n] == ' ') {
			CHECK(p, !str_starts(str_skip(line, n), STR(" BAD")));
			break;
		}
		told(p, line);
	}
	p->may_expunge = false;
}

static void say_with(
	struct player *p, const char *tag, const char *format, va_list args)
{
	char text[1200];
	int n = snprintf(text, sizeof text, "%s ", tag);

	n += vsnprintf(text + n, sizeof text - (size_t)n, format, args);
	memcpy(text + n, "\r\n", 2);
	talk_send(&p->talk, str_of(text, (size_t)n + 2));
}

static void command(struct player *p, bool may_expunge, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void command(struct player *p, bool may_expunge, const char *format, ...)
{
	char tag[16];
	va_list args;

	p->may_expunge = may_expunge;
	snprintf(tag, sizeof tag, "t%u", ++p->tags);
	va_start(args, format);
	say_with(p, tag, format, args);
	va_end(args);
	read_answer(p, tag);
}

static void send_tagged(struct player *p, const char *tag, const char *format,
	...) __attribute__((format(printf, 3, 4)));

static void send_tagged(
	struct player *p, const char *tag, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say_with(p, tag, format, args);
	va_end(args);
}

static void begin_idle(struct player *p)
{
	p->idle = true;
	send_tagged(p, "idle", "IDLE");
}

/* Whatever it heard meanwhile. */
static void end_idle(struct player *p)
{
	str line;

	if (!p->idle)
		return;
	p->idle = false;
	p->may_expunge = true;
	do {
		line = talk_line(&p->talk);
		if (line.p[0] == '*')
			told(p, line);
	} while (line.p[0] != '+');
	talk_send(&p->talk, STR("DONE\r\n"));
	read_answer(p, "idle");
}

/* Wishes. */

static const char *const keys[] = {"ALL", "UNSEEN", "DELETED", "FLAGGED SEEN",
	"OR SEEN KEYWORD k0", "NOT ANSWERED", "KEYWORD k1 UNKEYWORD k2",
	"NOT KEYWORD k3", "SUBJECT a", "FROM x UNSEEN", "TEXT needle",
	"NOT (SUBJECT b FLAGGED)", "OR (FROM y SEEN) BODY needle", "LARGER 150",
	"OR SMALLER 150 FLAGGED", "UID 3:*", "UID *", "UID 60:* UNSEEN",
	"NOT UID 100:*", "OR UID 2:9 UID *", "NEW", "OLD", "RECENT FLAGGED",
	"MODSEQ 40", "NOT MODSEQ 60", "UIDAFTER 5", "SINCE 1-Jan-2000 SEEN",
	"SENTON 3-Feb-2008"};

static const char *const orders[] = {"(SUBJECT) UTF-8 ",
	"(REVERSE SUBJECT) UTF-8 ", "(ARRIVAL) UTF-8 ",
	"(REVERSE ARRIVAL) UTF-8 ", "(REVERSE DATE SUBJECT) UTF-8 ",
	"(SIZE FROM) UTF-8 ", "(FROM REVERSE SUBJECT) UTF-8 ",
	"(DISPLAYFROM REVERSE CC) UTF-8 "};

static void ask_again(struct player *p, struct wish *x)
{
	p->asking = true;
	command(p, x->uid, "%s RETURN (ALL) %s%s", x->how, x->order, x->keys);
	p->asking = false;
}

/* Nothing but new messages enters what these find. */
static bool is_for_ever(const char *text)
{
	static const char *const some[] = {
		"ALL", "SUBJECT a", "TEXT needle", "UIDAFTER 5"};

	for (size_t i = 0; i < COUNT_OF(some); i++)
		if (strcmp(text, some[i]) == 0)
			return true;
	return false;
}

/* A set of numbers stands for those UIDs from now on. */
static void fix_numbers(struct player *p, struct wish *x, char *sent)
{
	uint32_t from = 1 + pick(p, p->count), to = 1 + pick(p, p->count);
	size_t n = 0, i;

	p->fresh.uid = true;
	p->asking = true;
	command(p, true, "UID SEARCH RETURN (ALL) %u:%u", from, to);
	p->asking = false;
	/* More than these were told before the numbers could be used. */
	if (p->count < from || p->count < to || p->fresh.count == 0 ||
		p->fresh.count > 60 || p->notify)
		return;
	n = (size_t)snprintf(x->keys, sizeof x->keys, "UID ");
	for (i = 0; i < p->fresh.count; i++)
		n += (size_t)snprintf(x->keys + n, sizeof x->keys - n, "%s%u",
			i ? "," : "", p->fresh.list[i]);
	snprintf(x->keys + n, sizeof x->keys - n, " UNSEEN");
	sprintf(sent, "%u:%u UNSEEN", from, to);
}

static void make_wish(struct player *p)
{
	struct wish *x = &p->wishes[pick(p, WISHES)];
	char sent[sizeof x->keys];

	if (x->tag[0]) {
		x->ending = true;
		command(p, true, "CANCELUPDATE \"%s\"", x->tag);
		x->ending = false;
	}
	x->count = 0;
	x->uid = p->qresync || p->uidonly || pick(p, 2);
	x->order[0] = '\0';
	if (pick(p, 2))
		strcpy(x->order, orders[pick(p, COUNT_OF(orders))]);
	sprintf(x->how, "%s%s", x->uid ? "UID " : "",
		x->order[0] ? "SORT" : "SEARCH");
	strcpy(x->keys, keys[pick(p, COUNT_OF(keys))]);
	strcpy(sent, x->keys);
	if (p->count && !p->uidonly && pick(p, 5) == 0)
		fix_numbers(p, x, sent);
	x->fetch = x->uid && is_for_ever(x->keys) && pick(p, 2);
	sprintf(x->tag, "w%u", ++p->wishes_made);
	p->may_expunge = x->uid;
	send_tagged(p, x->tag, "%s RETURN (ALL UPDATE%s) %s%s", x->how,
		x->fetch ? " (UID FLAGS)" : "", x->order, sent);
	read_answer(p, x->tag);
}

static void compare(struct player *p)
{
	end_idle(p);
	command(p, true, "NOOP");
	for (size_t i = 0; i < WISHES; i++) {
		struct wish *x = &p->wishes[i], *y = &p->fresh;

		if (!x->tag[0])
			continue;
		ask_again(p, x);
		if (x->count != y->count ||
			(x->count && memcmp(x->list, y->list,
					     x->count * sizeof *x->list))) {
			fprintf(stderr, "%s %s%s: %zu and %zu\n", x->tag,
				x->order, x->keys, x->count, y->count);
			talk_die(&p->talk, "not what a new search finds");
		}
	}
}

/* Acts. */

static const char *const names[] = {"\\Seen", "\\Flagged", "\\Deleted",
	"\\Answered", "k0", "k1", "k2", "k3"};

static void do_append(struct player *p)
{
	static const char *const subjects[] = {"a", "b", "Re: a", "c", "ab"};
	static const char *const froms[] = {"x", "y", "Z <x@y>", "a"};
	char text[600];
	int n = snprintf(text, sizeof text,
		"Date: %u Feb 2008 10:00:00 +0000\r\nSubject: %s\r\n"
		"From: %s\r\n\r\n%s%.*s\r\n",
		1 + pick(p, 5), subjects[pick(p, COUNT_OF(subjects))],
		froms[pick(p, COUNT_OF(froms))], pick(p, 3) ? "" : "a needle",
		(int)pick(p, 100),
		"....................................................."
		"....................................................");

	command(p, true, "APPEND INBOX (%s) {%d+}\r\n%s",
		names[pick(p, COUNT_OF(names))], n, text);
}

static void do_store(struct player *p)
{
	uid_num from = 1 + pick(p, p->largest + 2);
	const char *name = names[pick(p, COUNT_OF(names))];
	unsigned how = pick(p, 4);

	if (p->uidonly || p->notify || !p->count || pick(p, 2)) {
		command(p, true, "UID STORE %u:%u %.*sFLAGS%s (%s)", from,
			from + pick(p, 5), how < 3, &"+-+"[how],
			pick(p, 2) ? ".SILENT" : "", name);
		return;
	}
	from = 1 + pick(p, p->count);
	command(p, false, "STORE %u %cFLAGS%s (%s)", from, "+-"[how % 2],
		pick(p, 2) ? ".SILENT" : "", name);
}

static void do_expunge(struct player *p)
{
	uid_num from = 1 + pick(p, p->largest + 2);

	if (pick(p, 3))
		command(p, true, "UID EXPUNGE %u:%u", from, from + 20);
	else
		command(p, true, "EXPUNGE");
}

static void do_copy(struct player *p)
{
	uid_num from = 1 + pick(p, p->largest + 2);

	command(p, true, "UID %s %u:%u INBOX", pick(p, 3) ? "COPY" : "MOVE",
		from, from + pick(p, 4));
}

static void do_fetch(struct player *p)
{
	uid_num from = 1 + pick(p, p->largest + 2);

	command(p, true, "UID FETCH %u:%u (BODY[]<0.1>)", from, from + 2);
}

static void do_noop(struct player *p)
{
	command(p, true, "NOOP");
}

/* May not tell expunges. */
static void do_search(struct player *p)
{
	if (!p->uidonly)
		command(p, false, "SEARCH RETURN (SAVE) FLAGGED");
}

static void do_select(struct player *p)
{
	command(p, true, "SELECT INBOX");
}

static void act(struct player *p)
{
	static const struct {
		unsigned weight;
		void (*fn)(struct player *);
	} acts[] = {
		{16, do_append},
		{30, do_store},
		{10, do_expunge},
		{8, do_copy},
		{5, do_fetch},
		{6, do_noop},
		{3, do_search},
		{1, do_select},
		{10, make_wish},
		{11, begin_idle},
	};
	unsigned n = pick(p, 100), i = 0;

	end_idle(p);
	/* UIDs that there are; only more of them come. */
	p->largest += pick(p, 3) == 0;
	while (n >= acts[i].weight)
		n -= acts[i++].weight;
	acts[i].fn(p);
}

/* The game. */

static void player_begin(
	struct player *p, struct world *w, unsigned seed, unsigned number)
{
	static const struct player none;

	*p = none;
	p->talk.seed = seed;
	p->talk.number = number;
	p->talk.log = &p->log;
	p->talk.line = BUF_UNBOUNDED;
	p->fetched = xcalloc(UIDS, sizeof *p->fetched);
	initstate_r(seed * PLAYERS + number, p->random_state,
		sizeof p->random_state, &p->random);
	client_begin(w, &p->talk.c);
	buf_reset(&p->talk.c.in);
	p->rev2 = number % 2;
	p->qresync = number == 2;
	p->uidonly = number == 3;
	p->notify = number == 3 || number == 4;
	p->delayed = p->notify && seed % 2;
	if (p->rev2)
		command(p, false, "ENABLE IMAP4rev2");
	if (p->qresync || p->uidonly)
		command(p, false, "ENABLE %s",
			p->uidonly ? "UIDONLY" : "QRESYNC");
	do_select(p);
	if (p->notify)
		command(p, true,
			"NOTIFY SET (selected%s (MessageNew (UID) "
			"MessageExpunge FlagChange))",
			p->delayed ? "-delayed" : "");
}

static void player_end(struct player *p)
{
	client_end(&p->talk.c);
	buf_fini(&p->talk.line);
	for (size_t i = 0; i < WISHES; i++)
		free(p->wishes[i].list);
	free(p->fresh.list);
	free(p->fetched);
}

static void *act_all(void *arg)
{
	struct player *p = arg;

	for (int i = 0; i < ACTS; i++)
		act(p);
	return NULL;
}

static void game(unsigned seed, bool at_once)
{
	struct player *players = xcalloc(PLAYERS, sizeof *players);
	pthread_t threads[PLAYERS];
	struct world w;

	world_begin(&w);
	for (unsigned i = 0; i < PLAYERS; i++)
		player_begin(&players[i], &w, seed, i);
	for (unsigned i = 0; at_once && i < PLAYERS; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, act_all, &players[i]),
			0);
	for (unsigned i = 0; at_once && i < PLAYERS; i++)
		pthread_join(threads[i], NULL);
	for (unsigned i = 0; !at_once && i < ACTS * PLAYERS; i++) {
		struct player *p = &players[pick(&players[0], PLAYERS)];

		act(p);
		if (!p->idle)
			compare(p);
	}
	for (unsigned i = 0; i < PLAYERS; i++)
		compare(&players[i]);
	for (unsigned i = 0; i < PLAYERS; i++)
		player_end(&players[i]);
	world_end(&w);
	free(players);
}

/* CULVER_SEED: begin there; CULVER_GAMES: so many. */
static void games(bool at_once)
{
	unsigned seed = talk_from_environment("CULVER_SEED", 1);
	unsigned n = talk_from_environment("CULVER_GAMES", 2);

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

/* What an update costs. */

static uint64_t reads(struct world *w)
{
	struct store_stats stats;

	store_stats(w->store, &stats);
	return stats.gets + stats.scans + stats.scanned;
}

/* One message, and copies of copies. */
static void fill(struct client *c, unsigned messages)
{
	char text[64];

	say(c, "s SELECT INBOX\r\n");
	hear(c, "s OK");
	say(c, "a APPEND INBOX {19+}\r\nSubject: needle\r\n\r\n\r\n");
	hear(c, "a OK");
	for (unsigned n = 1; n < messages; n *= 2) {
		snprintf(text, sizeof text, "b UID COPY 1:%u INBOX\r\n", n);
		say(c, text);
		hear(c, "b OK");
	}
}

static uint64_t cost(struct world *w, struct client *c, struct client *other,
	const char *change, const char *told)
{
	uint64_t before;

	say(other, change);
	hear(other, "c OK");
	before = reads(w);
	say(c, "n NOOP\r\n");
	hear(c, "n OK");
	if (str_find(buf_str(&c->in), str_c(told)) == c->in.n)
		fail_msg("no %s in %.*s", told, STR_ARG(buf_str(&c->in)));
	return reads(w) - before;
}

/* Of 4,096 messages one changes: what is read of it is about what NOOP reads
 * anyway, and its text; and of one that comes, to find its place, those that it
 * is compared with: 12. */
static void test_cost(void **unused)
{
	struct world w;
	struct client c, other;
	uint64_t plain, most;

	(void)unused;
	world_begin(&w);
	client_begin(&w, &c);
	client_begin(&w, &other);
	fill(&other, 4096);
	say(&c, "s SELECT INBOX\r\n");
	hear(&c, "s OK");
	plain = cost(&w, &c, &other, "c STORE 9 +FLAGS (\\Flagged)\r\n",
		"* 9 FETCH");
	say(&c, "w UID SEARCH RETURN (UPDATE COUNT) BODY no TEXT needle\r\n");
	hear(&c, "w OK");
	say(&c, "x SEARCH RETURN (UPDATE COUNT) SUBJECT needle FLAGGED\r\n");
	hear(&c, "x OK");
	say(&c, "y UID SORT RETURN (UPDATE COUNT) (SUBJECT) UTF-8 "
		"UNFLAGGED\r\n");
	hear(&c, "y OK");
	most = cost(&w, &c, &other, "c STORE 100 +FLAGS (\\Flagged)\r\n",
		"(TAG \"y\") UID REMOVEFROM (99 100)");
	assert_in_range(most - plain, 1, 3);
	most = cost(&w, &c, &other, "c STORE 100 -FLAGS (\\Flagged)\r\n",
		"(TAG \"y\") UID ADDTO (99 100)");
	assert_in_range(most - plain, 1, 3 + 1 + 12);
	most = cost(&w, &c, &other, "c STORE 100,4000 +FLAGS (\\Flagged)\r\n",
		"(TAG \"x\") ADDTO (0 100,4000)");
	assert_in_range(most - plain, 1, 2 * 3);
	client_end(&c);
	client_end(&other);
	world_end(&w);
}

/* A search of so many words is not remembered; nor are lists that together
 * take more than one session may. */
static void test_limits(void **unused)
{
	struct buf text = BUF_UNBOUNDED;
	struct world w;
	struct client c;
	unsigned refused = 0;

	(void)unused;
	world_begin(&w);
	client_begin(&w, &c);
	fill(&c, 1);
	buf_add_c(&text, "w SEARCH RETURN (UPDATE COUNT)");
	for (int i = 0; i < 4000; i++)
		buf_add_c(&text, " SEEN");
	buf_add(&text, str_of("\r\n", 3));
	expect(&c, text.p, "w OK",
		"* ESEARCH (TAG \"w\") COUNT 0\r\n"
		"* NO [NOUPDATE \"w\"] Too much to remember\r\n"
		"w OK SEARCH completed\r\n");
	for (unsigned n = 1; n < 128 * 1024; n *= 2) {
		say(&c, "b UID COPY 1:* INBOX\r\n");
		hear(&c, "b OK");
	}
	for (int i = 0; i < 12; i++) {
		buf_reset(&text);
		buf_addf(&text,
			"%c SORT RETURN (UPDATE COUNT) (ARRIVAL) UTF-8 ALL\r\n",
			'a' + i);
		buf_add_byte(&text, '\0');
		say(&c, text.p);
		refused += str_find(hear(&c, " OK SORT"), STR("NOUPDATE")) <
			   c.in.n;
	}
	/* 512 KiB each; of 4 MiB seven go beside the rest of them. */
	assert_int_equal(refused, 12 - 7);
	/* What takes little room is taken. */
	expect(&c, "w SEARCH RETURN (UPDATE COUNT) ALL\r\n", "w OK",
		"* ESEARCH (TAG \"w\") COUNT 131072\r\n"
		"w OK SEARCH completed\r\n");
	buf_fini(&text);
	client_end(&c);
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_turn),
		cmocka_unit_test(test_at_once),
		cmocka_unit_test(test_cost),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
