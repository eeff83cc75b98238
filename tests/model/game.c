/* SPDX-License-Identifier: Apache-2.0 */
#include "game.h"

#define TOGETHER_COMMANDS 3
#define KILL_COMMANDS 5
#define LINES 4096

enum cut {
	CUT_NONE,
	CUT_ANSWER,  /* hears only so many bytes */
	CUT_COMMAND, /* says only so many */
	CUT_BOTH     /* is gone at once, hears nothing; what was done? */
};

/* What is there. */

static void look(struct game *g, struct talk *t)
{
	g->stage->look(g, t);
}

static void hold(struct game *g, struct talk *t)
{
	const char *why;

	look(g, t);
	why = model_hold(&g->model, g->sights);
	if (why)
		talk_die(t, why);
}

static void hold_now_and_then(struct player *p)
{
	if (p->game->stage->looks_always || roll(&p->dice, 4) == 0)
		hold(p->game, &p->talk);
}

static void settle(struct game *g, struct talk *t, const struct lane *lanes,
	unsigned count)
{
	const char *why;

	look(g, t);
	if (!model_settle(&g->model, lanes, count, g->sights)) {
		model_print(stderr, &g->model, g->sights);
		talk_die(t, "no order of what happened ends in what is there");
	}
	why = model_hold(&g->model, g->sights);
	if (why)
		talk_die(t, why);
}

/* Connections. */

static bool is_last(const struct player *p, str line)
{
	const struct sent *last = &p->sent[p->sent_count - 1];
	char tag[16];
	size_t n = (size_t)snprintf(tag, sizeof tag, "t%u ", last->tag);

	return str_starts(line, str_of(tag, n)) ||
	       (last->does == DOES_IDLE && line.p[0] == '+');
}

static void go_offline(struct player *p)
{
	close(p->talk.c.fd);
	pack_end(&p->talk);
	player_forget_sent(p);
	buf_fini(&p->talk.c.in);
	p->talk.c.in = BUF_UNBOUNDED;
	p->online = p->idling = p->selecting = p->together = false;
	p->name = p->box = -1;
	p->count = p->early_count = 0;
}

static void hang_up(struct player *p)
{
	shutdown(p->talk.c.fd, SHUT_WR);
	while (talk_receive(&p->talk))
		;
	go_offline(p);
	talk_note(&p->talk, '-', STR("is offline"));
}

static struct lane lane_of(const struct player *p)
{
	return (struct lane){p->sent, p->sent_count, p->answered};
}

/* Ends the connection, which the server may still be writing to. */
static void break_off(struct player *p)
{
	struct game *g = p->game;
	unsigned online = 0;
	struct lane lane;

	player_keep(p);
	player_begin_rest(p);
	close(p->talk.c.fd);
	p->talk.c.fd = -1;
	talk_note(&p->talk, '-', STR("is gone"));
	for (unsigned i = 0; i < CLIENTS; i++)
		online += g->players[i].online;
	g->stage->settle(g, online - 1);
	lane = lane_of(p);
	settle(g, &p->talk, &lane, 1);
	go_offline(p);
}

/* COMPRESS has to be answered before anything else is said. */
static void compress(struct player *p)
{
	str line;

	talk_send(&p->talk, STR("z COMPRESS DEFLATE\r\n"));
	do
		line = talk_line(&p->talk);
	while (line.p[0] == '*');
	CHECK(p, str_starts(line, STR("z OK ")));
	pack_begin(&p->talk);
}

static void come_online(struct player *p, enum how how)
{
	unsigned features = roll(&p->dice, 64);

	p->how = how;
	p->qresync = how == BY_QRESYNC;
	p->condstore = p->qresync;
	p->rev2 = features & 1;
	p->uidonly = features >> 1 == 1 || features >> 1 == 2 ||
		     features >> 1 == 3 || features >> 1 == 4;
	p->notify = features % 5 == 0;
	p->compress = features % 3 == 0;
	p->online = true;
	memset(p->statuses, 0, sizeof p->statuses);
	p->highest = p->told_highest = 0;
	p->has_code = false;
	talk_note(&p->talk, '-', STR("comes back"));
	p->game->stage->connect(p);
	buf_reset(&p->talk.c.in);
	if (p->compress)
		compress(p);
	say_features(p);
}

/* Saying, and hearing the answers. */

/* All that is answered, as one text with the lines' ends. */
static unsigned gather(
	struct player *p, bool until_end, struct buf *text, size_t *ends)
{
	unsigned lines = 0;
	str line;

	while (lines < LINES) {
		line = talk_line_or_end(&p->talk);
		if (str_is_none(line)) {
			CHECK(p, until_end);
			break;
		}
		buf_add(text, line);
		ends[lines++] = text->n;
		if (!until_end && is_last(p, line))
			break;
	}
	return lines;
}

/* Makes what it can of each line; stops to be a client at byte `stop`. */
static void hear_lines(struct player *p, const struct buf *text,
	const size_t *ends, unsigned lines, size_t stop)
{
	size_t at = 0;

	if (!p->begun)
		player_begin_command(p);
	for (unsigned i = 0; i < lines; at = ends[i++]) {
		str line = str_of(text->p + at, ends[i] - at);

		if (ends[i] > stop) {
			player_write_disk(p);
			stop = SIZE_MAX;
			talk_note(&p->talk, '-', STR("was cut off before:"));
			talk_note(&p->talk, '-', line);
		}
		player_hear(p, line);
	}
	if (stop != SIZE_MAX)
		player_write_disk(p);
}

static void flush(struct player *p, enum cut cut)
{
	struct buf text = BUF_UNBOUNDED;
	str out = buf_str(&p->out);
	size_t ends[LINES], stop;
	unsigned lines;

	if (p->sent_count == 0)
		return;
	if (cut == CUT_BOTH && !p->game->stage->settle)
		cut = CUT_ANSWER;
	if (cut == CUT_COMMAND)
		out = str_take(out, roll(&p->dice, (unsigned)out.n));
	talk_send(&p->talk, out);
	if (cut == CUT_BOTH) {
		if (!p->begun)
			player_begin_command(p);
		break_off(p);
		return;
	}
	if (cut == CUT_COMMAND)
		shutdown(p->talk.c.fd, SHUT_WR);
	lines = gather(p, cut == CUT_COMMAND, &text, ends);
	stop = cut ? roll(&p->dice, (unsigned)text.n + 1) : SIZE_MAX;
	hear_lines(p, &text, ends, lines, stop);
	buf_fini(&text);
	if (cut) {
		hang_up(p);
		memcpy(p->caches, p->disk, sizeof p->caches);
	} else {
		player_forget_answered(p);
		if (!p->sent_count)
			player_agree(p, false);
	}
	buf_reset(&p->out);
	p->numbers_shift = false;
	hold_now_and_then(p);
}

/* What NOTIFY told meanwhile; so much of it as is there. */
static void drain(struct player *p)
{
	struct pollfd fd = {.fd = p->talk.c.fd, .events = POLLIN};

	while (p->notify && !p->idling &&
		(p->talk.c.in.n || poll(&fd, 1, 0) > 0))
		player_hear(p, talk_line(&p->talk));
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
	E_REPLACE,
	E_NOTE,
	E_NOOP,
	E_SEARCH,
	E_MAILBOX,
	E_IDLE,
	E_LEAVE,
	E_TOGETHER,
	E_KILL,
	E_OUTSIDE,
	E_PRUNE,
	E_RESTART,
};

static const unsigned char weights[] = {
	[E_SELECT] = 14,
	[E_CUT] = 8,
	[E_APPEND] = 10,
	[E_STORE] = 18,
	[E_FETCH] = 12,
	[E_CHANGES] = 6,
	[E_COPY] = 6,
	[E_EXPUNGE] = 8,
	[E_REPLACE] = 3,
	[E_NOTE] = 2,
	[E_NOOP] = 4,
	[E_SEARCH] = 4,
	[E_MAILBOX] = 4,
	[E_IDLE] = 3,
	[E_LEAVE] = 2,
	[E_TOGETHER] = 8,
	[E_KILL] = 10,
	[E_OUTSIDE] = 4,
	[E_PRUNE] = 2,
	[E_RESTART] = 1,
};

/* What a connection that has a mailbox selected says. */
static void say_kind(struct player *p, enum kind kind)
{
	static void (*const says[])(struct player *) = {
		[E_APPEND] = say_append,
		[E_STORE] = say_store,
		[E_FETCH] = say_fetch,
		[E_CHANGES] = say_changes,
		[E_COPY] = say_copy,
		[E_EXPUNGE] = say_expunge,
		[E_REPLACE] = say_replace,
		[E_NOTE] = say_note,
		[E_NOOP] = say_noop,
		[E_SEARCH] = say_search,
		[E_MAILBOX] = say_mailbox,
		[E_LEAVE] = say_leave,
		[E_KILL] = NULL,
	};

	says[kind](p);
}

static bool needs_mailbox(enum kind kind)
{
	return kind != E_APPEND && kind != E_MAILBOX && kind != E_NOOP &&
	       kind != E_IDLE && kind != E_NOTE;
}

static enum kind roll_kind(struct dice *d, enum kind from, enum kind to)
{
	unsigned all = 0, n, kind = from;

	for (unsigned i = from; i <= to; i++)
		all += weights[i];
	n = roll(d, all);
	while (n >= weights[kind])
		n -= weights[kind++];
	return kind;
}

/* Comes to know all of the mailbox; or is cut off while it does. */
static void sync_now(struct player *p, enum cut cut)
{
	if (p->name < 0 || p->synced)
		return;
	say_sync(p, false);
	flush(p, cut);
}

static void select_now(struct player *p, int name, enum cut cut)
{
	player_keep(p);
	say_select(p, name);
	flush(p, cut);
}

static void select_some(struct player *p, enum cut cut)
{
	select_now(p, (int)roll(&p->dice, p->game->names), cut);
	if (!cut && roll(&p->dice, 2))
		sync_now(p, CUT_NONE);
}

static bool flushes(
	const struct player *p, const struct event *e, enum kind kind)
{
	return !e->hold || kind == E_MAILBOX || kind == E_LEAVE ||
	       p->sent_count >= PIPELINE - 2;
}

static void play_online(struct player *p, const struct event *e, enum cut cut)
{
	enum kind kind = e->kind;

	drain(p);
	say_done(p);
	if (p->name >= 0 && !p->synced) {
		sync_now(p, cut);
		if (cut)
			return;
	}
	if (kind == E_CUT)
		kind = roll_kind(&p->dice, E_APPEND, E_SEARCH);
	if (kind == E_SELECT || (p->name < 0 && needs_mailbox(kind))) {
		flush(p, CUT_NONE);
		select_some(p, cut);
	} else if (kind == E_IDLE) {
		say_idle(p);
		flush(p, CUT_NONE);
		p->idling = true;
	} else {
		say_kind(p, kind);
		if (cut && !p->sent_count)
			say_noop(p);
		if (cut || flushes(p, e, kind))
			flush(p, cut);
	}
}

/* Outsiders. */

static void play_outside(struct game *g, struct dice *d)
{
	enum outsider who = roll(d, OUTSIDERS);
	struct talk *t = &g->players[0].talk;
	struct sent q;

	if (!g->stage->outsider_comes)
		return;
	hold(g, t);
	say_outside(g, d, who, &q);
	g->stage->outsider_comes(g, who, &q);
	g->stage->outsider_acts(g, who);
	if (!g->stage->outsider_goes(g, who))
		talk_die(t, "an outsider was refused");
	CHECK(&g->players[0], !model_apply(&g->model, &q));
	sent_fini(&q);
}

/* Of those who do something at the same time. */
struct outside {
	bool here[OUTSIDERS];
	struct sent sent[OUTSIDERS];
};

static void outsiders_come(struct game *g, struct dice *d, struct outside *o)
{
	*o = (struct outside){.here = {false}};
	for (unsigned i = 0; g->stage->outsider_comes && i < OUTSIDERS; i++) {
		o->here[i] = roll(d, 3) == 0;
		if (!o->here[i])
			continue;
		say_outside(g, d, i, &o->sent[i]);
		g->stage->outsider_comes(g, i, &o->sent[i]);
	}
}

static void outsiders_act(struct game *g, const struct outside *o)
{
	for (unsigned i = 0; i < OUTSIDERS; i++)
		if (o->here[i])
			g->stage->outsider_acts(g, i);
}

/* Adds their lanes. */
static unsigned outsiders_go(
	struct game *g, struct outside *o, struct lane *lanes, unsigned count)
{
	for (unsigned i = 0; i < OUTSIDERS; i++)
		if (o->here[i])
			lanes[count++] = (struct lane){
				&o->sent[i], 1, g->stage->outsider_goes(g, i)};
	return count;
}

static void outsiders_fini(struct outside *o)
{
	for (unsigned i = 0; i < OUTSIDERS; i++)
		if (o->here[i])
			sent_fini(&o->sent[i]);
}

/* At the same time. */

struct heard {
	struct buf text;
	size_t ends[LINES];
	unsigned lines;
};

/* Of those who are online; some more than who is to do it. */
static unsigned pick_some(
	struct game *g, struct player *first, struct player **some)
{
	unsigned count = 0;

	for (unsigned i = 0; i < CLIENTS; i++) {
		struct player *p = &g->players[i];

		if (p->online && (p == first || roll(&first->dice, 3)))
			some[count++] = p;
	}
	return count;
}

/* What CATENATE reads may be gone when it has read it; alone it is not. */
static void flush_urls(struct player *p)
{
	for (unsigned i = 0; i < p->sent_count; i++)
		if (p->sent[i].url_uid) {
			flush(p, CUT_NONE);
			return;
		}
}

static void say_together(struct player *p, uint64_t seed, unsigned commands)
{
	p->dice.state = seed;
	drain(p);
	flush_urls(p);
	if (p->name >= 0 && !p->synced && !p->idling && !p->sent_count)
		sync_now(p, CUT_NONE);
	say_done(p);
	p->together = true;
	commands = 1 + roll(&p->dice, commands);
	while (commands-- && p->sent_count < PIPELINE - 2) {
		enum kind kind = roll_kind(&p->dice, E_APPEND, E_MAILBOX);

		if (p->name >= 0 || !needs_mailbox(kind))
			say_kind(p, kind);
	}
	if (p->name >= 0 && roll(&p->dice, 4) == 0)
		say_leave(p);
	if (!p->sent_count)
		say_noop(p);
}

static void agree_afterwards(struct player *p)
{
	p->together = false;
	player_forget_sent(p);
	say_noop(p);
	flush(p, CUT_NONE);
}

/* The order of what is said is not the order of what is done. */
static void play_together(struct game *g, struct player *first)
{
	struct player *some[CLIENTS];
	struct heard *heard = xcalloc(CLIENTS, sizeof *heard);
	struct lane lanes[CLIENTS + OUTSIDERS];
	struct outside outside;
	unsigned count = pick_some(g, first, some), all;
	uint64_t seed = dice_next(&first->dice);

	for (unsigned i = 0; i < count; i++)
		say_together(some[i], seed + i, TOGETHER_COMMANDS);
	hold(g, &first->talk);
	outsiders_come(g, &first->dice, &outside);
	for (unsigned i = 0; i < count; i++)
		talk_send(&some[i]->talk, buf_str(&some[i]->out));
	outsiders_act(g, &outside);
	for (unsigned i = 0; i < count; i++) {
		struct heard *h = &heard[i];

		h->text = BUF_UNBOUNDED;
		h->lines = gather(some[i], false, &h->text, h->ends);
	}
	for (unsigned i = 0; i < count; i++) {
		hear_lines(some[i], &heard[i].text, heard[i].ends,
			heard[i].lines, SIZE_MAX);
		lanes[i] = lane_of(some[i]);
		buf_fini(&heard[i].text);
	}
	free(heard);
	all = outsiders_go(g, &outside, lanes, count);
	if (outside.here[BY_LMTP])
		CHECK(first, lanes[count].answered);
	settle(g, &first->talk, lanes, all);
	outsiders_fini(&outside);
	for (unsigned i = 0; i < count; i++)
		agree_afterwards(some[i]);
}

/* Before anything is done, or after this and that. */
static const unsigned kill_within_us[] = {300, 5000, 10000, 30000};

/* Everybody loses the server; some in the middle of something. */
static void play_kill(struct game *g, struct player *first)
{
	struct player *some[CLIENTS];
	struct lane lanes[CLIENTS + OUTSIDERS];
	struct outside outside;
	unsigned count = pick_some(g, first, some), lost = 0, within;
	uint64_t seed = dice_next(&first->dice);

	for (unsigned i = 0; i < count; i++)
		say_together(some[i], seed + i, KILL_COMMANDS);
	hold(g, &first->talk);
	outsiders_come(g, &first->dice, &outside);
	within = kill_within_us[roll(&first->dice, 4)];
	g->stage->meet(g);
	/* Others may be further, and so may the kill. */
	for (unsigned i = 0; i < count; i++)
		(void)talk_try(&some[i]->talk, buf_str(&some[i]->out));
	outsiders_act(g, &outside);
	g->stage->kill(g, roll(&first->dice, within));
	talk_note(&first->talk, '-', STR("(the mail role is killed)"));
	for (unsigned i = 0; i < CLIENTS; i++) {
		struct player *p = &g->players[i];
		struct heard h = {.text = BUF_UNBOUNDED};

		if (!p->online)
			continue;
		p->together = true;
		h.lines = gather(p, true, &h.text, h.ends);
		if (p->sent_count)
			hear_lines(p, &h.text, h.ends, h.lines, SIZE_MAX);
		buf_fini(&h.text);
		player_begin_rest(p);
		lanes[lost++] = lane_of(p);
		player_keep(p);
	}
	lost = outsiders_go(g, &outside, lanes, lost);
	g->stage->restart(g);
	settle(g, &first->talk, lanes, lost);
	outsiders_fini(&outside);
	for (unsigned i = 0; i < CLIENTS; i++)
		if (g->players[i].online)
			go_offline(&g->players[i]);
}

/* As if the mail role was stopped, and another one began. */
static void restart(struct game *g)
{
	for (unsigned i = 0; i < CLIENTS; i++) {
		struct player *p = &g->players[i];

		if (!p->online)
			continue;
		player_keep(p);
		hang_up(p);
	}
	talk_note(&g->players[0].talk, '-', STR("(restart)"));
	if (g->stage->kill) {
		g->stage->meet(g);
		g->stage->kill(g, 0);
	}
	g->stage->restart(g);
}

static void prune(struct game *g, bool year)
{
	struct talk *t = &g->players[0].talk;

	if (!g->stage->prune)
		return;
	talk_note(t, '-', year ? STR("(a year)") : STR("(some hours)"));
	g->stage->prune(g, t, year);
	for (int i = 0; year && i < g->model.count; i++)
		g->model.boxes[i]->forgotten = g->model.boxes[i]->modseq;
}

static void play(struct game *g, const struct event *e)
{
	static const enum cut cuts[] = {
		CUT_ANSWER, CUT_ANSWER, CUT_ANSWER, CUT_COMMAND, CUT_BOTH};
	struct player *p = &g->players[e->client];
	enum cut cut = CUT_NONE;

	p->dice.state = e->seed;
	/* Where all are thrown out often, they come back soon. */
	if (!p->online && g->stage->kill && roll(&p->dice, 4)) {
		come_online(p, roll(&p->dice, 3));
		select_some(p, CUT_NONE);
	}
	if (e->kind == E_OUTSIDE) {
		play_outside(g, &p->dice);
	} else if (e->kind == E_PRUNE) {
		prune(g, roll(&p->dice, 2));
	} else if (e->kind == E_RESTART) {
		restart(g);
	} else if (p->online && e->kind == E_KILL && g->stage->kill) {
		play_kill(g, p);
	} else if (p->online && (e->kind == E_TOGETHER || e->kind == E_KILL)) {
		play_together(g, p);
	} else {
		if (e->kind == E_CUT)
			cut = cuts[roll(&p->dice, 5)];
		if (p->online) {
			play_online(p, e, cut);
		} else if (e->kind == E_SELECT || e->kind == E_CUT) {
			come_online(p, roll(&p->dice, 3));
			select_some(p, cut);
		}
	}
}

/* At the beginning, so that there is something to do. */
static void prepare(struct player *p, unsigned seed)
{
	p->dice.state = seed;
	come_online(p, roll(&p->dice, 3));
	say_beginning(p);
	flush(p, CUT_NONE);
	select_some(p, CUT_NONE);
}

/* At the end. */

static void go_home(struct player *p)
{
	drain(p);
	say_done(p);
	if (p->name >= 0 && !p->synced)
		sync_now(p, CUT_NONE);
	say_noop(p);
	flush(p, CUT_NONE);
	player_keep(p);
	hang_up(p);
}

/* Everybody comes back, to every mailbox, and finds what is. */
static void come_back(struct player *p, unsigned seed)
{
	p->dice.state = seed;
	if (p->online)
		go_home(p);
	come_online(p, roll(&p->dice, 3));
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
	come_online(p, BY_PLAIN);
	for (int name = 0; name < NAMES; name++) {
		select_now(p, name, CUT_NONE);
		if (p->name < 0)
			continue;
		say_sync(p, true);
		flush(p, CUT_NONE);
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

void script_make(struct script *s, const struct stage *stage, unsigned seed)
{
	struct dice d = {seed};

	s->stage = stage;
	s->seed = seed;
	s->count = EVENTS;
	/* Few get into each other's way more often. */
	s->clients = 2 + roll(&d, CLIENTS - 1);
	s->names = 1 + roll(&d, NAMES);
	for (unsigned i = 0; i < s->count; i++) {
		struct event *e = &s->events[i];

		e->kind = roll_kind(&d, E_SELECT, E_RESTART);
		e->client = roll(&d, s->clients);
		e->hold = roll(&d, 3) == 0;
		e->seed = dice_next(&d);
	}
}

void script_run(const struct script *s)
{
	struct game *g = xcalloc(1, sizeof *g);

	g->stage = s->stage;
	g->names = s->names;
	model_init(&g->model);
	for (unsigned i = 0; i < CLIENTS; i++)
		player_begin(&g->players[i], g, s->seed);
	g->stage->begin(g);
	hold(g, &g->players[0].talk);
	if (s->seed % 2)
		prepare(&g->players[0], s->seed);
	for (unsigned i = 0; i < s->count; i++)
		play(g, &s->events[i]);
	for (unsigned i = 0; i < CLIENTS; i++)
		come_back(&g->players[i], s->seed + i);
	ask_plainly(&g->players[0]);
	g->stage->end(g);
	for (unsigned i = 0; i < CLIENTS; i++)
		player_end(&g->players[i]);
	model_fini(&g->model);
	free(g);
}

bool script_is_sure(const struct script *s)
{
	for (unsigned i = 0; i < s->count; i++)
		if (s->events[i].kind == E_TOGETHER ||
			s->events[i].kind == E_KILL)
			return false;
	return true;
}
