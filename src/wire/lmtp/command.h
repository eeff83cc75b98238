/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command: LMTP's commands (RFC 2033, RFC 5321 section 4.1) as the parser
 * makes them, and the one table of them. Everything that a tree points to is
 * in the arena it was made in, or in the line.
 */
#ifndef WIRE_LMTP_COMMAND_H
#define WIRE_LMTP_COMMAND_H

#include "base/arena.h"
#include "wire/lmtp/reply.h"

enum lmtp_verb {
	LMTP_UNKNOWN,
	LMTP_LHLO,
	LMTP_MAIL,
	LMTP_RCPT,
	LMTP_DATA,
	LMTP_BDAT,
	LMTP_RSET,
	LMTP_NOOP,
	LMTP_QUIT,
	LMTP_VRFY,
	LMTP_HELP,
	LMTP_XCLIENT,
	LMTP_HELO,
	LMTP_EHLO,
	LMTP_EXPN,
	LMTP_VERB_COUNT
};

/* Where a session stands: one of them; in the table, any number. */
enum lmtp_state {
	LMTP_NEW = 1 << 0,	  /* before LHLO */
	LMTP_READY = 1 << 1,	  /* no transaction */
	LMTP_SENDER = 1 << 2,	  /* MAIL, but no valid recipient yet */
	LMTP_RECIPIENTS = 1 << 3, /* one valid recipient at least */
	LMTP_CHUNKS = 1 << 4,	  /* BDAT, of which LAST is to come */
	LMTP_ANY_STATE = (1 << 5) - 1,
};

/* RFC 5321 section 4.5.3.1 names what must be taken at least; local parts of
 * real bounce addresses (VERP) are longer than its 64 bytes. In bytes. */
#define LMTP_LOCAL_MAX 256
#define LMTP_DOMAIN_MAX 255

struct lmtp_path {
	bool null;  /* "<>" */
	str local;  /* without quotes and backslashes */
	str domain; /* or address literal with its brackets; absent: none */
	/* The Mailbox with as little quoting as can be; "" for "<>". */
	str address;
};

enum lmtp_body {
	LMTP_BODY_NONE,
	LMTP_BODY_7BIT,
	LMTP_BODY_8BITMIME,
	LMTP_BODY_BINARYMIME,
};

enum lmtp_ret { LMTP_RET_NONE, LMTP_RET_FULL, LMTP_RET_HDRS };

struct lmtp_mail {
	struct lmtp_path from;
	bool has_size;
	uint64_t size;
	enum lmtp_body body;
	bool smtputf8;
	enum lmtp_ret ret;
	str envid; /* decoded; absent: none */
	str auth;  /* RFC 4954 section 5, decoded; absent: none */
};

/* RFC 3461 section 4.1 */
enum lmtp_notify {
	LMTP_NOTIFY_NEVER = 1 << 0,
	LMTP_NOTIFY_SUCCESS = 1 << 1,
	LMTP_NOTIFY_FAILURE = 1 << 2,
	LMTP_NOTIFY_DELAY = 1 << 3,
};

struct lmtp_rcpt {
	struct lmtp_path to;
	unsigned notify;
	str orcpt_type; /* "rfc822"; absent: none */
	str orcpt;	/* decoded */
};

/* RFC 3030 section 2 */
struct lmtp_bdat {
	uint64_t size;
	bool last;
};

/* Postfix's XCLIENT_README. */
enum lmtp_xclient_name {
	LMTP_XCLIENT_NAME,
	LMTP_XCLIENT_ADDR, /* IPv6 without "IPV6:" */
	LMTP_XCLIENT_PORT,
	LMTP_XCLIENT_PROTO,
	LMTP_XCLIENT_HELO,
	LMTP_XCLIENT_COUNT
};

struct lmtp_xclient {
	/* Absent: not given; "": [UNAVAILABLE] or [TEMPUNAVAIL]. */
	str value[LMTP_XCLIENT_COUNT];
};

struct lmtp_command {
	enum lmtp_verb verb;
	union {
		str text; /* LHLO's name; what follows VRFY, NOOP and HELP */
		struct lmtp_mail mail;
		struct lmtp_rcpt rcpt;
		struct lmtp_bdat bdat;
		struct lmtp_xclient xclient;
	};
};

struct lmtp_parser;

struct lmtp_command_row {
	str name;
	enum lmtp_verb verb;
	/* The argument; NULL: it has none. */
	void (*parse)(struct lmtp_parser *, struct lmtp_command *);
	unsigned states;
	/* The answer whatever the argument; NOTHING: it is executed. */
	enum lmtp_say refusal;
};

/* Indexed by verb. */
extern const struct lmtp_command_row lmtp_command_table[LMTP_VERB_COUNT];
/* Why the command does not belong here; NOTHING when it does. */
enum lmtp_say lmtp_out_of_order(enum lmtp_verb, enum lmtp_state);

/*
 * line: without its end. utf8: the transaction is an internationalised one, so
 * that RCPT may name what is not ASCII (MAIL tells by its own parameter).
 * NOTHING when the command is whole and right; else what is to be answered.
 * command_r->verb is known then too, when the command was.
 */
enum lmtp_say lmtp_parse(struct arena *, str line, bool utf8,
	struct lmtp_command *command_r) __attribute__((warn_unused_result));

/* The line again, in one canonical form, without its end. */
void lmtp_print(struct buf *, const struct lmtp_command *);
/* Mailbox of RFC 5321, with as little quoting as can be. */
void lmtp_print_path(struct buf *, const struct lmtp_path *);

/* Is it a Domain or an address literal, ASCII? */
bool lmtp_is_host(str);

#endif
