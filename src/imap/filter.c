/* SPDX-License-Identifier: Apache-2.0 */
/* Which mailboxes a client means: RFC 5465 section 6, RFC 7377 section 2.2. */
#include "imap/private.h"
#include "message/mailbox_name.h"

#include <stdlib.h>

static int compare_names(const void *a, const void *b)
{
	const struct imap_filter_name *x = a, *y = b;

	return str_cmp(x->name, y->name);
}

static unsigned find(const struct imap_filter_names *names, str name)
{
	struct imap_filter_name wanted = {.name = name};
	const struct imap_filter_name *found = NULL;

	if (names->count)
		found = bsearch(&wanted, names->all, names->count,
			sizeof wanted, compare_names);
	return found ? found->events : 0;
}

unsigned imap_filter_events(
	const struct imap_filter *f, str name, bool subscribed)
{
	unsigned events = f->personal | (subscribed ? f->subscribed : 0) |
			  find(&f->names, name) | find(&f->twigs, name) |
			  find(&f->twigs, mailbox_name_parent(name));

	for (; name.n; name = mailbox_name_parent(name))
		events |= find(&f->trees, name);
	return events & IMAP_FILTER_NEVER ? 0 : events;
}

/* Each name once, with the events of all its mentions. */
static size_t merge(struct imap_filter_name *all, size_t count)
{
	size_t n = 0;

	if (count)
		qsort(all, count, sizeof *all, compare_names);
	for (size_t i = 0; i < count; i++) {
		if (n && str_eq(all[n - 1].name, all[i].name))
			all[n - 1].events |= all[i].events;
		else
			all[n++] = all[i];
	}
	return n;
}

/* All the names that a kind of filter has. A name that cannot be is of no
 * mailbox. */
static struct imap_filter_names collect(struct arena *arena,
	const struct imap_notify_group *groups, enum imap_notify_filter filter,
	unsigned none)
{
	const struct imap_notify_group *g;
	const struct imap_notify_mailbox *m;
	struct imap_filter_name *all;
	size_t n = 0;

	for (g = groups; g; g = g->next)
		for (m = g->mailboxes; m && g->filter == filter; m = m->next)
			n++;
	all = ARENA_ARRAY(arena, struct imap_filter_name, n);
	n = 0;
	for (g = groups; g; g = g->next)
		for (m = g->mailboxes; m && g->filter == filter; m = m->next)
			if (!m->mailbox.err)
				all[n++] = (struct imap_filter_name){
					arena_str(arena, m->mailbox.name),
					g->events ? g->events : none};
	return (struct imap_filter_names){all, merge(all, n)};
}

void imap_filter_make(struct imap_filter *f, struct arena *arena,
	const struct imap_notify_group *groups, unsigned none)
{
	*f = (struct imap_filter){.personal = 0};
	for (const struct imap_notify_group *g = groups; g; g = g->next) {
		unsigned events = g->events ? g->events : none;

		if (g->filter == IMAP_NOTIFY_PERSONAL ||
			g->filter == IMAP_NOTIFY_INBOXES)
			f->personal |= events;
		if (g->filter == IMAP_NOTIFY_SUBSCRIBED)
			f->subscribed |= events;
	}
	f->trees = collect(arena, groups, IMAP_NOTIFY_SUBTREE, none);
	f->twigs = collect(arena, groups, IMAP_NOTIFY_SUBTREE_ONE, none);
	f->names = collect(arena, groups, IMAP_NOTIFY_MAILBOXES, none);
}
