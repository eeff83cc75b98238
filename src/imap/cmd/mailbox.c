/* SPDX-License-Identifier: Apache-2.0 */
/* CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE, STATUS: RFC 9051 sections
 * 6.3.4 to 6.3.8 and 6.3.11. */
#include "imap/private.h"
#include "mail/objectid.h"
#include "message/mailbox_name.h"

/* wire's bits are in the order of mail's (RFC 6154). */
_Static_assert((int)IMAP_USE_ALL == (int)USE_ALL &&
		       (int)IMAP_USE_ARCHIVE == (int)USE_ARCHIVE &&
		       (int)IMAP_USE_DRAFTS == (int)USE_DRAFTS &&
		       (int)IMAP_USE_FLAGGED == (int)USE_FLAGGED &&
		       (int)IMAP_USE_JUNK == (int)USE_JUNK &&
		       (int)IMAP_USE_SENT == (int)USE_SENT &&
		       (int)IMAP_USE_TRASH == (int)USE_TRASH,
	"special uses are the same bits");

enum err imap_create(
	struct imap *s, struct imap_command *c, struct imap_reply *reply)
{
	const struct imap_create *q = &c->create;
	struct mailbox_ref ref;
	enum err e;

	if (q->mailbox.err)
		return q->mailbox.err;
	if (q->use & IMAP_USE_UNKNOWN)
		return ERR_CONFLICT;
	e = mailbox_create(imap_mail(s), &s->session.user, q->mailbox.name,
		q->use, 0, &ref);
	if (e)
		return e;
	imap_tell_normalized(s, &q->mailbox, &q->mailbox);
	buf_add_c(&reply->code, "[MAILBOXID (");
	objectid_put_mailbox(&reply->code, ref.account, ref.id);
	buf_add_c(&reply->code, ")] ");
	return OK;
}

enum err imap_delete(
	struct imap *s, struct imap_command *c, struct imap_reply *reply)
{
	const struct imap_mailbox *name = &c->select.mailbox;
	enum err e;

	(void)reply;
	if (name->err)
		return ERR_NOTFOUND;
	e = mailbox_delete(imap_mail(s), &s->session.user, name->name);
	if (!e)
		imap_tell_normalized(s, name, name);
	return e;
}

enum err imap_rename(
	struct imap *s, struct imap_command *c, struct imap_reply *reply)
{
	const struct imap_rename *q = &c->rename;
	enum err e;

	(void)reply;
	if (q->from.err)
		return ERR_NOTFOUND;
	if (q->to.err)
		return q->to.err;
	e = mailbox_rename(
		imap_mail(s), &s->session.user, q->from.name, q->to.name);
	if (!e)
		imap_tell_normalized(s, &q->from, &q->to);
	return e;
}

enum err imap_subscribe(
	struct imap *s, struct imap_command *c, struct imap_reply *reply)
{
	const struct imap_mailbox *name = &c->select.mailbox;

	(void)reply;
	if (name->err)
		return name->err;
	return mailbox_subscribe(imap_mail(s), &s->session.user, name->name,
		c->verb == IMAP_SUBSCRIBE);
}
