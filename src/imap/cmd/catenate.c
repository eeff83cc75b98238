/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CATENATE: RFC 4469, and URL-PARTIAL: RFC 5550 section 5.7.1: what a URL
 * names. append.c has the command. A URL names messages of this session only:
 * "/mailbox/;UID=20/;SECTION=1.2", or, while a mailbox is selected, ";UID=20";
 * it does not set \Seen.
 */
#include "base/log.h"
#include "imap/private.h"
#include "imap/source.h"
#include "store/store.h"
#include "wire/imap/url.h"

struct imap_part {
	struct section_source source;
	struct imap_url url; /* the source's section is in it */
};

/* Section 3: what has a server would take another extension; what is relative
 * has the selected mailbox for its base. */
static enum err open_mailbox(
	struct imap *s, const struct imap_url *url, struct mailbox_ref *ref_r)
{
	enum err e = OK;

	if (url->form == IMAP_URL_RELATIVE && s->selected)
		*ref_r = s->selected->ref;
	else if (url->form == IMAP_URL_PATH)
		e = mailbox_open(imap_mail(s), &s->session.user, url->mailbox,
			RIGHT_READ, ref_r);
	else
		e = ERR_NOTFOUND;
	if (!e && url->uidvalidity && url->uidvalidity != ref_r->uidvalidity)
		e = ERR_NOTFOUND;
	return e;
}

/* As the mailbox is now, whatever this session was told. */
static enum err find_message(struct imap *s, const struct imap_url *url,
	account_num *account_r, message_num *message_r)
{
	const struct membership *m;
	struct mailbox_ref ref;
	struct view *v;
	enum err e;

	if (!url->uid)
		return ERR_NOTFOUND;
	e = open_mailbox(s, url, &ref);
	if (!e)
		e = view_acquire(imap_mail(s), &ref, &v);
	if (e)
		return e;
	m = view_find(v, url->uid);
	if (m) {
		*account_r = ref.account;
		*message_r = m->message;
	}
	view_release(imap_mail(s), v);
	return m ? OK : ERR_NOTFOUND;
}

static enum err open_section(struct store_txn *txn, account_num account,
	message_num message, struct imap_part *part, uint64_t *length_r)
{
	struct buf bytes = BUF_UNBOUNDED;
	struct digest digest;
	enum err e = message_get_digest(txn, account, message, &bytes);

	if (!e)
		e = digest_decode(buf_str(&bytes), &digest);
	if (!e)
		e = source_open(&part->source, txn, account, message, NULL,
			NULL, &digest, &part->url.section, length_r);
	buf_fini(&bytes);
	return e;
}

/* What can be said of a URL without telling more than that it is no good. */
static enum err meaning(enum err e)
{
	switch (e) {
	case ERR_INVALID:
	case ERR_TOOBIG:
	case ERR_UNSUPPORTED:
	case ERR_DENIED:
	case ERR_EXPUNGED:
		return ERR_NOTFOUND;
	default:
		return e;
	}
}

enum err imap_part_open(
	struct imap *s, str text, struct imap_part **part_r, uint64_t *length_r)
{
	struct imap_part *part = ARENA_NEW(imap_arena(s), struct imap_part);
	account_num account;
	message_num message;
	struct store_txn *txn;
	enum err e = imap_url_parse(imap_arena(s), text, &part->url);

	if (!e)
		e = find_message(s, &part->url, &account, &message);
	if (!e) {
		txn = store_begin_read(mail_store(imap_mail(s)));
		e = open_section(txn, account, message, part, length_r);
		store_end_read(txn);
	}
	*part_r = part;
	return meaning(e);
}

enum err imap_part_read(
	struct imap *s, struct imap_part *part, struct buf *piece)
{
	struct store_txn *txn = store_begin_read(mail_store(imap_mail(s)));
	enum err e = source_read(&part->source, txn, piece);

	store_end_read(txn);
	if (e == ERR_CORRUPT)
		log_error("imap", "message cannot be read", LOG_ERR(e),
			LOG_C("account", s->session.account),
			LOG_U64("message", part->source.reader.message));
	return meaning(e);
}

bool imap_part_is_done(const struct imap_part *part)
{
	return source_is_done(&part->source);
}

void imap_part_close(struct imap_part *part)
{
	source_close(&part->source);
}
