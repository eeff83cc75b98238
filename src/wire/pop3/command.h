/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command: POP3's commands (RFC 1939, 2449, 2595, 5034, 6856) as a table and a
 * tree. One line is one command; what a verb may be followed by, and when it
 * may come, stands in its row. Who executes it is elsewhere: login/pop3.c
 * before login, pop3/ after it.
 */
#ifndef WIRE_POP3_COMMAND_H
#define WIRE_POP3_COMMAND_H

#include "base/buf.h"
#include "base/str.h"

/* What follows the verb. */
enum pop3_arguments {
	POP3_ARGS_NONE,
	POP3_ARGS_REST,	   /* everything behind the first space, as it is:
			      names and passwords may hold spaces (RFC 1939
			      section 7, PASS) */
	POP3_ARGS_WORD,	   /* one word, or nothing */
	POP3_ARGS_AUTH,	   /* a mechanism and perhaps an initial response, or
			      nothing */
	POP3_ARGS_APOP,	   /* a name and a digest: the last word */
	POP3_ARGS_MESSAGE, /* a message number */
	POP3_ARGS_OPTIONAL_MESSAGE,
	POP3_ARGS_TOP, /* a message number and a count of lines */
};

enum pop3_state {
	POP3_AUTHORIZATION = 1 << 0,
	POP3_TRANSACTION = 1 << 1,
	POP3_BOTH = POP3_AUTHORIZATION | POP3_TRANSACTION,
};

/*	X(verb, arguments, states) */
#define POP3_COMMAND_TABLE(X)                                                  \
	X(USER, REST, AUTHORIZATION)                                           \
	X(PASS, REST, AUTHORIZATION)                                           \
	X(APOP, APOP, AUTHORIZATION)                                           \
	X(AUTH, AUTH, AUTHORIZATION) /* RFC 5034 */                            \
	X(STLS, NONE, AUTHORIZATION) /* RFC 2595 */                            \
	X(UTF8, NONE, AUTHORIZATION) /* RFC 6856 */                            \
	X(LANG, WORD, BOTH)	     /* RFC 6856 */                            \
	X(CAPA, NONE, BOTH)	     /* RFC 2449 */                            \
	X(QUIT, NONE, BOTH)                                                    \
	X(NOOP, NONE, TRANSACTION)                                             \
	X(RSET, NONE, TRANSACTION)                                             \
	X(STAT, NONE, TRANSACTION)                                             \
	X(LIST, OPTIONAL_MESSAGE, TRANSACTION)                                 \
	X(UIDL, OPTIONAL_MESSAGE, TRANSACTION)                                 \
	X(RETR, MESSAGE, TRANSACTION)                                          \
	X(TOP, TOP, TRANSACTION)                                               \
	X(DELE, MESSAGE, TRANSACTION)

enum pop3_verb {
	POP3_UNKNOWN,
#define X(verb, arguments, states) POP3_##verb,
	POP3_COMMAND_TABLE(X)
#undef X
		POP3_VERB_COUNT
};

struct pop3_command_row {
	const char *name;
	enum pop3_arguments arguments;
	unsigned states; /* enum pop3_state */
};

/* By verb; [POP3_UNKNOWN] has no name and no states. */
extern const struct pop3_command_row pop3_commands[POP3_VERB_COUNT];

struct pop3_command {
	enum pop3_verb verb;
	str text;	 /* REST, WORD; APOP's name; AUTH's mechanism. Absent
			    when there is none */
	str more;	 /* AUTH's initial response, in base64 or "="; APOP's
			    digest; else absent */
	uint32_t number; /* of a message; 0: none was given */
	uint32_t lines;	 /* TOP's */
};

/* Reads a line, without its end; strs point into it. ERR_NOTFOUND: no such
 * verb. ERR_INVALID: not what its row asks for; the verb is set then. Numbers
 * beyond 32 bits become the largest: there is no such message. */
MUST enum err pop3_parse(str line, struct pop3_command *command_r);
/* The line again, without its end. */
void pop3_print(const struct pop3_command *, struct buf *out);

#endif
