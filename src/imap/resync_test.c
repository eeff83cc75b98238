/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several clients, online and offline, do random things to the same mailboxes.
 * Offline, a client keeps what a real one would: UIDVALIDITY, HIGHESTMODSEQ as
 * RFC 7162 section 6 lets it compute it, UIDs, flags and mod-sequences. It is
 * cut off at any byte, comes back by plain SELECT, with CONDSTORE or with
 * QRESYNC, and must then agree with the model (resync_model.h), as after every
 * command: in numbers, UIDs, flags, mod-sequences.
 *
 * A script is a list of events; each draws what it needs from a seed of its
 * own, so that a script that fails is shortened by leaving events out. It
 * prints what was said in the shortest one.
 *
 * CULVER_SCRIPTS: so many; CULVER_SEED: begin there.
 */
#include "imap/resync_client.h"
#include "base/clock.h"
#include "base/log.h"

#include <signal.h>
#include <sys/wait.h>

#define EVENTS 60
#define BATCH 100 /* scripts of one process */

/* Saying. */

enum cut {
	CUT_NONE,
	CUT_ANSWER,  /* hears only so many bytes */
	CUT_COMMAND, /* says only so many */
	CUT_BOTH     /* is gone at once, hears nothing; what was done? */
};

static bool is_last(const struct player *p, str line)
{
	char tag[16];
	size_t n = (size_t)snprintf(
		tag, sizeof tag, "t%u ", p->sent[p->sent_count - 1].tag);

	return str_starts(line, str_of(tag, n)) ||
	       (p->sent[p->sent_count - 1].does == DOES_IDLE &&
		       line.p[0] == '+');
}

static void forget_sent(struct player *p)
{
	for (unsigned i = 0; i < p->sent_count; i++)
		uidset_fini(&p->sent[i].targets);
	p->sent_count = 0;
	p->numbers_shift = false;
	buf_reset(&p->out);
}

static void hang_up(struct player *p)
{
	shutdown(p->talk.c.fd, SHUT_WR);
	while (talk_receive(&p->talk))
		;
	close(p->talk.c.fd);
	forget_sent(p);
	buf_fini(&p->talk.c.in);
	p->talk.c.in = BUF_UNBOUNDED;
	p->online = p->idling = p->selecting = false;
	p->name = p->box = -1;
	p->count = 0;
	talk_note(&p->talk, '-', STR("is offline"));
}

/* Ends the connection, which the server may still be writing to. */
static void break_off(struct player *p)
{
	struct game *g = p->game;
	unsigned online = 0;

	keep(p);
	close(p->talk.c.fd);
	forget_sent(p);
	buf_fini(&p->talk.c.in);
	p->talk.c.in = BUF_UNBOUNDED;
	p->online = p->idling = false;
	p->name = p->box = -1;
	p->count = 0;
	talk_note(&p->talk, '-', STR("is gone"));
	for (unsigned i = 0; i < CLIENTS; i++)
		online += g->players[i].online;
	while (session_service_count(g->w.service) > online)
		usleep(100);
	for (int i = 0; i < g->model.count; i++)
		g->model.boxes[i].unsure = true;
	model_hold(&p->talk, &g->model, g->eye);
}

/* All that is answered, as one text with the lines' ends. */
static unsigned gather(
	struct player *p, enum cut cut, struct buf *text, size_t *ends)
{
	unsigned lines = 0;
	str line;

	for (;;) {
		line = talk_line_or_end(&p->talk);
		if (str_is_none(line)) {
			CHECK(p, cut == CUT_COMMAND);
			break;
		}
		buf_add(text, line);
		ends[lines++] = text->n;
		if (cut != CUT_COMMAND && is_last(p, line))
			break;
	}
	return lines;
}

#define LINES 4096

/* Sends what waits and hears the answers. */
static void flush(struct player *p, enum cut cut)
{
	struct buf text = BUF_UNBOUNDED;
	size_t ends[LINES], at = 0, stop = SIZE_MAX;
	unsigned lines;
	str out = buf_str(&p->out);

	if (p->sent_count == 0)
		return;
	if (cut == CUT_COMMAND)
		out = str_take(out, roll(&p->dice, (unsigned)out.n));
	talk_send(&p->talk, out);
	if (cut == CUT_BOTH) {
		break_off(p);
		return;
	}
	if (cut == CUT_COMMAND)
		shutdown(p->talk.c.fd, SHUT_WR);
	lines = gather(p, cut, &text, ends);
	if (cut != CUT_NONE)
		stop = roll(&p->dice, (unsigned)text.n + 1);
	begin_command(p, &p->sent[0]);
	for (unsigned i = 0; i < lines; at = ends[i++]) {
		if (ends[i] > stop) {
			write_disk(p);
			stop = SIZE_MAX;
			talk_note(&p->talk, '-', STR("was cut off before:"));
			talk_note(&p->talk, '-',
				str_of(text.p + at, ends[i] - at));
		}
		hear_line(p, str_of(text.p + at, ends[i] - at));
	}
	if (cut != CUT_NONE) {
		if (stop != SIZE_MAX)
			write_disk(p);
		hang_up(p);
		memcpy(p->caches, p->disk, sizeof p->caches);
	}
	buf_fini(&text);
	buf_reset(&p->out);
	p->numbers_shift = false;
	model_hold(&p->talk, &p->game->model, p->game->eye);
	if (!p->sent_count)
		agree(p, false);
}

static struct sent *say_more(struct player *p, enum does does, bool may_expunge)
{
	struct sent *q = &p->sent[p->sent_count++];

	*q = (struct sent){.does = does,
		.tag = ++p->tags,
		.may_expunge = may_expunge,
		.name = -1};
	buf_addf(&p->out, "t%u ", q->tag);
	p->numbers_shift |= may_expunge;
	return q;
}

static void done(struct player *p)
{
	if (!p->idling)
		return;
	p->idling = false;
	p->numbers_shift = true;
	buf_reset(&p->out);
	buf_add_c(&p->out, "DONE\r\n");
}

/* Selecting, and coming back. */

static void add_known(struct player *p, const struct cache *c)
{
	struct uidset known = UIDSET_EMPTY;

	for (unsigned i = 0; i < c->count; i++)
		uidset_add(&known, c->all[i].uid);
	if (!uidset_is_empty(&known)) {
		buf_add_byte(&p->out, ' ');
		uidset_print(&known, &p->out);
	}
	uidset_fini(&known);
}

/* Some numbers and their UIDs. */
static void add_match(struct player *p, const struct cache *c)
{
	struct buf uids = BUF_UNBOUNDED;
	const char *comma = "";

	buf_add_c(&p->out, " (");
	for (unsigned i = 0; i < c->count; i++) {
		if (roll(&p->dice, 2) && i + 1 < c->count)
			continue;
		buf_addf(&p->out, "%s%u", comma, i + 1);
		buf_addf(&uids, "%s%u", comma, c->all[i].uid);
		comma = ",";
	}
	buf_add_byte(&p->out, ' ');
	buf_add(&p->out, buf_str(&uids));
	buf_add_byte(&p->out, ')');
	buf_fini(&uids);
}

static void say_select(struct player *p, int name)
{
	const struct cache *c = &p->caches[name];
	struct sent *q = say_more(p, DOES_SELECT, false);

	q->name = name;
	q->read_only = roll(&p->dice, 8) == 0;
	buf_addf(&p->out, "%s %s", q->read_only ? "EXAMINE" : "SELECT",
		box_names[name]);
	if (p->how == BY_QRESYNC && c->valid) {
		unsigned form = roll(&p->dice, 3);

		q->vanished = true;
		buf_addf(&p->out, " (QRESYNC (%u %llu", c->uidvalidity,
			(unsigned long long)c->highest);
		if (form)
			add_known(p, c);
		if (form == 2 && c->count)
			add_match(p, c);
		buf_add_c(&p->out, "))");
	} else if (p->how == BY_CONDSTORE) {
		q->enables = true;
		buf_add_c(&p->out, " (CONDSTORE)");
	}
	buf_add_c(&p->out, "\r\n");
	p->numbers_shift = true;
}

static void say_uid_fetch(struct player *p, uid_num from, struct sent **q_r)
{
	*q_r = say_more(p, DOES_FETCH, true);
	(*q_r)->uid = true;
	(*q_r)->from = from;
	(*q_r)->to = UINT32_MAX - 1;
	(*q_r)->asks_flags = true;
	buf_addf(&p->out, "UID FETCH %u:4294967295 (FLAGS)", from);
}

static void say_search_all(struct player *p)
{
	struct sent *q = say_more(p, DOES_SEARCH_ALL, true);

	q->search_sync = q->uid = true;
	q->from = 1;
	q->to = UINT32_MAX - 1;
	buf_add_c(&p->out, "UID SEARCH ALL\r\n");
}

/* What a client does after SELECT until it knows all. */
static void say_sync(struct player *p)
{
	const struct cache *c = &p->caches[p->name];
	bool search_first = roll(&p->dice, 2);
	struct sent *q;

	if (!c->valid || p->how != BY_CONDSTORE) {
		say_uid_fetch(p, 1, &q);
		buf_add_c(&p->out, "\r\n");
		q->plain_sync = true;
		return;
	}
	if (search_first)
		say_search_all(p);
	say_uid_fetch(p, 1, &q);
	buf_addf(&p->out, " (CHANGEDSINCE %llu)\r\n",
		(unsigned long long)c->highest);
	q->changed = q->change_sync = true;
	q->since = c->highest;
	if (!search_first)
		say_search_all(p);
}

static void connect_player(struct player *p, enum how how)
{
	p->how = how;
	p->qresync = how == BY_QRESYNC;
	p->condstore = p->qresync;
	p->online = true;
	p->highest = p->told_highest = 0;
	p->has_code = false;
	talk_note(&p->talk, '-', STR("comes back"));
	client_begin(&p->game->w, &p->talk.c);
	buf_reset(&p->talk.c.in);
	if (p->qresync) {
		say_more(p, DOES_NOTHING, false);
		buf_add_c(&p->out, "ENABLE QRESYNC\r\n");
	}
}

static uid_num known_until(const struct player *p)
{
	uid_num until = 0;

	for (unsigned i = 0; i < p->count && p->all[i].has_flags; i++)
		until = p->all[i].uid;
	return until;
}

/* Events. */

enum kind {
	E_SELECT,
	E_CUT,
	E_APPEND,
	E_STORE,
	E_FETCH,
	E_CHANGES,
	E_COPY,
	E_EXPUNGE,
	E_NOOP,
	E_SEARCH,
	E_IDLE,
	E_LEAVE,
	E_MAILBOX,
	E_PRUNE,
	E_RESTART,
};

struct event {
	enum kind kind;
	unsigned client;
	bool hold; /* to be sent with what follows */
	uint64_t seed;
};

static const char *pick_flags(struct player *p, uint32_t *bits_r)
{
	static const char *const names[] = {"\\Deleted", "\\Seen", "\\Flagged",
		"k0", "k1", "\\Deleted k0", "\\Seen k1", "\\Answered"};
	const char *name = names[roll(&p->dice, COUNT_OF(names))];

	*bits_r = talk_flags(&p->talk, str_c(name));
	return name;
}

static bool is_full(const struct box *b)
{
	return b->count + b->gone_count > 100;
}

static void say_append(struct player *p)
{
	int name = (int)roll(&p->dice, p->game->names), box;
	struct sent *q;
	const char *flags;

	box = p->game->model.by_name[name];
	if (box >= 0 && is_full(&p->game->model.boxes[box]))
		return;
	q = say_more(p, DOES_APPEND, true);
	q->name = name;
	q->messages = roll(&p->dice, 3) ? 1 : 1 + roll(&p->dice, 3);
	flags = roll(&p->dice, 2) ? pick_flags(p, &q->flags) : "";
	buf_addf(&p->out, "APPEND %s", box_names[name]);
	for (unsigned i = 0; i < q->messages; i++) {
		char text[64];
		size_t n = (size_t)snprintf(text, sizeof text,
			"Subject: x\r\n\r\ncontent-%u\r\n",
			++p->game->contents);

		if (roll(&p->dice, 4))
			buf_addf(&p->out, " (%s) {%zu+}\r\n%s", flags, n, text);
		else
			buf_addf(&p->out,
				" (%s) CATENATE (TEXT {10+}\r\n%.10s TEXT "
				"{%zu+}\r\n%s)",
				flags, text, n - 10, text + 10);
	}
	buf_add_c(&p->out, "\r\n");
}

/* One, a run, or many. False when there is none, or numbers might mean others
 * by then. */
static bool pick_range(struct player *p, struct sent *q)
{
	unsigned from, to, form = roll(&p->dice, 6);

	if (p->count == 0)
		return false;
	from = form == 0 ? 0 : roll(&p->dice, p->count);
	to = from + (form == 0 ? 11 : form == 1 ? roll(&p->dice, 8) : 0);
	if (to >= p->count)
		to = p->count - 1;
	q->uid = p->numbers_shift || roll(&p->dice, 2);
	q->from = q->uid ? p->all[from].uid : from + 1;
	q->to = q->uid ? p->all[to].uid : to + 1;
	return true;
}

static struct sent *say_ranged(
	struct player *p, enum does does, const char *verb, bool always_expunge)
{
	struct sent range = {.uid = false}, *q;

	if (!pick_range(p, &range))
		return NULL;
	q = say_more(p, does, range.uid || always_expunge);
	q->uid = range.uid;
	q->from = range.from;
	q->to = range.to;
	buf_addf(&p->out, "%s%s %u:%u", q->uid ? "UID " : "", verb, q->from,
		q->to);
	return q;
}

static modseq_num pick_modseq(struct player *p)
{
	switch (roll(&p->dice, 4)) {
	case 0:
		return p->highest;
	case 1:
		return p->count ? p->all[roll(&p->dice, p->count)].modseq : 1;
	case 2:
		return box_of(p)->modseq;
	default:
		return 1 + roll(&p->dice, (unsigned)box_of(p)->modseq + 1);
	}
}

static void say_store(struct player *p)
{
	struct sent *q = say_ranged(p, DOES_STORE, "STORE", false);
	const char *flags;

	if (!q)
		return;
	q->op = "+++--  "[roll(&p->dice, 7)];
	q->silent = roll(&p->dice, 2);
	q->conditional = roll(&p->dice, 3) == 0;
	if (q->conditional) {
		q->enables = true;
		q->since = pick_modseq(p);
		buf_addf(&p->out, " (UNCHANGEDSINCE %llu)",
			(unsigned long long)q->since);
	}
	flags = pick_flags(p, &q->flags);
	buf_addf(&p->out, " %.*sFLAGS%s (%s)\r\n", q->op != ' ', &q->op,
		q->silent ? ".SILENT" : "", flags);
}

static void say_fetch(struct player *p)
{
	static const struct {
		const char *text;
		bool flags, seen, modseq;
	} items[] = {
		{"FLAGS", true, false, false},
		{"(UID FLAGS)", true, false, false},
		{"(MODSEQ)", false, false, true},
		{"(UID FLAGS MODSEQ)", true, false, true},
		{"(UID BODY[TEXT])", false, true, false},
		{"(FLAGS BODY[])", true, true, false},
		{"(UID BODY.PEEK[TEXT])", false, false, false},
	};
	struct sent *q = say_ranged(p, DOES_FETCH, "FETCH", false);
	unsigned i = roll(&p->dice, COUNT_OF(items));

	if (!q)
		return;
	q->enables = items[i].modseq;
	q->asks_flags = items[i].flags;
	q->sets_seen = items[i].seen;
	buf_addf(&p->out, " %s\r\n", items[i].text);
}

static void say_changes(struct player *p)
{
	uid_num until = known_until(p);
	struct sent *q;

	if (roll(&p->dice, 3) == 0) {
		say_uid_fetch(p, until + 1, &q);
		buf_add_c(&p->out, "\r\n");
		return;
	}
	say_uid_fetch(p, 1, &q);
	q->changed = true;
	q->since = pick_modseq(p);
	q->vanished = p->qresync && roll(&p->dice, 3);
	q->enables = true;
	buf_addf(&p->out, " (CHANGEDSINCE %llu%s)\r\n",
		(unsigned long long)q->since, q->vanished ? " VANISHED" : "");
}

static void say_copy(struct player *p)
{
	bool move = roll(&p->dice, 2);
	int name = (int)roll(&p->dice, p->game->names);
	int box = p->game->model.by_name[name];
	struct sent *q;

	if (box >= 0 && is_full(&p->game->model.boxes[box]))
		return;
	q = say_ranged(p, DOES_COPY, move ? "MOVE" : "COPY", true);
	if (!q)
		return;
	q->move = move;
	q->name = name;
	buf_addf(&p->out, " %s\r\n", box_names[name]);
}

static void say_expunge(struct player *p)
{
	struct sent range = {.uid = false}, *q;

	if (roll(&p->dice, 2) || !pick_range(p, &range) || !range.uid) {
		say_more(p, DOES_EXPUNGE, true);
		buf_add_c(&p->out, "EXPUNGE\r\n");
		return;
	}
	q = say_more(p, DOES_EXPUNGE, true);
	q->uid = true;
	q->from = range.from;
	q->to = range.to;
	buf_addf(&p->out, "UID EXPUNGE %u:%u\r\n", q->from, q->to);
}

static void say_search(struct player *p)
{
	struct sent *q;

	switch (roll(&p->dice, 4)) {
	case 0:
		say_more(p, DOES_NOTHING, false);
		buf_add_c(&p->out, "SEARCH KEYWORD k0\r\n");
		break;
	case 1:
		say_more(p, DOES_NOTHING, true)->enables = true;
		buf_addf(&p->out, "STATUS %s (MESSAGES HIGHESTMODSEQ)\r\n",
			box_names[0]);
		break;
	default:
		q = say_more(p, DOES_SEARCH_MODSEQ, true);
		q->since = pick_modseq(p);
		q->uid = true;
		q->from = 1;
		q->to = UINT32_MAX - 1;
		q->enables = true;
		buf_addf(&p->out, "UID SEARCH MODSEQ %llu\r\n",
			(unsigned long long)q->since);
	}
}

static void say_noop(struct player *p)
{
	bool check = p->name >= 0 && roll(&p->dice, 4) == 0;

	say_more(p, DOES_NOTHING, true);
	buf_add_c(&p->out, check ? "CHECK\r\n" : "NOOP\r\n");
}

static void say_idle(struct player *p)
{
	say_more(p, DOES_IDLE, true);
	buf_add_c(&p->out, "IDLE\r\n");
	flush(p, CUT_NONE);
	p->idling = true;
}

static void say_leave(struct player *p)
{
	struct sent *q = say_more(p, DOES_LEAVE, false);

	q->expunges = roll(&p->dice, 2);
	buf_add_c(&p->out, q->expunges ? "CLOSE\r\n" : "UNSELECT\r\n");
}

static void say_mailbox(struct player *p)
{
	int name = (int)roll(&p->dice, p->game->names);
	struct sent *q;

	if (p->game->model.count + CLIENTS >= BOXES)
		return;
	switch (roll(&p->dice, 6)) {
	case 0:
		q = say_more(p, DOES_DELETE, true);
		buf_addf(&p->out, "DELETE %s\r\n", box_names[name]);
		break;
	case 1:
		q = say_more(p, DOES_RENAME, true);
		q->from = 1 + roll(&p->dice, p->game->names);
		buf_addf(&p->out, "RENAME %s %s\r\n", box_names[q->from - 1],
			box_names[name]);
		break;
	default:
		q = say_more(p, DOES_CREATE, true);
		buf_addf(&p->out, "CREATE %s\r\n", box_names[name]);
	}
	q->name = name;
}

/* What a connection that has a mailbox selected says. */
static void say_kind(struct player *p, enum kind kind)
{
	switch (kind) {
	case E_APPEND:
		say_append(p);
		break;
	case E_STORE:
		say_store(p);
		break;
	case E_FETCH:
		say_fetch(p);
		break;
	case E_CHANGES:
		say_changes(p);
		break;
	case E_COPY:
		say_copy(p);
		break;
	case E_EXPUNGE:
		say_expunge(p);
		break;
	case E_SEARCH:
		say_search(p);
		break;
	case E_LEAVE:
		say_leave(p);
		flush(p, CUT_NONE);
		break;
	case E_MAILBOX:
		say_mailbox(p);
		break;
	default:
		say_noop(p);
	}
}

static bool needs_mailbox(enum kind kind)
{
	return kind != E_APPEND && kind != E_MAILBOX && kind != E_NOOP &&
	       kind != E_IDLE;
}

/* Comes to know all of the mailbox; or is cut off while it does. */
static void sync_now(struct player *p, enum cut cut)
{
	if (p->name < 0 || p->synced)
		return;
	say_sync(p);
	flush(p, cut);
}

static void select_now(struct player *p, int name, enum cut cut)
{
	keep(p);
	say_select(p, name);
	flush(p, cut);
}

static void play_online(struct player *p, const struct event *e, enum cut cut)
{
	enum kind kind = e->kind;

	done(p);
	if (p->name >= 0 && !p->synced) {
		sync_now(p, cut);
		if (cut)
			return;
	}
	if (kind == E_CUT)
		kind = E_APPEND + roll(&p->dice, E_SEARCH - E_APPEND + 1);
	if (kind == E_SELECT || (p->name < 0 && needs_mailbox(kind))) {
		flush(p, CUT_NONE);
		select_now(p, (int)roll(&p->dice, p->game->names), cut);
		if (!cut && roll(&p->dice, 2))
			sync_now(p, CUT_NONE);
	} else if (kind == E_IDLE) {
		say_idle(p);
	} else {
		say_kind(p, kind);
		if (cut && !p->sent_count)
			say_noop(p);
		if (!e->hold || cut || kind == E_MAILBOX ||
			p->sent_count >= PIPELINE - 2)
			flush(p, cut);
	}
}

/* As if the mail role died, and another one began. */
static void restart(struct game *g)
{
	for (unsigned i = 0; i < CLIENTS; i++) {
		struct player *p = &g->players[i];

		if (!p->online)
			continue;
		keep(p);
		hang_up(p);
	}
	talk_note(&g->players[0].talk, '-', STR("(restart)"));
	world_stop(&g->w);
	world_begin_on(&g->w, g->w.store);
}

/* Nothing is remembered only because it is among the last. */
static void remember_by_time(struct mail *mail)
{
	struct mail_limits limits = mail_limits_of(mail);

	limits.history_entries = 0;
	mail_set_limits(mail, &limits);
}

/* As if a few hours went by, or a year. */
static void prune(struct game *g, bool all)
{
	struct talk *t = &g->players[0].talk;
	int64_t later = all ? 365 * 86400 : 2 * 3600;

	talk_note(t, '-', all ? STR("(a year)") : STR("(some hours)"));
	remember_by_time(g->w.mail);
	CHECK_BOX(t, mail_purge(g->w.mail, false) == OK);
	CHECK_BOX(t, mail_prune(g->w.mail, clock_wall_s() + later) == OK);
	for (int i = 0; all && i < g->model.count; i++)
		g->model.boxes[i].forgotten = g->model.boxes[i].modseq;
}

static void play(struct game *g, const struct event *e)
{
	struct player *p = &g->players[e->client];
	static const enum cut cuts[] = {
		CUT_ANSWER, CUT_ANSWER, CUT_ANSWER, CUT_COMMAND, CUT_BOTH};
	enum cut cut = CUT_NONE;

	p->dice.state = e->seed;
	if (e->kind == E_PRUNE) {
		prune(g, roll(&p->dice, 2));
		return;
	}
	if (e->kind == E_RESTART) {
		restart(g);
		return;
	}
	if (e->kind == E_CUT)
		cut = cuts[roll(&p->dice, COUNT_OF(cuts))];
	if (p->online) {
		play_online(p, e, cut);
	} else if (e->kind == E_SELECT || e->kind == E_CUT) {
		connect_player(p, roll(&p->dice, 3));
		select_now(p, (int)roll(&p->dice, p->game->names), cut);
		if (!cut && roll(&p->dice, 2))
			sync_now(p, CUT_NONE);
	}
}

/* Everybody comes back, to every mailbox, and finds what is. */
static void come_back(struct player *p, unsigned seed)
{
	p->dice.state = seed;
	if (p->online) {
		done(p);
		if (p->name >= 0 && !p->synced)
			sync_now(p, CUT_NONE);
		say_noop(p);
		flush(p, CUT_NONE);
		keep(p);
		hang_up(p);
	}
	connect_player(p, roll(&p->dice, 3));
	for (int name = 0; name < NAMES; name++) {
		select_now(p, name, CUT_NONE);
		sync_now(p, CUT_NONE);
	}
	hang_up(p);
}

/* One that was never here is told the same. */
static void ask_plainly(struct player *p)
{
	for (int name = 0; name < NAMES; name++)
		p->caches[name].valid = false;
	connect_player(p, BY_PLAIN);
	for (int name = 0; name < NAMES; name++) {
		select_now(p, name, CUT_NONE);
		sync_now(p, CUT_NONE);
	}
	hang_up(p);
}

static void player_begin(struct player *p, struct game *g, unsigned seed)
{
	p->game = g;
	p->talk.log = &g->log;
	p->talk.seed = seed;
	p->talk.number = (unsigned)(p - g->players) + 1;
	p->talk.c.in = p->talk.line = p->out = BUF_UNBOUNDED;
	p->name = p->box = -1;
}

static void player_end(struct player *p)
{
	buf_fini(&p->talk.line);
	buf_fini(&p->out);
	uidset_fini(&p->vanished);
	uidset_fini(&p->found);
}

/* Scripts. */

struct script {
	unsigned seed;
	unsigned clients, names;
	struct event events[EVENTS];
	unsigned count;
};

static void script_make(struct script *s, unsigned seed)
{
	static const unsigned char weights[] = {
		[E_SELECT] = 14,
		[E_CUT] = 8,
		[E_APPEND] = 10,
		[E_STORE] = 18,
		[E_FETCH] = 12,
		[E_CHANGES] = 6,
		[E_COPY] = 6,
		[E_EXPUNGE] = 8,
		[E_NOOP] = 4,
		[E_SEARCH] = 4,
		[E_IDLE] = 3,
		[E_LEAVE] = 2,
		[E_MAILBOX] = 4,
		[E_PRUNE] = 2,
		[E_RESTART] = 1,
	};
	struct dice d = {seed};

	s->seed = seed;
	s->count = EVENTS;
	/* Few get into each other's way more often. */
	s->clients = 2 + roll(&d, CLIENTS - 1);
	s->names = 1 + roll(&d, NAMES);
	for (unsigned i = 0; i < s->count; i++) {
		struct event *e = &s->events[i];
		unsigned n = roll(&d, 102), kind = 0;

		while (n >= weights[kind])
			n -= weights[kind++];
		*e = (struct event){kind, roll(&d, s->clients),
			roll(&d, 3) == 0, dice_next(&d)};
	}
}

static void script_run(const struct script *s)
{
	struct game *g = xcalloc(1, sizeof *g);

	world_begin(&g->w);
	g->eye = mail_new(g->w.store, NULL);
	g->names = s->names;
	g->model.by_name[0] = g->model.by_name[1] = g->model.by_name[2] = -1;
	model_create(&g->model, 0);
	for (unsigned i = 0; i < CLIENTS; i++)
		player_begin(&g->players[i], g, s->seed);
	model_hold(&g->players[0].talk, &g->model, g->eye);
	for (unsigned i = 0; i < s->count; i++)
		play(g, &s->events[i]);
	for (unsigned i = 0; i < CLIENTS; i++)
		come_back(&g->players[i], s->seed + i);
	ask_plainly(&g->players[0]);
	for (unsigned i = 0; i < CLIENTS; i++)
		player_end(&g->players[i]);
	mail_free(g->eye);
	world_end(&g->w);
	free(g);
}

/* In a process of its own, so that whatever it does can be told. */
static bool fails(const struct script *s, bool aloud)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		alarm(60);
		if (!aloud && !freopen("/dev/null", "w", stderr))
			_exit(1);
		script_run(s);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status != 0;
}

/* Leaves out what it fails without: halves, quarters, …, single events. */
static void shorten(struct script *s)
{
	for (unsigned n = s->count / 2; n; n = n > 1 ? (n + 1) / 2 : 0)
		for (unsigned at = 0; at < s->count;) {
			struct script less = *s;
			unsigned to = at + n < s->count ? at + n : s->count;

			memmove(&less.events[at], &less.events[to],
				(s->count - to) * sizeof less.events[0]);
			less.count -= to - at;
			if (fails(&less, false))
				*s = less;
			else
				at += n;
		}
}

/* False when it does not fail alone. */
static bool report(unsigned seed)
{
	struct script s;
	unsigned before;

	script_make(&s, seed);
	if (!fails(&s, false))
		return false;
	do {
		before = s.count;
		shorten(&s);
	} while (s.count < before);
	print_error("seed %u fails with these %u events:\n", seed, s.count);
	fails(&s, true);
	return true;
}

/* True when all went well; else seed_r is of the one that did not. */
static bool run_batch(
	unsigned first, unsigned count, bool aloud, unsigned *seed_r)
{
	int status, fds[2];
	unsigned seed;
	pid_t pid;

	*seed_r = first;
	assert_int_equal(pipe(fds), 0);
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		struct script s;

		alarm(300);
		close(fds[0]);
		if (!aloud && !freopen("/dev/null", "w", stderr))
			_exit(1);
		for (seed = first; seed < first + count; seed++) {
			if (write(fds[1], &seed, sizeof seed) < 0)
				_exit(1);
			script_make(&s, seed);
			script_run(&s);
		}
		exit(0);
	}
	close(fds[1]);
	while (read(fds[0], &seed, sizeof seed) == sizeof seed)
		*seed_r = seed;
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status == 0;
}

static unsigned from_environment(const char *name, unsigned otherwise)
{
	const char *text = getenv(name);

	return text ? (unsigned)strtoul(text, NULL, 10) : otherwise;
}

static void test_scripts(void **unused)
{
	unsigned seed = from_environment("CULVER_SEED", 1), failed;
	unsigned end = seed + from_environment("CULVER_SCRIPTS", 300);

	(void)unused;
	log_set_level(LOG_ERROR);
	for (; seed < end; seed += BATCH) {
		unsigned count = end - seed < BATCH ? end - seed : BATCH;

		if (run_batch(seed, count, false, &failed))
			continue;
		if (!report(failed)) {
			print_error("seed %u failed, but not alone\n", failed);
			/* Leaks are told at the end of a batch. */
			run_batch(seed, count, true, &failed);
		}
		fail();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scripts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
