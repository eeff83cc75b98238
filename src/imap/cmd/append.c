/* SPDX-License-Identifier: Apache-2.0 */
/* APPEND: RFC 9051 section 6.3.12. The message streams into an upload; the
 * driver feeds it. */
#include "base/clock.h"
#include "imap/private.h"

/* Checks what can be known before the message is sent. */
enum err imap_append_begin(struct imap *s, struct imap_command *c)
{
	const struct imap_mailbox *name = &c->append.mailbox;
	struct account_record account;
	struct mailbox_ref ref;
	enum err e;

	/* RFC 3502 section 6.3.11: an error, which clients use to cancel. */
	if (c->append.size == 0)
		return ERR_UNSUPPORTED;
	/* No TRYCREATE for a name that cannot be. */
	if (name->err)
		return ERR_INVALID;
	e = mailbox_open(
		imap_mail(s), &s->session.user, name->name, RIGHT_INSERT, &ref);
	if (!e)
		e = mail_account_info(
			imap_mail(s), s->session.user.account, &account);
	if (!e && account.quota &&
		(c->append.size > account.quota ||
			account.bytes > account.quota - c->append.size))
		e = ERR_QUOTA;
	if (!e)
		s->upload = upload_new(imap_mail(s), s->session.user.account);
	return e;
}

enum err imap_append_bytes(struct imap *s, str bytes)
{
	return upload_feed(s->upload, bytes);
}

enum err imap_append_end(
	struct imap *s, struct imap_command *c, struct imap_reply *reply)
{
	const struct imap_append *q = &c->append;
	struct append_result result = {0};
	struct append_item item = {
		.upload = s->upload,
		.system_flags = q->flags.system,
		.keywords = q->flags.keywords,
		.keyword_count = q->flags.count,
		.internal_date = q->has_date ? q->date.seconds : clock_wall_s(),
		.zone = q->has_date ? q->date.zone : 0,
	};
	enum err e = append_commit(imap_mail(s), &s->session.user,
		q->mailbox.name, &item, 1, &result);

	if (!e) {
		imap_tell_normalized(s, &q->mailbox, &q->mailbox);
		imap_put_appenduid(
			&reply->code, result.uidvalidity, &result.uids);
	}
	uidset_fini(&result.uids);
	return e;
}

void imap_append_abort(struct imap *s)
{
	upload_free(s->upload);
	s->upload = NULL;
}

/* An APPEND that the framer took for a whole command has no message. */
enum err imap_append(
	struct imap *s, struct imap_command *c, struct imap_reply *reply)
{
	(void)s;
	(void)c;
	reply->bad = true;
	reply->text = "Expected a message";
	return ERR_INVALID;
}
