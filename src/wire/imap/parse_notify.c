/* SPDX-License-Identifier: Apache-2.0 */
/* NOTIFY (RFC 5465 section 8). */
#include "wire/imap/parser.h"

#define MESSAGE_EVENTS                                                         \
	(IMAP_NOTIFY_NEW | IMAP_NOTIFY_EXPUNGE | IMAP_NOTIFY_FLAGS |           \
		IMAP_NOTIFY_ANNOTATIONS)

static bool is_selected(const struct imap_notify_group *g)
{
	return g->filter == IMAP_NOTIFY_SELECTED ||
	       g->filter == IMAP_NOTIFY_SELECTED_DELAYED;
}

/* one-or-more-mailbox = mailbox / many-mailboxes
 * many-mailboxes = "(" mailbox *(SP mailbox) ")" */
static void mailboxes(struct imap_parser *p, struct imap_notify_group *g)
{
	struct imap_notify_mailbox **end = &g->mailboxes;
	bool many;

	imap_sp(p);
	many = cursor_accept(&p->c, '(');
	do {
		*end = ARENA_NEW(p->arena, struct imap_notify_mailbox);
		(*end)->mailbox = imap_mailbox(p);
		end = &(*end)->next;
	} while (many && imap_next_item(p));
}

/* filter-mailboxes = "selected" / "selected-delayed" / "inboxes" /
 *                    "personal" / "subscribed" /
 *                    ( "subtree" SP one-or-more-mailbox ) /
 *                    ( "mailboxes" SP one-or-more-mailbox ) /
 *                    ( "subtree-one" SP one-or-more-mailbox ) */
void imap_filter_mailboxes(
	struct imap_parser *p, struct imap_notify_group *g, unsigned except)
{
	const unsigned named = IMAP_NOTIFY_SUBTREE | IMAP_NOTIFY_MAILBOXES |
			       IMAP_NOTIFY_SUBTREE_ONE;
	struct cursor before = p->c;
	str name = imap_atom(p, "a mailbox filter");

	g->filter = imap_name_bit(imap_notify_filter_names, name);
	if (cursor_ok(&p->c) && (!g->filter || g->filter & except)) {
		p->c = before;
		imap_expected(p, "a mailbox filter");
	}
	if (g->filter & named)
		mailboxes(p, g);
}

/* [SP "(" fetch-att *(SP fetch-att) ")"] */
static void fetch_atts(struct imap_parser *p, struct imap_notify_group *g)
{
	if (!cursor_accept_istr(&p->c, STR(" (")))
		return;
	if (!is_selected(g))
		imap_expected(p, "no FETCH items but of the selected mailbox");
	g->fetch = ARENA_NEW(p->arena, struct imap_fetch);
	imap_fetch_att_list(p, g->fetch);
}

/* event = message-event / mailbox-event / user-event / event-ext */
static void event(struct imap_parser *p, struct imap_notify_group *g)
{
	str name = imap_atom(p, "an event");
	unsigned bit = imap_name_bit(imap_notify_event_names, name);

	g->events |= bit ? bit : IMAP_NOTIFY_UNKNOWN;
	if (bit == IMAP_NOTIFY_NEW)
		fetch_atts(p, g);
}

/* Sections 5 and 6.1: which events go together, and with which filter. */
static void check(struct imap_parser *p, const struct imap_notify_group *g)
{
	unsigned both = IMAP_NOTIFY_NEW | IMAP_NOTIFY_EXPUNGE;
	unsigned others =
		g->events & ~(unsigned)(MESSAGE_EVENTS | IMAP_NOTIFY_UNKNOWN);

	if (is_selected(g) && others)
		imap_expected(p, "events of messages only, for SELECTED");
	if (g->events & MESSAGE_EVENTS && (g->events & both) != both)
		imap_expected(p, "MessageNew and MessageExpunge together");
}

/* event-group = "(" filter-mailboxes SP events ")"
 * events = ( "(" event *(SP event) ")" ) / "NONE" */
static void event_group(struct imap_parser *p, struct imap_notify_group *g)
{
	cursor_expect(&p->c, '(', "\"(\"");
	imap_filter_mailboxes(p, g, IMAP_NOTIFY_SUBTREE_ONE);
	imap_sp(p);
	if (cursor_accept(&p->c, '(')) {
		do
			event(p, g);
		while (imap_next_item(p));
	} else if (!cursor_accept_istr(&p->c, STR("NONE"))) {
		imap_expected(p, "events, or NONE");
	}
	check(p, g);
	cursor_expect(&p->c, ')', "\")\"");
}

/* event-groups = event-group *(SP event-group) */
static void event_groups(struct imap_parser *p, struct imap_notify *q)
{
	struct imap_notify_group **end = &q->groups;
	unsigned selected = 0;

	do {
		struct imap_notify_group *g =
			ARENA_NEW(p->arena, struct imap_notify_group);

		event_group(p, g);
		selected += is_selected(g);
		if (selected > 1)
			imap_expected(p, "one of SELECTED, SELECTED-DELAYED");
		*end = g;
		end = &g->next;
	} while (imap_ok(p) && imap_accept_sp(p));
}

/* notify = "NOTIFY" SP (notify-set / notify-none)
 * notify-set = "SET" [SP "STATUS"] SP event-groups
 * notify-none = "NONE" */
void imap_parse_notify(struct imap_parser *p, struct imap_command *cmd)
{
	struct imap_notify *q = &cmd->notify;
	struct cursor before;
	str word;

	imap_sp(p);
	before = p->c;
	word = imap_atom(p, "SET or NONE");
	if (str_ieq_c(word, "NONE"))
		return;
	q->set = str_ieq_c(word, "SET");
	if (cursor_ok(&p->c) && !q->set) {
		p->c = before;
		imap_expected(p, "SET or NONE");
	}
	q->status = cursor_accept_istr(&p->c, STR(" STATUS"));
	imap_sp(p);
	event_groups(p, q);
}
