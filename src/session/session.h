/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session: what all protocols share after login. A session is a small struct
 * in an epoll set; when bytes, room for bytes, news of its mailbox, its
 * deadline or the end of the service come, a pool thread calls its protocol's
 * `run`, which works in plain sequential code until it would have to wait, and
 * returns. No thread ever waits for a socket.
 *
 * A session runs in one thread at a time; what comes meanwhile is noted and
 * makes `run` be called again. While it waits (parked) it holds no buffer, no
 * arena memory, no transaction and no lock: session_park asserts it.
 */
#ifndef SESSION_SESSION_H
#define SESSION_SESSION_H

#include "base/arena.h"
#include "base/buf.h"
#include "mail/mail.h"
#include "net/loop.h"
#include "net/pool.h"
#include "net/scoreboard.h"
#include "session/handover.h"
#include "session/ticket.h"

#include <stdatomic.h>

struct session;
struct session_service;

/* Why `run` was called: bits. */
enum session_event {
	SESSION_IO = 1 << 0,	   /* bytes came, or there is room for output */
	SESSION_CHANGED = 1 << 1,  /* session_wake: news */
	SESSION_EXPIRED = 1 << 2,  /* nothing came for the idle time */
	SESSION_STOP = 1 << 3,	   /* the server stops, or the account ended */
	SESSION_ANSWERED = 1 << 4, /* session_ask's answer is there */
};

/* What `run` wants next. */
enum session_want {
	SESSION_WANT_INPUT,  /* park until bytes or news come */
	SESSION_WANT_OUTPUT, /* park until the client takes bytes */
	/* Park until session_ask's answer comes: bytes wait meanwhile, and a
	 * client that is gone for good ends the session without `run`. */
	SESSION_WANT_ANSWER,
	SESSION_WANT_TURN,  /* be called again soon; others first */
	SESSION_WANT_CLOSE, /* write what is pending if it goes, then end */
	/* All was written, nothing is compressed: end, and give the connection
	 * back with s->in, which is unread; see session_leave. */
	SESSION_WANT_HAND_BACK,
};

/* A protocol: what differs between IMAP, POP3 and LMTP here. */
struct session_protocol {
	const char *name; /* as in tickets and logs */
	size_t size;	  /* of its struct, which begins with session */
	uint64_t idle_ms; /* default for autologout */
	bool idle_short;  /* and no more than that, whatever is configured */
	uint32_t needs;	  /* what the ticket must allow: TICKET_MAY_… */
	/* The session begins; the handover's strs are gone after it. May
	 * write to s->out. */
	void (*open)(struct session *, const struct handover *);
	/* May be called in the loop's thread: before what takes long it calls
	 * session_take_time, before what may do so session_may_last. */
	bool quick;
	enum session_want (*run)(struct session *, unsigned events);
	/* Frees what open and run made. */
	void (*close)(struct session *);
	/* The answer to a login that cannot be served, into `out`. */
	void (*refuse)(const struct handover *, enum err, struct buf *out);
	/* The last words to a client that cannot be handed back; NULL: it is
	 * never. */
	const char *stranded;
};

struct session {
	struct loop_watch watch;
	struct loop_timer timer;
	struct pool_job job;
	_Atomic uint32_t word; /* running bit and waiting events */
	/* What it listens to at its epoll set, as long as nothing came. */
	uint32_t armed;
	bool told_stop;
	struct session_service *service;
	const struct session_protocol *protocol;
	struct session *next, *prev; /* all sessions of the service */
	uint64_t active_ms;	     /* when bytes last came or went */
	struct mail_user user;
	uint64_t minted_ms; /* of its ticket */
	uint64_t origin;    /* of its hand-over */
	uint32_t rights;    /* of its ticket: TICKET_MAY_… */
	struct question *question;
	char *account; /* name */
	char *remote;  /* address, for logs */
	uint64_t peer_key;
	bool tls;
	char id[33]; /* for logs */
	uint64_t bytes_in, bytes_out;
	/* Not yet consumed, not yet sent. */
	struct buf in, out;
	size_t out_at;	 /* bytes of out that were sent */
	struct zip *zip; /* NULL: bytes go as they are */
	struct buf wire; /* compressed, not yet sent from wire_at on */
	size_t wire_at;
	bool closed;	    /* the other side went, or an error */
	bool leaving;	    /* SESSION_WANT_HAND_BACK */
	bool finished;	    /* no more goes out compressed */
	struct arena arena; /* the command's; reset after each */
};

/* Of the format of POP3's unique-ids, with its NUL. */
#define SESSION_UIDL_MAX 128

/* Descriptors that no session gets: the store opens files as it needs them, and
 * who cannot be served is told. */
#define SESSION_SPARE_FDS 64

struct session_limits {
	unsigned per_account;  /* sessions of one account; 0: no limit */
	uint64_t idle_ms;      /* autologout; 0: the protocol's default */
	size_t command_memory; /* arena budget */
	size_t line;	       /* bytes of a command's lines; 0: 64 KiB */
	uint64_t literal;      /* bytes of a message */
	bool literal_minus;
	bool unauthenticate; /* is a command (RFC 8437) */
	/* Messages with 8-bit header fields are not for clients that do not
	 * know them (RFC 6855 section 4). */
	bool append_7bit;
	/* Messages that one command may save: as announced (SAVELIMIT, RFC
	 * 9738), and beyond which a COPY is refused (0: the same); 0: none. */
	uint32_t save, copy;
	/* Messages that one command may process (MESSAGELIMIT, RFC 9738), in
	 * the place of these two; 0: any number. */
	uint32_t messages;
	/* Between two notices of progress; 0: 12 seconds; less: at every
	 * chance, for tests. */
	int64_t progress_ms;
	bool id_version;   /* tell the version to clients that ask */
	char id_name[256]; /* tell this name, or "": nothing */
	char pop3_uidl[SESSION_UIDL_MAX]; /* wire/pop3/uidl.h */
	bool pop3_to_trash; /* what POP3 deletes is moved to \Trash */
	/* LMTP's */
	char host[256];		/* what this machine is called */
	unsigned recipients;	/* of one message */
	bool quota_for_good;	/* over quota is 552, not 452 */
	uint64_t duplicates_ms; /* as in mail/deliver.h */
};

/* What the administrator tells all users (RFC 5464), or empty. */
struct session_notes {
	char comment[1024];
	char admin[1024]; /* a URI */
};

struct session_service *session_service_new(
	struct loop *, struct pool *, struct mail *, struct scoreboard *);
/* After session_service_drain came to 0 sessions, or when the rest may go. */
void session_service_free(struct session_service *);
void session_service_set_limits(
	struct session_service *, const struct session_limits *);
struct session_limits session_service_limits(struct session_service *);
void session_service_set_notes(
	struct session_service *, const struct session_notes *);
void session_service_notes(
	struct session_service *, struct session_notes *notes_r);
struct mail *session_service_mail(struct session_service *);

/* Loop's thread. Takes fd over. The ticket was redeemed. True: the session
 * begins, and session_service_on_end will tell its end. False: it was refused
 * in the protocol's words, and closed. Sessions of no account (0) are not
 * limited in number. */
bool session_begin(struct session_service *, const struct session_protocol *,
	int fd, const struct handover *, const struct ticket *);
/* Called in the loop's thread for each session that ends. */
void session_service_on_end(struct session_service *,
	void (*fn)(void *arg, const struct session *), void *arg);

/* Called in the loop's thread after that for a session that hands its
 * connection back. Its descriptor goes to somebody else by fn, in a message,
 * and is closed here afterwards; `unread` is what the client sent behind the
 * last command. An error, or no fn: the client is told, and loses its
 * connection. */
void session_service_on_hand_back(struct session_service *,
	enum err (*fn)(void *arg, const struct session *, str unread),
	void *arg);

/* Asks all sessions to end; no more begin. */
void session_service_stop(struct session_service *);
/* Asks those of the account for this protocol ("": all) to end whose ticket was
 * minted up to then. */
void session_service_end(struct session_service *, account_num account,
	str protocol, uint64_t minted_until_ms);
unsigned session_service_count(struct session_service *);
/* Calls fn for each, under the service's lock: only looks. */
void session_service_each(struct session_service *,
	void (*fn)(const struct session *, void *arg), void *arg);

/* Any thread: `run` will be called with SESSION_CHANGED. */
void session_wake(struct session *);

/* How questions reach auth. All of it happens in the loop's thread. */
struct session_sender {
	/* Without waiting. OK: it is on its way; session_service_answer, or
	 * session_service_unanswered, will be called. */
	enum err (*send)(void *ctx, uint32_t type, uint32_t id, str payload);
	void *ctx;
	uint64_t patience_ms; /* then it is as if auth were away */
};
void session_service_set_sender(
	struct session_service *, const struct session_sender *);
/* The answer to the question that was sent with this id. */
void session_service_answer(struct session_service *, uint32_t id, str payload);
/* auth is gone: what was sent to it will not be answered. */
void session_service_unanswered(struct session_service *);

/* For `run`. */

/* Sends what it can of s->out. OK: all is sent. ERR_AGAIN: the client is slow.
 * ERR_CLOSED. */
MUST enum err session_flush(struct session *);
/* The client hears that nothing more will be said; it may still say what it is
 * about to, which a closed socket would answer with a reset. Flush before. */
void session_say_no_more(struct session *);
/* Reads at least one byte into s->in, of which at most `room` bytes are then
 * unread. OK, ERR_AGAIN, ERR_CLOSED, ERR_TOOBIG (the buffer is full). */
MUST enum err session_read(struct session *, size_t room);
/* Reads directly, at most n bytes. */
MUST enum err session_read_into(
	struct session *, char *room, size_t n, size_t *n_r);
/* What follows takes longer than a moment: others are served meanwhile. Writes
 * to the store do it by themselves. */
void session_take_time(void);
/* What follows is mostly short, but may have to wait for a disk: others are
 * served meanwhile if it takes longer than a moment. */
void session_may_last(void);
/* Around a call that waits for stable storage: others run meanwhile, so that
 * they come to wait for the same sync (net/pool.h). */
void session_wait_begin(struct session *);
void session_wait_end(struct session *);
/* Asks auth, without waiting: `run` is called with SESSION_ANSWERED once there
 * is an answer, and session_answer gives it. One question at a time. type:
 * IPC_RESOLVE. Output waits meanwhile: flush before. */
void session_ask(struct session *, uint32_t type, str payload);
/* ERR_AGAIN: not yet. ERR_UNAVAILABLE: auth was away, or took too long; else
 * the payload (base/ipc.h), until the next question. */
MUST enum err session_answer(struct session *, str *payload_r);

/* From here on all bytes are compressed (zip.h), but for the output that waits
 * now; unread input is compressed already. */
void session_compress(struct session *);

/* The client leaves its session, and stays connected (RFC 8437): sends what is
 * to be said, ends compression both ways, and gives what `run` returns; to be
 * called again with each event until it is HAND_BACK or CLOSE. What stands in
 * s->in is not compressed then. */
enum session_want session_leave(struct session *);

/* Output that waits: more than this, and a command with much to say pauses. */
#define SESSION_OUT_HIGH (64 * 1024)

#endif
