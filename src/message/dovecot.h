/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dovecot: the files that Dovecot keeps in a Maildir, so that UIDs, keywords
 * and subscriptions move in with the mail. The texts are whole files. No I/O.
 */
#ifndef MESSAGE_DOVECOT_H
#define MESSAGE_DOVECOT_H

#include "base/arena.h"
#include "base/uidset.h"
#include "message/maildir.h"

/*
 * dovecot-uidlist, a header line and then one line per message:
 *
 *	3 V1275660208 N25022 G3085f01b7f11094c501100008c4a11c1
 *	25006 W1394 G5c0f… :1276528487.M364837P9451.host,S=1355:2,
 *
 * where P is a POP3 unique-id; or, version 1, "1 1275660208 25022" and "25006
 * 1276528487.M36…".
 */
struct dovecot_uidlist {
	uint32_t uid_validity;
	uid_num uid_next; /* more than every UID in the list */
	str guid;	  /* of the mailbox; empty when not said */
	size_t skipped;	  /* lines that made no sense, so far */
	int version;
	uid_num last;
	str text, rest;
};

struct dovecot_uid {
	uid_num uid;
	str unique; /* as in struct maildir_name */
	str guid;   /* of the message; empty when not said */
	str uidl;   /* its POP3 unique-id, if it is not made of the UID; else
		       empty */
};

/* ERR_INVALID when the first line is no header, ERR_VERSION when it is one of
 * another version. */
MUST enum err dovecot_uidlist_begin(struct dovecot_uidlist *list_r, str text);
/* Entries in the order of the file, where UIDs ascend; a line whose UID does
 * not, or that makes no sense otherwise, is skipped, and so is a last line
 * without an end (it is being written). False at the end. */
bool dovecot_uidlist_next(
	struct dovecot_uidlist *, struct dovecot_uid *entry_r);

/* dovecot-keywords, lines "0 $Forwarded": names by letter, a first; "" for
 * letters without one. Names are into the text. */
void dovecot_keywords_parse(str text, str names_r[MAILDIR_KEYWORDS]);

/* subscriptions: one name per line, with `separator` ("." in Maildir++)
 * between components; in version 2 (a first line "V\t2") with tabs. Courier's
 * file, with "INBOX." before each name, is the same. */
struct dovecot_subscriptions {
	char separator;
	bool has_tabs;
	str rest;
};

void dovecot_subscriptions_begin(struct dovecot_subscriptions *subscriptions_r,
	str text, char separator);
/* The next name, canonical; what cannot be a name is skipped. False at the
 * end. */
bool dovecot_subscriptions_next(
	struct dovecot_subscriptions *, struct arena *, str *mailbox_r);

#endif
