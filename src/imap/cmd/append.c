/* SPDX-License-Identifier: Apache-2.0 */
/*
 * APPEND: RFC 9051 section 6.3.12, MULTIAPPEND: RFC 3502, REPLACE: RFC 8508,
 * CATENATE: RFC 4469. Each message streams into an upload, which the driver
 * feeds, or catenate.c; at the end all of them become mail in one write, or
 * none.
 *
 * APPENDs that come one after another without a pause share a write as well,
 * but not their fate: when it fails, each has one of its own.
 */
#include "base/alloc.h"
#include "base/clock.h"
#include "imap/private.h"
#include "wire/imap/parse.h"
#include "wire/imap/url.h"

#include <stdlib.h>

/* Messages of one command, if nothing else is said (RFC 9738). */
#define MESSAGES_MAX 4096
/* Of messages that wait for the last one, this much stays in memory. */
#define HELD_MAX ((uint64_t)2 << 20)

/* What URLs may add to one command: so many times what a message may be. A
 * short command must not keep the server busy for long. */
#define URLS_MAX 4
/* How progress with a URL is counted: in KiB. */
#define UNIT 1024

/* So many APPENDs share a write, or of so many bytes: the first one's answer
 * waits for the others, and their messages are in memory. */
#define TOGETHER_MAX 32
#define TOGETHER_BYTES ((uint64_t)1 << 20)

static const str WRAPPER = STR_LIT("UTF8 (");

struct imap_append_run {
	struct append_item *items; /* the last one is coming */
	size_t count, room;
	uint64_t size;	  /* of the last one, as far as it is known */
	uint64_t bytes;	  /* of all */
	uint64_t of_urls; /* of these, out of URLs */
	uint64_t held;	  /* of earlier ones, in memory */
	size_t aside;	  /* so many are not in memory any more */
	/* RFC 6855 section 4: 8-bit bytes are looked for in the headers; some
	 * were found; where the last message is. */
	bool only_7bit, has_8bit;
	bool in_header, in_line;
	/* tolerate_wrapped: bytes of the literal to come; of WRAPPER, those
	 * that it began with. */
	bool may_be_wrapped;
	uint64_t left;
	size_t wrapped;
	bool joins;	  /* it may share a write with others */
	uid_num replaced; /* REPLACE: this one goes */
	uint64_t freed;	  /* its size */
	uint64_t quota;	  /* what there is room for besides */
	/* Of one that waits: its command, and the APPEND behind it. */
	struct imap_command *command;
	struct imap_append_run *next;
};

/* So many bytes more of the last message: known before they are sent. */
static enum err expect_bytes(struct imap *s, uint64_t n)
{
	struct imap_append_run *run = s->append;

	if (n > s->limits.body || run->size > s->limits.body - n)
		return ERR_TOOBIG;
	run->size += n;
	run->bytes += n;
	return run->bytes > run->freed && run->bytes - run->freed > run->quota
		       ? ERR_QUOTA
		       : OK;
}

/* What the quota leaves as the command begins; its end looks again. */
static enum err find_quota(struct imap *s, uint64_t *left_r)
{
	struct account_record account;
	enum err e = mail_account_info(
		imap_mail(s), s->session.user.account, &account);

	if (e)
		return e;
	*left_r = UINT64_MAX;
	if (account.quota)
		*left_r = account.quota > account.bytes
				  ? account.quota - account.bytes
				  : 0;
	return OK;
}

static void add_item(struct imap *s, const struct imap_append_message *m)
{
	struct imap_append_run *run = s->append;

	if (run->count == run->room) {
		run->room = run->room ? run->room * 2 : 1;
		run->items =
			xrealloc(run->items, run->room, sizeof *run->items);
	}
	run->items[run->count++] = (struct append_item){
		.upload = upload_new(imap_mail(s), s->session.user.account),
		.system_flags = m->flags.system,
		.keywords = m->flags.keywords,
		.keyword_count = m->flags.count,
		.internal_date = m->has_date ? m->date.seconds : clock_wall_s(),
		.zone = m->has_date ? m->date.zone : 0,
	};
	run->size = 0;
	run->in_header = true;
	run->in_line = false;
	run->may_be_wrapped = false;
}

static struct upload *last_upload(const struct imap_append_run *run)
{
	return run->items[run->count - 1].upload;
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

/* The one before is whole; it need not stay in memory until the last is. */
static enum err put_aside(struct imap_append_run *run)
{
	size_t count = run->count - run->aside;
	struct upload **uploads;
	enum err e;

	upload_seal(last_upload(run));
	run->held += upload_held(last_upload(run));
	if (run->held <= HELD_MAX)
		return OK;
	uploads = xcalloc(count, sizeof(struct upload *));
	for (size_t i = 0; i < count; i++)
		uploads[i] = run->items[run->aside + i].upload;
	e = upload_put_aside(uploads, count);
	free(uploads);
	run->aside = run->count;
	run->held = 0;
	return e ? ERR_IO : OK; /* remembered by the upload, too */
}

/* RFC 3502 section 6.3.11: an error, which clients use to cancel. */
static enum err check_not_empty(const struct imap_append_run *run)
{
	return run->size ? OK : ERR_UNSUPPORTED;
}

/* Another message of the same command. */
static enum err next_message(struct imap *s,
	const struct imap_append_message *m, struct imap_reply *reply)
{
	struct imap_append_run *run = s->append;
	uint32_t limit = imap_limit_append(s);
	enum err e;

	if (limit == 0)
		limit = MESSAGES_MAX;
	if (run->count >= limit) {
		reply->no = true;
		reply->text = "Too many messages";
		buf_addf(&reply->code, "[MESSAGELIMIT %u] ", limit);
	}
	if (run->count >= limit || arena_spent(imap_arena(s)))
		return ERR_LIMIT;
	e = check_not_empty(run);
	if (!e)
		e = put_aside(run);
	if (!e)
		add_item(s, m);
	return e;
}

/* RFC 4469 section 4.1. */
static void say_bad_url(struct imap_reply *reply, str url)
{
	reply->no = true;
	reply->text = "That URL names nothing here";
	buf_add_c(&reply->code, "[BADURL ");
	imap_url_put_quoted(&reply->code, url);
	buf_add_c(&reply->code, "] ");
}

static enum err copy_part(
	struct imap *s, struct imap_part *part, uint64_t length)
{
	struct buf piece = BUF_UNBOUNDED;
	uint64_t done = 0;
	enum err e = OK;

	while (!e && !imap_part_is_done(part)) {
		buf_reset(&piece);
		e = imap_part_read(s, part, &piece);
		/* An error of the upload is told at the end. */
		if (!e && imap_append_bytes(s, buf_str(&piece)))
			break;
		done += piece.n;
		imap_tell_progress(
			s, (uint32_t)(done / UNIT), (uint32_t)(length / UNIT));
	}
	buf_fini(&piece);
	return e;
}

static enum err add_url(struct imap *s, str url, struct imap_reply *reply)
{
	struct imap_append_run *run = s->append;
	uint64_t length = 0, most = s->limits.body * URLS_MAX;
	struct imap_part *part;
	enum err e = imap_part_open(s, url, &part, &length);

	if (!e)
		e = expect_bytes(s, length);
	if (!e && length > most - run->of_urls)
		e = ERR_LIMIT;
	if (!e) {
		run->of_urls += length;
		e = copy_part(s, part, length);
	}
	imap_part_close(part);
	if (e == ERR_NOTFOUND)
		say_bad_url(reply, url);
	return e;
}

/* URLs are read as they come: a client that waits before a literal need not
 * send it for nothing. */
static enum err add_message(struct imap *s, const struct imap_append *q,
	const struct imap_append_message *m, struct imap_reply *reply)
{
	struct arena *arena = imap_arena(s);
	enum err e = OK;

	for (const struct imap_append_url *u = m->urls; !e && u; u = u->next) {
		struct arena_mark mark = arena_mark(arena);

		e = add_url(s, u->url, reply);
		arena_rewind(arena, mark);
	}
	if (e || m->next || !q->has_literal)
		return e;
	if (!m->catenate && q->size == 0)
		return ERR_UNSUPPORTED;
	s->append->may_be_wrapped = s->accept && !q->binary && !m->catenate &&
				    q->size > WRAPPER.n + 1;
	s->append->left = q->size;
	s->append->wrapped = 0;
	return expect_bytes(s, q->size);
}

static enum err add_messages(
	struct imap *s, const struct imap_append *q, struct imap_reply *reply)
{
	enum err e = OK;

	for (const struct imap_append_message *m = q->messages; !e && m;
		m = m->next) {
		if (s->append->count == 0)
			add_item(s, m);
		else if (!m->continues)
			e = next_message(s, m, reply);
		if (!e)
			e = add_message(s, q, m, reply);
	}
	return e;
}

/* "If an IMAP server supports "UTF8=ACCEPT" and the IMAP client has not issued
 * the "ENABLE UTF8=ACCEPT" command, the server MUST reject [...] any 8-bit
 * character in message header fields." Only if the administrator wants it:
 * docs/differences.md. */
static bool is_7bit_only(struct imap *s)
{
	return !s->utf8 &&
	       session_service_limits(s->session.service).append_7bit;
}

/* Of the message's own header, which ends with an empty line. */
static void look_for_8bit(struct imap_append_run *run, str bytes)
{
	for (size_t i = 0; i < bytes.n && run->in_header; i++) {
		char c = bytes.p[i];

		run->has_8bit = run->has_8bit || c & '\x80';
		if (c == '\n' && !run->in_line)
			run->in_header = false;
		else if (c != '\r')
			run->in_line = c != '\n';
	}
}

enum err imap_append_begin(
	struct imap *s, struct imap_command *c, struct imap_reply *reply)
{
	const struct imap_mailbox *name = &c->append.mailbox;
	struct membership replaced = {0};
	struct mailbox_ref ref;
	uint64_t quota = 0;
	enum err e = OK;

	if (c->verb == IMAP_REPLACE)
		e = find_replaced(s, c, &replaced);
	if (e == ERR_INVALID) {
		reply->bad = true;
		reply->text = "No such message number";
	}
	/* No TRYCREATE for a name that cannot be. */
	if (!e && name->err)
		e = ERR_INVALID;
	if (!e)
		e = mailbox_open(imap_mail(s), &s->session.user, name->name,
			RIGHT_INSERT, &ref);
	if (!e)
		e = find_quota(s, &quota);
	if (e)
		return e;
	s->append = xcalloc(1, sizeof *s->append);
	s->append->quota = quota;
	s->append->replaced = replaced.uid;
	s->append->freed = replaced.size;
	s->append->only_7bit = is_7bit_only(s);
	s->append->joins = imap_append_may_join(s, c);
	imap_progress_begin(s);
	return add_messages(s, &c->append, reply);
}

/* Where only parts of a message came, nothing of the text is needed later, so
 * that there may be any number of them. */
enum err imap_append_next(struct imap *s, struct imap_command *c, str text,
	struct imap_reply *reply)
{
	struct arena *arena = imap_arena(s);
	struct arena_mark mark = arena_mark(arena);
	struct imap_append *q = &c->append;
	bool only_parts;
	enum err e = imap_parse_append_next(
		arena, arena_str(arena, text), imap_dialect(s), c);

	if (e) {
		reply->bad = e != ERR_LIMIT;
		reply->text = "Expected a part, flags, a date, another "
			      "message, or the end";
		return e;
	}
	e = add_messages(s, q, reply);
	only_parts =
		!q->messages || (q->messages->continues && !q->messages->next);
	q->messages = NULL;
	if (only_parts)
		arena_rewind(arena, mark);
	return e;
}

/* A literal that holds the data item UTF8 itself, "UTF8 (", the message, ")".
 * For Python's imaplib, which writes so after enable("UTF8=ACCEPT"); no header
 * begins like that. Gives what is to be kept of the literal's next bytes, after
 * `before`. */
static str tolerate_wrapped(
	struct imap_append_run *run, str bytes, str *before_r)
{
	run->left -= bytes.n;
	*before_r = STR("");
	while (run->wrapped < WRAPPER.n && bytes.n &&
		*bytes.p == WRAPPER.p[run->wrapped]) {
		run->wrapped++;
		bytes = str_skip(bytes, 1);
	}
	if (run->wrapped == WRAPPER.n)
		return run->left || !str_ends(bytes, STR(")"))
			       ? bytes
			       : str_take(bytes, bytes.n - 1);
	if (bytes.n) {
		run->may_be_wrapped = false;
		*before_r = str_take(WRAPPER, run->wrapped);
	}
	return bytes;
}

enum err imap_append_bytes(struct imap *s, str bytes)
{
	struct imap_append_run *run = s->append;
	str before = STR("");
	enum err e;

	if (run->only_7bit)
		look_for_8bit(run, bytes);
	if (run->may_be_wrapped)
		bytes = tolerate_wrapped(run, bytes, &before);
	e = before.n ? upload_feed(last_upload(run), before) : OK;
	return e ? e : upload_feed(last_upload(run), bytes);
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

/* The messages are there. */
static void note_appended(struct imap *s, const struct append_result *result)
{
	imap_note_added(s, result->mailbox, &result->uids);
	if (result->recent_to)
		imap_note_recent(s, result->recent_from, result->recent_to);
}

static void tell_appended(struct imap *s, const struct imap_append *q,
	uint32_t uidvalidity, const struct uidset *uids,
	struct imap_reply *reply)
{
	imap_tell_normalized(s, &q->mailbox, &q->mailbox);
	imap_put_appenduid(&reply->code, uidvalidity, uids);
}

enum err imap_append_end(
	struct imap *s, struct imap_command *c, struct imap_reply *reply)
{
	const struct imap_append *q = &c->append;
	struct imap_append_run *run = s->append;
	struct append_result result = {0};
	enum err e = check_not_empty(run);

	if (run->has_8bit) {
		reply->no = true;
		reply->text = "8-bit header fields need ENABLE UTF8=ACCEPT";
		buf_add_c(&reply->code, "[CANNOT] ");
		e = ERR_UNSUPPORTED;
	}
	if (e)
		return e;
	imap_progress_begin(s);
	if (run->replaced)
		e = append_replace(imap_mail(s), &s->session.user,
			&s->selected->ref, run->replaced, q->mailbox.name,
			run->items, &result);
	else
		e = append_and_claim(imap_mail(s), &s->session.user,
			q->mailbox.name, run->items, run->count,
			imap_claims_recent(s) ? s->selected->ref.id : 0,
			&result);
	if (!e && run->replaced) {
		imap_tell_normalized(s, &q->mailbox, &q->mailbox);
		tell_replaced(s, &result, reply);
		uidset_add(&s->own_expunged, run->replaced);
	} else if (!e) {
		tell_appended(s, q, result.uidvalidity, &result.uids, reply);
	}
	if (!e)
		note_appended(s, &result);
	uidset_fini(&result.uids);
	return e;
}

static void run_free(struct imap_append_run *run)
{
	for (size_t i = 0; run && i < run->count; i++)
		upload_free(run->items[i].upload);
	if (run)
		free(run->items);
	free(run);
}

void imap_append_abort(struct imap *s)
{
	run_free(s->append);
	s->append = NULL;
}

/* Several in one write. */

/* One message into the mailbox of those that wait, without a look at other
 * messages, which may be among them. */
bool imap_append_may_join(const struct imap *s, const struct imap_command *c)
{
	const struct imap_append *q = &c->append;

	if (c->verb != IMAP_APPEND || q->sync || q->messages->next ||
		q->messages->catenate)
		return false;
	return !s->waiting || str_eq(q->mailbox.name,
				      s->waiting->command->append.mailbox.name);
}

bool imap_append_wait(struct imap *s, struct imap_command *c)
{
	struct imap_append_run **at = &s->waiting, *run = s->append;
	uint64_t bytes = run->bytes;
	size_t count = 1;

	if (!run->joins || run->count > 1 || check_not_empty(run) ||
		run->has_8bit)
		return false;
	for (; *at; at = &(*at)->next, count++)
		bytes += (*at)->bytes;
	*at = run;
	run->command = c;
	s->append = NULL;
	s->doing = IMAP_DOING_NOTHING;
	if (count == TOGETHER_MAX || bytes >= TOGETHER_BYTES ||
		imap_arena(s)->used >= imap_arena(s)->budget / 4)
		imap_append_settle(s);
	return true;
}

/* All of them, or none: then it may be for the sake of one. */
static enum err commit_together(struct imap *s, struct append_result *result)
{
	struct append_item items[TOGETHER_MAX];
	size_t count = 0;
	enum err e;

	for (struct imap_append_run *run = s->waiting; run; run = run->next)
		items[count++] = run->items[0];
	s->command = s->waiting->command;
	imap_progress_begin(s);
	e = append_and_claim(imap_mail(s), &s->session.user,
		s->command->append.mailbox.name, items, count,
		imap_claims_recent(s) ? s->selected->ref.id : 0, result);
	if (!e)
		note_appended(s, result);
	return e;
}

/* The first that waits is answered; uid: what it became, or 0: nothing yet. */
static void settle_first(struct imap *s, uint32_t uidvalidity, uid_num uid)
{
	struct imap_append_run *run = s->waiting;
	struct imap_command *c = run->command;
	struct imap_reply reply = {.code = BUF_UNBOUNDED};
	struct uidset uids = UIDSET_EMPTY;
	enum err e = OK;

	s->waiting = run->next;
	s->append = run;
	s->command = c;
	if (uid) {
		uidset_add(&uids, uid);
		tell_appended(s, &c->append, uidvalidity, &uids, &reply);
		uidset_fini(&uids);
	} else {
		e = imap_append_end(s, c, &reply);
	}
	imap_append_abort(s);
	imap_complete(s, c, e, &reply);
}

/* Amid the command that comes, perhaps, which then goes on. */
void imap_append_settle(struct imap *s)
{
	struct imap_append_run *append = s->append;
	struct imap_command *command = s->command;
	enum imap_doing doing = s->doing;
	struct append_result result = {0};
	bool together;

	if (!s->waiting)
		return;
	session_take_time();
	together = s->waiting->next && commit_together(s, &result) == OK;
	for (uint32_t i = 1; s->waiting; i++)
		settle_first(s, result.uidvalidity,
			together ? uidset_select(&result.uids, i) : 0);
	uidset_fini(&result.uids);
	s->append = append;
	s->command = command;
	s->doing = doing;
}

void imap_append_forget(struct imap *s)
{
	while (s->waiting) {
		struct imap_append_run *run = s->waiting;

		s->waiting = run->next;
		run_free(run);
	}
	imap_append_abort(s);
}

/* An APPEND or REPLACE that the framer took for a whole command has no literal,
 * only URLs. */
enum err imap_append(
	struct imap *s, struct imap_command *c, struct imap_reply *reply)
{
	enum err e;

	if (c->append.has_literal) {
		reply->bad = true;
		reply->text = "Expected a message";
		return ERR_INVALID;
	}
	e = imap_append_begin(s, c, reply);
	if (!e)
		e = imap_append_end(s, c, reply);
	imap_append_abort(s);
	return e;
}
