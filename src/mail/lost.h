/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lost: whose changes they were that a damaged log lost (store_read_lost), as
 * far as their keys can still be read. What is told may have been written again
 * since, and not all that was lost need be told.
 */
#ifndef MAIL_LOST_H
#define MAIL_LOST_H

#include "mail/mail.h"

struct lost_place {
	account_num account;
	mailbox_num mailbox; /* 0: not known, or the account's own */
	uid_num first, last; /* among these UIDs; last 0: not known */
};

/* mailbox: its name, or its number in words; empty for mailbox 0. */
typedef void lost_fn(void *arg, const struct lost_place *, str mailbox);

/* Each once, and how many bytes were lost. ERR_NOTFOUND: nothing was. */
MUST enum err lost_read(
	struct mail *, lost_fn *fn, void *arg, uint64_t *bytes_r);

#endif
