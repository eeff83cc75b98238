/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parser: the rules that LMTP's commands are made of, for the parse*.c files
 * only. The first failure sticks; after it all of them do nothing.
 */
#ifndef WIRE_LMTP_PARSER_H
#define WIRE_LMTP_PARSER_H

#include "base/cursor.h"
#include "wire/lmtp/command.h"

struct lmtp_parser {
	struct cursor c;
	struct arena *arena;
	bool utf8;	   /* what is not ASCII is allowed */
	enum lmtp_say say; /* of the first failure */
};

bool lmtp_ok(const struct lmtp_parser *);
/* Keeps the first. */
void lmtp_fail(struct lmtp_parser *, enum lmtp_say);

/* path.c. `wrong`: what is said of one that is malformed. */
struct lmtp_path lmtp_parse_path(struct lmtp_parser *, enum lmtp_say wrong);
/* Of IPv4 or IPv6, numbers only. */
bool lmtp_is_address(str text, bool v6);

/* param.c: SP esmtp-param …, up to the end of the line. */
void lmtp_parse_mail_params(struct lmtp_parser *, struct lmtp_mail *);
void lmtp_parse_rcpt_params(struct lmtp_parser *, struct lmtp_rcpt *);
/* RFC 3461 section 4, decoded; absent: it is none. */
str lmtp_parse_xtext(struct arena *, str text);

/* xclient.c */
void lmtp_parse_xclient(struct lmtp_parser *, struct lmtp_command *);
extern const char *const lmtp_xclient_names[LMTP_XCLIENT_COUNT];

#endif
