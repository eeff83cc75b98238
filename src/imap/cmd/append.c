/* SPDX-License-Identifier: Apache-2.0 */
/*
 * APPEND: RFC 9051 section 6.3.12, MULTIAPPEND: RFC 3502, REPLACE: RFC 8508.
 * Each message streams into an upload, which the driver feeds; at the end all
 * of them become mail in one write, or none.
 */
#include "base/alloc.h"
#include "base/clock.h"
#include "imap/private.h"

#include <stdlib.h>

/* Messages of one command, if nothing else is said (RFC 9738). */
#define MESSAGES_MAX 4096
/* Of messages that wait for the last one, this much stays in memory. */
#define HELD_MAX ((uint64_t)1 << 20)

struct imap_append_run {
	struct append_item *items; /* the last one is coming */
	size_t count, room;
	uint64_t bytes;	  /* announced */
	uint64_t held;	  /* of earlier ones, in memory */
	uid_num replaced; /* REPLACE: this one goes */
};

/* Known before the message is sent. */
static enum err check_quota(struct imap *s, uint64_t bytes)
{
	struct account_record account;
	enum err e = mail_account_info(
		imap_mail(s), s->session.user.account, &account);

	if (!e && account.quota &&
		(bytes > account.quota ||
			account.bytes > account.quota - bytes))
		e = ERR_QUOTA;
	return e;
}

static void add_item(struct imap *s, const struct imap_append *q)
{
	struct imap_append_run *run = s->append;

	if (run->count == run->room) {
		run->room = run->room ? run->room * 2 : 1;
		run->items =
			xrealloc(run->items, run->room, sizeof *run->items);
	}
	run->items[run->count++] = (struct append_item){
		.upload = upload_new(imap_mail(s), s->session.user.account),
		.system_flags = q->flags.system,
		.keywords = q->flags.keywords,
		.keyword_count = q->flags.count,
		.internal_date = q->has_date ? q->date.seconds : clock_wall_s(),
		.zone = q->has_date ? q->date.zone : 0,
	};
	run->bytes += q->size;
}

/* Which message is to be replaced, and its size. ERR_INVALID: no message has
 * that number. */
static enum err find_replaced(
	struct imap *s, const struct imap_command *c, struct membership *m_r)
{
	struct uidset uids = UIDSET_EMPTY;
	const struct membership *m = NULL;
	struct view *v;
	enum err e;

	if (s->selected->read_only)
		return ERR_READONLY;
	e = imap_resolve_set(s, &c->append.replaced, c->uid, &uids);
	if (!e)
		e = imap_view(s, &v);
	if (!e) {
		m = view_find(v, uidset_min(&uids));
		if (m)
			*m_r = *m;
		else
			e = ERR_EXPUNGED;
		view_release(imap_mail(s), v);
	}
	uidset_fini(&uids);
	return e;
}

enum err imap_append_begin(
	struct imap *s, struct imap_command *c, const char **bad_r)
{
	const struct imap_mailbox *name = &c->append.mailbox;
	struct membership replaced = {0};
	struct mailbox_ref ref;
	enum err e = OK;

	*bad_r = imap_why_not_now(s, c);
	if (*bad_r)
		return ERR_INVALID;
	if (c->verb == IMAP_REPLACE)
		e = find_replaced(s, c, &replaced);
	if (e == ERR_INVALID)
		*bad_r = "No such message number";
	if (e)
		return e;

	/* RFC 3502 section 6.3.11: an error, which clients use to cancel. */
	if (c->append.size == 0)
		return ERR_UNSUPPORTED;
	/* No TRYCREATE for a name that cannot be. */
	if (name->err)
		return ERR_INVALID;
	e = mailbox_open(
		imap_mail(s), &s->session.user, name->name, RIGHT_INSERT, &ref);
	if (!e && c->append.size > replaced.size)
		e = check_quota(s, c->append.size - replaced.size);
	if (e)
		return e;
	s->append = xcalloc(1, sizeof *s->append);
	s->append->replaced = replaced.uid;
	add_item(s, &c->append);
	return OK;
}

/* The one before is whole; it need not stay in memory until the last is. */
static enum err put_aside(struct imap_append_run *run)
{
	struct upload *u = run->items[run->count - 1].upload;

	run->held += upload_held(u);
	if (run->held <= HELD_MAX)
		return OK;
	run->held = 0;
	for (size_t i = 0; i < run->count; i++)
		if (upload_put_aside(run->items[i].upload))
			return ERR_IO; /* remembered by the upload, too */
	return OK;
}

enum err imap_append_next(
	struct imap *s, const struct imap_append *q, uint32_t *limit_r)
{
	struct imap_append_run *run = s->append;
	uint32_t limit = imap_limit_append(s);
	enum err e;

	*limit_r = 0;
	if (q->size == 0)
		return ERR_UNSUPPORTED;
	if (limit == 0)
		limit = MESSAGES_MAX;
	if (run->count >= limit)
		*limit_r = limit;
	if (run->count >= limit || arena_spent(imap_arena(s)))
		return ERR_LIMIT;
	e = check_quota(s, run->bytes + q->size);
	if (!e)
		e = put_aside(run);
	if (!e)
		add_item(s, q);
	return e;
}

enum err imap_append_bytes(struct imap *s, str bytes)
{
	return upload_feed(
		s->append->items[s->append->count - 1].upload, bytes);
}

/* RFC 8508 section 4.3: APPENDUID comes before the EXPUNGE. */
static void tell_replaced(struct imap *s, const struct append_result *result,
	struct imap_reply *reply)
{
	buf_add_c(imap_out(s), "* OK ");
	imap_put_appenduid(imap_out(s), result->uidvalidity, &result->uids);
	buf_add_c(imap_out(s), "Replacement is there\r\n");
	reply->highest = s->condstore;
}

enum err imap_append_end(
	struct imap *s, struct imap_command *c, struct imap_reply *reply)
{
	const struct imap_append *q = &c->append;
	struct imap_append_run *run = s->append;
	struct append_result result = {0};
	enum err e;

	imap_progress_begin(s);
	if (run->replaced)
		e = append_replace(imap_mail(s), &s->session.user,
			&s->selected->ref, run->replaced, q->mailbox.name,
			run->items, &result);
	else
		e = append_commit(imap_mail(s), &s->session.user,
			q->mailbox.name, run->items, run->count, &result);
	if (!e) {
		imap_tell_normalized(s, &q->mailbox, &q->mailbox);
		if (run->replaced)
			tell_replaced(s, &result, reply);
		else
			imap_put_appenduid(
				&reply->code, result.uidvalidity, &result.uids);
	}
	if (!e)
		imap_note_added(s, result.mailbox, &result.uids);
	if (!e && run->replaced)
		uidset_add(&s->own_expunged, run->replaced);
	uidset_fini(&result.uids);
	return e;
}

void imap_append_abort(struct imap *s)
{
	struct imap_append_run *run = s->append;

	for (size_t i = 0; run && i < run->count; i++)
		upload_free(run->items[i].upload);
	if (run)
		free(run->items);
	free(run);
	s->append = NULL;
}

/* An APPEND or REPLACE that the framer took for a whole command has no message.
 */
enum err imap_append(
	struct imap *s, struct imap_command *c, struct imap_reply *reply)
{
	(void)s;
	(void)c;
	reply->bad = true;
	reply->text = "Expected a message";
	return ERR_INVALID;
}
