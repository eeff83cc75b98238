/* SPDX-License-Identifier: Apache-2.0 */
/* parse: the arguments of single commands, for the table only. */
#ifndef WIRE_LMTP_PARSE_H
#define WIRE_LMTP_PARSE_H

#include "wire/lmtp/parser.h"

void lmtp_parse_lhlo(struct lmtp_parser *, struct lmtp_command *);
void lmtp_parse_mail(struct lmtp_parser *, struct lmtp_command *);
void lmtp_parse_rcpt(struct lmtp_parser *, struct lmtp_command *);
void lmtp_parse_bdat(struct lmtp_parser *, struct lmtp_command *);
void lmtp_parse_vrfy(struct lmtp_parser *, struct lmtp_command *);
/* Anything, or nothing. */
void lmtp_parse_text(struct lmtp_parser *, struct lmtp_command *);

#endif
