/* SPDX-License-Identifier: Apache-2.0 */
/*
 * login: what a protocol says before login, as a machine without sockets:
 * bytes in, bytes out, and what it wants next. The front moves the bytes, asks
 * auth, begins TLS and hands the client over.
 *
 *	login_init, login_greet, then login_feed with what the client sent.
 *	Each call says what is wanted; before that is done, `out` goes to the
 *	client.
 *
 *	MORE      feed more; at most LOGIN_CHUNK bytes at a time
 *	AUTH      ask auth about login->mechanism and login_response(), or tell
 *	          it the next response when login->exchange > 1; then
 *	          login_challenge, login_fail, or hand over (login_leftover
 *	          belongs to what mail reads first). Feed nothing meanwhile.
 *	CANCEL    auth may forget the exchange; then login_go_on
 *	STARTTLS  begin TLS with login_leftover() as its first bytes, then
 *	          login_secured
 *	CLOSE     close, once `out` is out
 *
 * Memory: the struct, plus the input while it is incomplete (a few KiB, the
 * protocol's limits; 32 KiB at most where tokens may be sent). Whatever may
 *hold a password is wiped before it is given back.
 */
#ifndef LOGIN_LOGIN_H
#define LOGIN_LOGIN_H

#include "session/handover.h"
#include "wire/imap/framer.h"
#include "wire/pop3/framer.h"

#define LOGIN_CHUNK 4096
/* What ID told, all fields with their names together. */
#define LOGIN_ID_MAX 2048
#define LOGIN_MECHANISM_MAX 24
/* A name, as a command tells it. */
#define LOGIN_USER_MAX 1024
#define LOGIN_STAMP_MAX 64
/* A SASL response, decoded: tokens are long (RFC 7628). */
#define LOGIN_RESPONSE_MAX (16 * 1024)

enum login_want {
	LOGIN_MORE,
	LOGIN_AUTH,
	LOGIN_CANCEL,
	LOGIN_STARTTLS,
	LOGIN_CLOSE,
};

/* Why a connection is ended by us. */
enum login_bye {
	LOGIN_BYE_SHUTDOWN,
	LOGIN_BYE_SLOW,		   /* the time for the login is over */
	LOGIN_BYE_TOO_MANY,	   /* limits.connections */
	LOGIN_BYE_TOO_MANY_OF_PEER /* limits.connections_per_address */
};

/* From the configuration; the caller's, and may change between calls. */
struct login_settings {
	bool tls_available;
	bool plaintext; /* passwords without TLS */
	bool literal_minus;
	unsigned offered; /* by auth: enum mechanism bits */
	unsigned failures_max;
	const char *id_name; /* NULL or "": none */
	const char *id_version;
};

struct login;

struct login_protocol {
	const char *name; /* of tickets and hand-over; also ALPN's */
	/* Its clients are machines that come with many connections at a time,
	 * and from where is configured: limits.connections_per_address is
	 * not for them, nor do they count for others from there. */
	bool many;
	void (*begin)(struct login *); /* at first, and after STARTTLS */
	void (*greet)(struct login *, struct buf *out);
	/* Takes one unit of input. True when `want_r` is to be acted on; false:
	 * call it again. */
	bool (*step)(struct login *, struct buf *out, enum login_want *want_r);
	void (*challenge)(struct login *, str bytes, struct buf *out);
	void (*fail)(struct login *, enum err, str reason, struct buf *out);
	void (*bye)(struct login *, enum login_bye, struct buf *out);
	/* Fills handover.state; NULL: it has none. Into the buf, which
	 * outlives the handover. */
	void (*hand_over)(const struct login *, struct buf *state);
};

extern const struct login_protocol login_imap; /* imap.c */
extern const struct login_protocol login_lmtp; /* lmtp.c */
extern const struct login_protocol login_pop3; /* pop3.c */

struct login {
	const struct login_protocol *protocol;
	const struct login_settings *settings;
	bool tls;
	bool has_certificate; /* the client's, verified */

	/* Input not yet consumed: in[at..n). The first `taken` bytes of it are
	 * the command being executed. */
	char *in;
	size_t at, n, room;
	size_t taken;

	/* The exchange with auth. */
	unsigned exchange; /* responses sent to auth; 0: none runs */
	char mechanism[LOGIN_MECHANISM_MAX];
	bool has_response;   /* false: the mechanism begins with a challenge */
	struct buf response; /* decoded */

	unsigned bad;	   /* commands that were wrong */
	unsigned failures; /* logins refused */
	const char *end;   /* why it wants to close, for logs; NULL */

	bool answering;	  /* the next line is a SASL response */
	struct buf state; /* for the session, as the protocol has it */

	/* POP3's */
	struct pop3_framer lines;
	struct buf user; /* of USER */
	bool utf8;	 /* UTF8 was said */
	/* The greeting's timestamp, for APOP, or ""; it stays with STLS. */
	char stamp[LOGIN_STAMP_MAX];

	/* IMAP's */
	struct imap_framer framer;
	struct buf tag; /* of the login command */
	struct buf id;	/* fields, sized, as in handover.h */
	size_t id_count;
};

void login_init(struct login *, const struct login_protocol *,
	const struct login_settings *, bool tls);
void login_fini(struct login *);

void login_greet(struct login *, struct buf *out);
enum login_want login_feed(struct login *, str bytes, struct buf *out);
enum login_want login_go_on(struct login *, struct buf *out);

/* After AUTH. */
str login_response(const struct login *);
enum login_want login_challenge(struct login *, str bytes, struct buf *out);
/* reason: for the client; may be empty. */
enum login_want login_fail(
	struct login *, enum err, str reason, struct buf *out);
/* Fills tag, leftover and ID; they point into the login. */
void login_hand_over(struct login *, struct handover *);

/* After STARTTLS: all that was said in clear is forgotten. */
void login_secured(struct login *);
/* What the client sent behind the command that was acted on. */
str login_leftover(const struct login *);

/* The last words; then the connection is to be closed. */
void login_bye(struct login *, enum login_bye, struct buf *out);

/* For protocols. Removes n bytes of input, and wipes them. */
void login_consume(struct login *, size_t n);
static inline str login_input(const struct login *l)
{
	return str_of(l->in ? l->in + l->at : "", l->n - l->at);
}

#endif
