/* SPDX-License-Identifier: Apache-2.0 */
/*
 * objectid: names that never change and never mean something else (RFC 8474):
 * "F5-12" of a mailbox, "M5-7031" of a message's content, which all its copies
 * in the account share; the first number is the account's.
 */
#ifndef MAIL_OBJECTID_H
#define MAIL_OBJECTID_H

#include "mail/layout.h"

void objectid_put_mailbox(struct buf *, account_num, mailbox_num);
void objectid_put_email(struct buf *, account_num, message_num);
/* 0: not the name of an email of this account. */
message_num objectid_read_email(str, account_num);

#endif
