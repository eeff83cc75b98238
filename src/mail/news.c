/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/news.h"
#include "base/alloc.h"
#include "base/hash.h"
#include "mail/private.h"
#include "message/mailbox_name.h"

#include <stdlib.h>

void news_init(struct news *n)
{
	*n = (struct news){.lost = false};
	n->names_end = &n->names;
}

static void drop_names(struct news *n)
{
	struct news_name *name;

	while ((name = news_next_name(n)))
		free(name);
}

void news_fini(struct news *n)
{
	uidset_fini(&n->added);
	uidset_fini(&n->expunged);
	uidset_fini(&n->flags);
	drop_names(n);
}

bool news_is_empty(const struct news *n)
{
	return !n->names && !n->lost && uidset_is_empty(&n->added) &&
	       uidset_is_empty(&n->expunged) && uidset_is_empty(&n->flags);
}

struct news_name *news_next_name(struct news *n)
{
	struct news_name *name = n->names;

	if (!name)
		return NULL;
	n->names = name->next;
	n->name_count--;
	if (!n->names)
		n->names_end = &n->names;
	return name;
}

static void append_name(struct news *n, struct news_name *name)
{
	name->next = NULL;
	*n->names_end = name;
	n->names_end = &name->next;
	n->name_count++;
}

void news_move(struct news *to, struct news *from)
{
	struct news_name *name;

	uidset_or(&to->added, &from->added);
	uidset_or(&to->expunged, &from->expunged);
	uidset_or(&to->flags, &from->flags);
	to->lost |= from->lost;
	while ((name = news_next_name(from)))
		append_name(to, name);
	news_fini(from);
	news_init(from);
}

/* Nothing is lost half: who gets only some of it would believe to know all. */
static bool has_room(struct news *n)
{
	if (!n->lost && n->name_count < NEWS_NAMES_MAX)
		return true;
	n->lost = true;
	drop_names(n);
	return false;
}

static struct news_name *add_name(
	struct news *n, enum news_kind kind, str name, str old)
{
	struct news_name *added;

	if (!has_room(n))
		return NULL;
	added = xmalloc(sizeof *added + name.n + old.n);
	added->kind = kind;
	added->mailbox = 0;
	memcpy(added->bytes, name.p, name.n);
	if (old.n)
		memcpy(added->bytes + name.n, old.p, old.n);
	added->name = str_of(added->bytes, name.n);
	added->old =
		str_is_none(old) ? old : str_of(added->bytes + name.n, old.n);
	append_name(n, added);
	return added;
}

/* Watches: all that follow, with the lock. */

static struct news_watch **news_bucket(struct mail *mail, account_num account)
{
	return &mail->news[hash_u64(account) % WATCH_BUCKETS];
}

void news_watch_add(struct mail *mail, struct news_watch *watch)
{
	struct news_watch **bucket = news_bucket(mail, watch->account);

	news_init(&watch->news);
	pthread_mutex_lock(&mail->watch_lock);
	watch->prev = NULL;
	watch->next = *bucket;
	if (watch->next)
		watch->next->prev = watch;
	*bucket = watch;
	pthread_mutex_unlock(&mail->watch_lock);
}

void news_watch_remove(struct mail *mail, struct news_watch *watch)
{
	pthread_mutex_lock(&mail->watch_lock);
	if (watch->next)
		watch->next->prev = watch->prev;
	if (watch->prev)
		watch->prev->next = watch->next;
	else
		*news_bucket(mail, watch->account) = watch->next;
	pthread_mutex_unlock(&mail->watch_lock);
	news_fini(&watch->news);
}

void news_take(struct mail *mail, struct news_watch *watch, struct news *more)
{
	pthread_mutex_lock(&mail->watch_lock);
	news_move(more, &watch->news);
	pthread_mutex_unlock(&mail->watch_lock);
}

static bool is_wanted(const struct news_watch *w, account_num account,
	unsigned kinds, const struct news_watch *by)
{
	return w->account == account && w != by && w->kinds & kinds;
}

static void note_box(struct news *n, unsigned kinds, mailbox_num id)
{
	if (kinds & NEWS_ADDED)
		uidset_add(&n->added, id);
	if (kinds & NEWS_EXPUNGED)
		uidset_add(&n->expunged, id);
	if (kinds & NEWS_FLAGS)
		uidset_add(&n->flags, id);
}

void news_of_box(struct mail *mail, account_num account, mailbox_num id,
	unsigned kinds, const struct news_watch *by)
{
	struct news_watch *w = *news_bucket(mail, account);

	for (; w; w = w->next) {
		if (!is_wanted(w, account, kinds, by))
			continue;
		note_box(&w->news, kinds & w->kinds, id);
		w->changed(w);
	}
}

static void note_name(struct news *n, enum news_kind kind, str name, str old,
	size_t parents_from)
{
	for (size_t i = parents_from; i < name.n; i++)
		if (name.p[i] == MAILBOX_SEPARATOR)
			add_name(n, NEWS_NAME, str_take(name, i), str_none());
	add_name(n, kind, name, old);
}

void news_of_name(struct mail *mail, const struct mail_user *user,
	enum news_kind kind, str name, str old, size_t parents_from)
{
	struct news_watch *w;

	pthread_mutex_lock(&mail->watch_lock);
	for (w = *news_bucket(mail, user->account); w; w = w->next) {
		if (!is_wanted(w, user->account, kind, user->by))
			continue;
		note_name(&w->news, kind, name, old, parents_from);
		w->changed(w);
	}
	pthread_mutex_unlock(&mail->watch_lock);
}

/* id 0: of the account; account 0: of all. */
static void tell_annotation(struct news_watch *w, account_num account,
	mailbox_num id, str name, const struct news_watch *by)
{
	enum news_kind kind = id ? NEWS_ANNOTATION : NEWS_ACCOUNT_ANNOTATION;

	for (; w; w = w->next) {
		struct news_name *added;

		if (!is_wanted(w, account ? account : w->account, kind, by))
			continue;
		added = add_name(&w->news, kind, name, str_none());
		if (added)
			added->mailbox = id;
		w->changed(w);
	}
}

void news_of_annotation(
	struct mail *mail, const struct mailbox_ref *ref, str name)
{
	pthread_mutex_lock(&mail->watch_lock);
	tell_annotation(*news_bucket(mail, ref->account), ref->account, ref->id,
		name, ref->by);
	pthread_mutex_unlock(&mail->watch_lock);
}

void news_of_server(struct mail *mail, str name)
{
	pthread_mutex_lock(&mail->watch_lock);
	for (size_t i = 0; i < WATCH_BUCKETS; i++)
		tell_annotation(mail->news[i], 0, 0, name, NULL);
	pthread_mutex_unlock(&mail->watch_lock);
}
