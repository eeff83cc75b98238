/* SPDX-License-Identifier: Apache-2.0 */
#include "player.h"

struct sent *say_begin(struct player *p, enum does does, bool may_expunge)
{
	struct sent *q = &p->sent[p->sent_count++];

	*q = (struct sent){.does = does,
		.tag = ++p->tags,
		.may_expunge = may_expunge,
		.name = -1,
		.new_name = -1,
		.box = -1};
	buf_addf(&p->out, "t%u ", q->tag);
	p->numbers_shift |= may_expunge;
	return q;
}

void say_done(struct player *p)
{
	if (!p->idling)
		return;
	p->idling = false;
	p->numbers_shift = true;
	buf_reset(&p->out);
	buf_add_c(&p->out, "DONE\r\n");
}

void say_idle(struct player *p)
{
	say_begin(p, DOES_IDLE, true);
	buf_add_c(&p->out, "IDLE\r\n");
}

void say_noop(struct player *p)
{
	bool check = p->name >= 0 && roll(&p->dice, 4) == 0;

	say_begin(p, DOES_NOTHING, true);
	buf_add_c(&p->out, check ? "CHECK\r\n" : "NOOP\r\n");
}

/* What the connection is to be, as drawn when it was made. */
void say_features(struct player *p)
{
	static const char *const selected[] = {"selected", "selected-delayed"};

	if (p->qresync || p->rev2 || p->uidonly) {
		say_begin(p, DOES_NOTHING, false);
		buf_addf(&p->out, "ENABLE%s%s%s\r\n",
			p->rev2 ? " IMAP4rev2" : "",
			p->qresync ? " QRESYNC" : "",
			p->uidonly ? " UIDONLY" : "");
	}
	if (!p->notify)
		return;
	say_begin(p, DOES_NOTHING, false);
	buf_addf(&p->out,
		"NOTIFY SET (%s (MessageNew (UID FLAGS) MessageExpunge "
		"FlagChange)) (personal (MessageNew MessageExpunge FlagChange "
		"MailboxName MailboxMetadataChange))\r\n",
		selected[roll(&p->dice, 2)]);
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

void say_select(struct player *p, int name)
{
	const struct cache *c = &p->caches[name];
	struct sent *q = say_begin(p, DOES_SELECT, false);

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
		if (form == 2 && c->count && !p->uidonly)
			add_match(p, c);
		buf_add_c(&p->out, "))");
	} else if (p->how == BY_CONDSTORE) {
		q->enables = true;
		buf_add_c(&p->out, " (CONDSTORE)");
	}
	buf_add_c(&p->out, "\r\n");
	p->numbers_shift = true;
}

static struct sent *say_uid_fetch(
	struct player *p, uid_num from, const char *items)
{
	struct sent *q = say_begin(p, DOES_FETCH, true);

	q->uid = true;
	uidset_add_range(&q->asked, from, UINT32_MAX - 1);
	q->asks_flags = true;
	buf_addf(&p->out, "UID FETCH %u:4294967295 %s", from, items);
	return q;
}

static void say_search_all(struct player *p)
{
	struct sent *q = say_begin(p, DOES_SEARCH_ALL, true);

	q->search_sync = q->uid = true;
	uidset_add_range(&q->asked, 1, UINT32_MAX - 1);
	buf_add_c(&p->out, "UID SEARCH ALL\r\n");
}

void say_sync(struct player *p, bool texts)
{
	const struct cache *c = &p->caches[p->name];
	bool search_first = roll(&p->dice, 2);
	struct sent *q;

	if (!c->valid || p->how != BY_CONDSTORE) {
		q = say_uid_fetch(
			p, 1, texts ? "(FLAGS BODY.PEEK[TEXT])" : "(FLAGS)");
		buf_add_c(&p->out, "\r\n");
		q->plain_sync = true;
		return;
	}
	if (search_first)
		say_search_all(p);
	q = say_uid_fetch(p, 1, "(FLAGS)");
	buf_addf(&p->out, " (CHANGEDSINCE %llu)\r\n",
		(unsigned long long)c->highest);
	q->changed = q->change_sync = true;
	q->since = c->highest;
	if (!search_first)
		say_search_all(p);
}

static uid_num known_until(const struct player *p)
{
	uid_num until = 0;

	for (unsigned i = 0; i < p->count && p->all[i].has_flags; i++)
		until = p->all[i].uid;
	return until;
}

/* Messages that are added. */

/* Those whose UIDs are known; what NOTIFY just told comes behind them. */
static unsigned count_named(const struct player *p)
{
	unsigned n = p->count;

	while (n && !p->all[n - 1].uid)
		n--;
	return n;
}

static const char *pick_flags(struct player *p, uint32_t *bits_r)
{
	static const char *const names[] = {"\\Deleted", "\\Seen", "\\Flagged",
		"k0", "k1", "\\Deleted k0", "\\Seen k1", "\\Answered"};
	const char *name = names[roll(&p->dice, sizeof names / sizeof *names)];

	*bits_r = talk_flags(&p->talk, str_c(name));
	return name;
}

/* Others may add as many at the same time. */
static bool is_full(struct player *p, int name)
{
	int box = p->game->model.by_name[name];
	const struct box *b = box < 0 ? NULL : p->game->model.boxes[box];

	return b && b->count + b->gone_count > 100;
}

static int pick_name(struct player *p)
{
	return (int)roll(&p->dice, p->game->names);
}

void say_outside(
	struct game *g, struct dice *d, enum outsider who, struct sent *q)
{
	const struct box *inbox = g->model.boxes[g->model.by_name[0]];

	*q = (struct sent){
		.does = who == BY_LMTP ? DOES_APPEND : DOES_TAKE, .box = -1};
	if (who == BY_LMTP) {
		q->messages = 1;
		q->content = ++g->contents;
	}
	for (unsigned i = 0; who == BY_POP3 && i < inbox->count; i++)
		if (roll(d, 4) == 0) {
			uidset_add(&q->asked, i + 1);
			uidset_add(&q->targets, inbox->all[i].uid);
		}
}

static void add_messages(struct player *p, struct sent *q)
{
	const char *flags = roll(&p->dice, 2) ? pick_flags(p, &q->flags) : "";

	q->content = p->game->contents + 1;
	p->game->contents += q->messages;
	for (unsigned i = 0; i < q->messages; i++) {
		char text[64];
		size_t n = (size_t)snprintf(text, sizeof text,
			"Subject: x\r\n\r\ncontent-%u\r\n", q->content + i);

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

/* The text of a message that is there, or was. */
static bool add_by_url(struct player *p, struct sent *q)
{
	unsigned count = count_named(p);
	const char *flags;

	if (p->name < 0 || !count || p->together)
		return false;
	q->messages = 1;
	q->url_name = p->name;
	q->url_uid = p->all[roll(&p->dice, count)].uid;
	flags = pick_flags(p, &q->flags);
	buf_addf(&p->out,
		" (%s) CATENATE (TEXT {14+}\r\nSubject: x\r\n\r\n URL "
		"\"/%s/;UID=%u/;SECTION=TEXT\")\r\n",
		flags, box_names[p->name], q->url_uid);
	return true;
}

void say_append(struct player *p)
{
	int name = pick_name(p);
	struct sent *q;

	if (is_full(p, name))
		return;
	q = say_begin(p, DOES_APPEND, true);
	q->name = name;
	q->messages = roll(&p->dice, 3) ? 1 : 1 + roll(&p->dice, 3);
	buf_addf(&p->out, "APPEND %s", box_names[name]);
	if (roll(&p->dice, 5) || !add_by_url(p, q))
		add_messages(p, q);
}

void say_beginning(struct player *p)
{
	for (unsigned name = 0; name < p->game->names; name++) {
		struct sent *q;

		if (name > 0) {
			q = say_begin(p, DOES_CREATE, true);
			q->name = (int)name;
			buf_addf(&p->out, "CREATE %s\r\n", box_names[name]);
		}
		q = say_begin(p, DOES_APPEND, true);
		q->name = (int)name;
		q->messages = 1 + roll(&p->dice, 12);
		buf_addf(&p->out, "APPEND %s", box_names[name]);
		add_messages(p, q);
	}
}

/* Messages that are there. */

static void add_range(struct player *p, struct sent *q, unsigned form)
{
	unsigned count = count_named(p);
	unsigned from = form == 0 ? 0 : roll(&p->dice, count);
	unsigned to = from + (form == 0		 ? 11
				     : form == 1 ? roll(&p->dice, 8)
						 : 0);

	if (to >= count)
		to = count - 1;
	uidset_add_range(&q->asked, q->uid ? p->all[from].uid : from + 1,
		q->uid ? p->all[to].uid : to + 1);
}

/* One, a run, or many. False when there is none, or numbers might mean others
 * by then. */
static bool pick_range(struct player *p, struct sent *q)
{
	if (count_named(p) == 0)
		return false;
	q->uid = p->numbers_shift || p->uidonly || p->notify ||
		 roll(&p->dice, 2);
	add_range(p, q, roll(&p->dice, 6));
	if (roll(&p->dice, 4) == 0)
		add_range(p, q, 1 + roll(&p->dice, 2));
	return true;
}

static struct sent *say_ranged(
	struct player *p, enum does does, const char *verb, bool always_expunge)
{
	struct sent range = {.uid = false}, *q;

	if (!pick_range(p, &range))
		return NULL;
	q = say_begin(p, does, range.uid || always_expunge);
	q->uid = range.uid;
	q->asked = range.asked;
	buf_addf(&p->out, "%s%s ", q->uid ? "UID " : "", verb);
	uidset_print(&q->asked, &p->out);
	return q;
}

static modseq_num pick_any_modseq(struct player *p)
{
	modseq_num now = box_of(p)->modseq;

	switch (roll(&p->dice, 4)) {
	case 0:
		return p->highest;
	case 1:
		return p->count ? p->all[roll(&p->dice, p->count)].modseq : 1;
	case 2:
		return now;
	default:
		return 1 + roll(&p->dice, (unsigned)now + 1);
	}
}

/* One that the model does not know yet could not be told from others that
 * come to be at the same time. */
static modseq_num pick_modseq(struct player *p)
{
	modseq_num modseq = pick_any_modseq(p), now = box_of(p)->modseq;

	return p->together && modseq > now ? now : modseq;
}

void say_replace(struct player *p)
{
	int name = pick_name(p);
	unsigned count = count_named(p);
	unsigned at = count ? roll(&p->dice, count) : 0;
	struct sent *q;

	if (is_full(p, name) || !count)
		return;
	q = say_begin(p, DOES_REPLACE, true);
	q->uid = p->sent_count > 1 || p->numbers_shift || p->uidonly ||
		 p->notify;
	q->name = name;
	q->messages = 1;
	uidset_add(&q->asked, q->uid ? p->all[at].uid : at + 1);
	buf_addf(&p->out, "%sREPLACE ", q->uid ? "UID " : "");
	uidset_print(&q->asked, &p->out);
	buf_addf(&p->out, " %s", box_names[name]);
	add_messages(p, q);
}

void say_store(struct player *p)
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

void say_fetch(struct player *p)
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
	unsigned i = roll(&p->dice, sizeof items / sizeof *items);

	if (!q)
		return;
	q->enables = items[i].modseq;
	q->asks_flags = items[i].flags;
	q->sets_seen = items[i].seen;
	buf_addf(&p->out, " %s\r\n", items[i].text);
}

void say_changes(struct player *p)
{
	uid_num until = known_until(p);
	struct sent *q;

	if (roll(&p->dice, 3) == 0) {
		say_uid_fetch(p, until + 1, "(FLAGS)");
		buf_add_c(&p->out, "\r\n");
		return;
	}
	q = say_uid_fetch(p, 1, "(FLAGS)");
	q->changed = true;
	q->since = pick_modseq(p);
	q->vanished = p->qresync && roll(&p->dice, 3);
	q->enables = true;
	buf_addf(&p->out, " (CHANGEDSINCE %llu%s)\r\n",
		(unsigned long long)q->since, q->vanished ? " VANISHED" : "");
}

void say_copy(struct player *p)
{
	bool move = roll(&p->dice, 2);
	int name = pick_name(p);
	struct sent *q;

	if (is_full(p, name))
		return;
	q = say_ranged(p, DOES_COPY, move ? "MOVE" : "COPY", true);
	if (!q)
		return;
	q->move = move;
	q->name = name;
	buf_addf(&p->out, " %s\r\n", box_names[name]);
}

void say_expunge(struct player *p)
{
	struct sent range = {.uid = false}, *q;
	bool some = roll(&p->dice, 2) && pick_range(p, &range) && range.uid;

	q = say_begin(p, DOES_EXPUNGE, true);
	if (some) {
		q->uid = true;
		uidset_swap(&q->asked, &range.asked);
		buf_add_c(&p->out, "UID EXPUNGE ");
		uidset_print(&q->asked, &p->out);
		buf_add_c(&p->out, "\r\n");
	} else {
		buf_add_c(&p->out, "EXPUNGE\r\n");
	}
	uidset_fini(&range.asked);
}

void say_search(struct player *p)
{
	struct sent *q;

	switch (roll(&p->dice, 4)) {
	case 0:
		say_begin(p, DOES_NOTHING, p->uidonly);
		buf_addf(&p->out, "%sSEARCH KEYWORD k0\r\n",
			p->uidonly ? "UID " : "");
		break;
	case 1:
		say_begin(p, DOES_NOTHING, true)->enables = true;
		buf_addf(&p->out, "STATUS %s (MESSAGES HIGHESTMODSEQ)\r\n",
			box_names[0]);
		break;
	default:
		q = say_begin(p, DOES_SEARCH_MODSEQ, true);
		q->since = pick_modseq(p);
		q->uid = true;
		uidset_add_range(&q->asked, 1, UINT32_MAX - 1);
		q->enables = true;
		buf_addf(&p->out, "UID SEARCH MODSEQ %llu\r\n",
			(unsigned long long)q->since);
	}
}

void say_leave(struct player *p)
{
	struct sent *q = say_begin(p, DOES_LEAVE, false);

	q->expunges = roll(&p->dice, 2);
	buf_add_c(&p->out, q->expunges ? "CLOSE\r\n" : "UNSELECT\r\n");
}

/* Mailboxes. */

void say_mailbox(struct player *p)
{
	int name = pick_name(p);
	struct sent *q;

	if (p->game->model.count + CLIENTS * PIPELINE >= BOXES)
		return;
	switch (roll(&p->dice, 8)) {
	case 0:
	case 1:
		q = say_begin(p, DOES_SUBSCRIBE, true);
		q->subscribes = roll(&p->dice, 3);
		buf_addf(&p->out, "%sSUBSCRIBE %s\r\n",
			q->subscribes ? "" : "UN", box_names[name]);
		break;
	case 2:
		q = say_begin(p, DOES_DELETE, true);
		buf_addf(&p->out, "DELETE %s\r\n", box_names[name]);
		break;
	case 3:
		q = say_begin(p, DOES_RENAME, true);
		q->new_name = pick_name(p);
		buf_addf(&p->out, "RENAME %s %s\r\n", box_names[name],
			box_names[q->new_name]);
		break;
	default:
		q = say_begin(p, DOES_CREATE, true);
		buf_addf(&p->out, "CREATE %s\r\n", box_names[name]);
	}
	q->name = name;
}

void say_note(struct player *p)
{
	bool sets = roll(&p->dice, 2);
	struct sent *q =
		say_begin(p, sets ? DOES_SET_NOTE : DOES_GET_NOTE, true);

	q->name = pick_name(p);
	if (sets && roll(&p->dice, 4) == 0) {
		buf_addf(&p->out, "SETMETADATA %s (/private/comment NIL)\r\n",
			box_names[q->name]);
	} else if (sets) {
		q->note = ++p->game->contents;
		buf_addf(&p->out,
			"SETMETADATA %s (/private/comment \"note-%u\")\r\n",
			box_names[q->name], q->note);
	} else {
		buf_addf(&p->out, "GETMETADATA %s /private/comment\r\n",
			box_names[q->name]);
	}
}
