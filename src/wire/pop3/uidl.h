/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uidl: the format of unique-ids (RFC 1939 section 7, UIDL), as Dovecot's
 * pop3_uidl_format has it, so that people who move in keep theirs:
 *
 *	%u	the message's UID
 *	%v	the mailbox's UIDVALIDITY
 *	%%	a percent sign
 *
 * with, between the percent sign and the letter, "0" and a least width (%08u),
 * and "X" for hexadecimal in small letters (%08Xu). A unique-id has 1 to 70
 * characters of 0x21 to 0x7E.
 */
#ifndef WIRE_POP3_UIDL_H
#define WIRE_POP3_UIDL_H

#include "base/buf.h"
#include "base/uidset.h"

#define POP3_UIDL_MAX 70
/* Dovecot's default. */
#define POP3_UIDL_FORMAT "%08Xu%08Xv"

/* ERR_INVALID, and why in words: not a format, two messages could have the
 * same, or it could become too long. */
MUST enum err pop3_uidl_check(str format, const char **why_r);
/* Appends. The format was checked. */
void pop3_uidl_add(struct buf *, str format, uint32_t uidvalidity, uid_num uid);

#endif
