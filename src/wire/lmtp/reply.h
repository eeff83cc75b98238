/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reply: what an LMTP server says, in one table: reply codes of RFC 5321
 * section 4.2, enhanced status codes of RFC 3463 and the registry of RFC 5248,
 * used as RFC 2034 says (none in 3xx, in the greeting and in LHLO's answer).
 * The words are for people; clients read the numbers.
 */
#ifndef WIRE_LMTP_REPLY_H
#define WIRE_LMTP_REPLY_H

#include "base/buf.h"

/* name, code, enhanced code, words */
#define LMTP_SAY_TABLE(X)                                                      \
	X(NOTHING, 0, "", "")                                                  \
	X(OK, 250, "2.0.0", "Ok")                                              \
	X(RESET, 250, "2.0.0", "Forgotten")                                    \
	X(SENDER_OK, 250, "2.1.0", "Sender ok")                                \
	X(RECIPIENT_OK, 250, "2.1.5", "Recipient ok")                          \
	X(CHUNK_OK, 250, "2.0.0", "Chunk received")                            \
	X(DELIVERED, 250, "2.0.0", "Delivered")                                \
	X(GO_AHEAD, 354, "", "Send the message; end with <CRLF>.<CRLF>")       \
	X(BYE, 221, "2.0.0", "Bye")                                            \
	X(NOT_VERIFIED, 252, "2.5.2", "Ask by RCPT whether it is accepted")    \
	/* It is not this service at all. */                                   \
	X(SAY_LHLO, 500, "5.5.1", "This is LMTP: say LHLO")                    \
	X(UNKNOWN_COMMAND, 500, "5.5.1", "Unknown command")                    \
	X(NOT_IMPLEMENTED, 502, "5.5.1", "Not implemented")                    \
	X(LINE_TOO_LONG, 500, "5.5.2", "The line is too long")                 \
	X(BAD_LINE, 500, "5.5.2", "Control characters, or no UTF-8")           \
	/* Arguments. */                                                       \
	X(BAD_ARGUMENT, 501, "5.5.4", "The argument is malformed")             \
	X(NO_ARGUMENT, 501, "5.5.4", "This command has no argument")           \
	X(BAD_SENDER, 501, "5.1.7", "Expected FROM:<address>")                 \
	X(BAD_RECIPIENT, 501, "5.1.3", "Expected TO:<address>")                \
	X(SENDER_NOT_ASCII, 550, "5.6.7", "Not ASCII, without SMTPUTF8")       \
	X(RECIPIENT_NOT_ASCII, 553, "5.6.7", "Not ASCII, without SMTPUTF8")    \
	X(BAD_PARAMETER, 501, "5.5.4", "A parameter is malformed")             \
	X(UNKNOWN_PARAMETER, 555, "5.5.4", "Unknown parameter")                \
	/* Order. */                                                           \
	X(LHLO_FIRST, 503, "5.5.1", "Say LHLO first")                          \
	X(MAIL_FIRST, 503, "5.5.1", "Say MAIL first")                          \
	X(NO_RECIPIENTS, 503, "5.5.1", "No valid recipients")                  \
	X(MAIL_OPEN, 503, "5.5.1", "A transaction is open already")            \
	X(RESET_FIRST, 503, "5.5.1", "BDAT has begun: go on, or say RSET")     \
	X(NEEDS_BDAT, 503, "5.5.1", "BINARYMIME comes by BDAT only")           \
	X(MAIL_OPEN_XCLIENT, 503, "5.5.1", "Not within a transaction")         \
	/* What became of it. */                                               \
	X(NO_SUCH_USER, 550, "5.1.1", "No such recipient here")                \
	X(SWITCHED_OFF, 550, "5.2.1", "The account takes no mail")             \
	X(OVER_QUOTA, 452, "4.2.2", "Over quota")                              \
	X(OVER_QUOTA_FOR_GOOD, 552, "5.2.2", "Over quota")                     \
	X(DISK_FULL, 452, "4.3.1", "No space left on the server")              \
	X(TOO_BIG, 552, "5.3.4", "The message is too large")                   \
	X(TOO_MANY_RECIPIENTS, 452, "4.5.3", "Too many recipients at once")    \
	X(TRY_AGAIN, 451, "4.3.0", "Cannot be done now")                       \
	X(NO_XCLIENT, 550, "5.7.0", "XCLIENT is not for you")                  \
	/* Ends. */                                                            \
	X(END_STOPPING, 421, "4.3.2", "The server is shutting down")           \
	X(END_BUSY, 421, "4.3.2", "Too many connections")                      \
	X(END_UNAVAILABLE, 421, "4.3.2", "Cannot be served now")               \
	X(END_IDLE, 421, "4.4.2", "Silent for too long")                       \
	X(END_HTTP, 421, "4.7.0", "This is not a web server")                  \
	X(END_LOST, 421, "4.5.4", "What follows cannot be told from commands") \
	X(END_ERRORS, 421, "4.7.0", "Too many errors")                         \
	X(END_REFUSED, 421, "4.7.0", "Your address may not deliver here")

enum lmtp_say {
#define X(name, code, enhanced, words) LMTP_SAY_##name,
	LMTP_SAY_TABLE(X)
#undef X
};

unsigned lmtp_say_code(enum lmtp_say);
const char *lmtp_say_words(enum lmtp_say);

/* One line, "250 2.1.5 Recipient ok". Not NOTHING. */
void lmtp_put(struct buf *out, enum lmtp_say);
/* "550 5.1.1 <pat@example.org> No such recipient here". An address that would
 * not fit the line (RFC 5321 section 4.5.3.1.5) is left out. */
void lmtp_put_about(struct buf *out, enum lmtp_say, str address);
/* "220 mail.example.org LMTP Culver" */
void lmtp_put_greeting(struct buf *out, str host);
/* LHLO's answer. size: of a message; 0: no limit. */
void lmtp_put_extensions(
	struct buf *out, str host, uint64_t size, bool xclient);
void lmtp_put_help(struct buf *out);

/* What an error of a recipient, or of its delivery, is called. quota_for_good:
 * over quota is 552, and the sender does not try again. */
enum lmtp_say lmtp_say_of(enum err, bool quota_for_good);

#endif
