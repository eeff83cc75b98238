/* SPDX-License-Identifier: Apache-2.0 */
/*
 * framer: cuts a client's byte stream into commands. It alone sees partial
 * input; everything behind it gets whole commands. It looks at line ends and
 * literals only (RFC 9051 section 4.3, RFC 7888), with one exception: it asks
 * the grammar which literals of an APPEND or REPLACE are messages, or parts of
 * them, because those are streamed and not kept.
 *
 * How it is driven. The caller keeps the unconsumed bytes in one contiguous
 * buffer and calls imap_framer_step() with all of them whenever some were
 * added or consumed. The frame says what to do; then the caller removes
 * frame.n bytes from the front and steps again until it is told MORE:
 *
 *	MORE      incomplete: read more; the buffer needs room for frame.need
 *	          bytes at least. Nothing is consumed.
 *	CONTINUE  send "+ OK" (the client waits for it), read more. Nothing is
 *	          consumed. Said once per literal.
 *	COMMAND   frame.text is one whole command with its in-line literals and
 *	          without its last line end; act on it, then consume n.
 *	          In line mode: one line. After a BODY: what followed the
 *	          message; empty when the command is over.
 *	BODY      frame.text is an APPEND up to the announcement of its message
 *	          ("a APPEND INBOX (\Seen) {310+}"), without that line's end.
 *	          Check it. Then either consume n, send "+ OK" if frame.sync,
 *	          take frame.body bytes of message, and step on (the command
 *	          goes on behind it: a COMMAND, or a BODY for MULTIAPPEND
 *	          and CATENATE); or
 *	          answer NO, call imap_framer_refuse() and consume n. Whoever
 *	          gives up amid the message calls imap_framer_skip().
 *	SKIP      forget n bytes (perhaps none); they belong to something
 *	          already refused.
 *	ERROR     answer frame.tag ("*" when there is none) and frame.reply,
 *	          consume n, step on; when frame.fatal, frame.reply is a BYE
 *	          and the connection is to be closed.
 *
 * The work is linear in the bytes that pass, however they are split, and the
 * frames but for MORE and SKIP do not depend on the split. The buffer must be
 * able to hold limits->line + limits->literals + 1 bytes: it is by the last one
 * that too long a line is known.
 */
#ifndef WIRE_IMAP_FRAMER_H
#define WIRE_IMAP_FRAMER_H

#include "base/str.h"

/* All in bytes. */
struct imap_framer_limits {
	/* The lines of one command together, with their ends, without
	 * literals. Also one line of line mode. */
	size_t line;
	/* One in-line literal; all in-line literals of one command. */
	size_t literal;
	size_t literals;
	/* A message in APPEND. 0: no command has a body, as before login: an
	 * APPEND's literals are in-line ones then. */
	uint64_t body;
	/* A non-synchronising literal: IMAP_LITERAL_MINUS or
	 * IMAP_LITERAL_PLUS. */
	uint64_t nonsync;
	/* What is read and forgotten to get back into step with a client whose
	 * command was refused; beyond it the connection ends. */
	uint64_t skip;
	/* What is said of a literal of SETMETADATA that is too large (RFC 5464
	 * section 4.3); NULL: what is said of others. */
	const char *metadata_toobig;
};

#define IMAP_LITERAL_MINUS 4096
#define IMAP_LITERAL_PLUS UINT64_MAX

/* A few KiB suffice: names, passwords, SASL responses. */
#define IMAP_FRAMER_LIMITS_LOGIN                                               \
	{                                                                      \
		.line = 8192, .literal = 1024, .literals = 2048, .body = 0,    \
		.nonsync = IMAP_LITERAL_PLUS, .skip = 65536                    \
	}
/* The same where tokens may be sent (OAUTHBEARER), 16 KiB of them in base64. */
#define IMAP_FRAMER_LIMITS_TOKEN                                               \
	{                                                                      \
		.line = 24576, .literal = 1024, .literals = 2048, .body = 0,   \
		.nonsync = IMAP_LITERAL_PLUS, .skip = 65536                    \
	}
/* Lines: phones send UID sets of many KiB (RFC 2683 section 3.2.1.5 asks for
 * 8000 at least). */
#define IMAP_FRAMER_LIMITS_SESSION                                             \
	{                                                                      \
		.line = 65536, .literal = 65536, .literals = 262144,           \
		.body = 64 << 20, .nonsync = IMAP_LITERAL_PLUS,                \
		.skip = 256 << 20                                              \
	}

enum imap_frame_kind {
	IMAP_FRAME_MORE,
	IMAP_FRAME_CONTINUE,
	IMAP_FRAME_COMMAND,
	IMAP_FRAME_BODY,
	IMAP_FRAME_SKIP,
	IMAP_FRAME_ERROR,
};

struct imap_frame {
	enum imap_frame_kind kind;
	size_t n;    /* bytes to consume */
	str text;    /* COMMAND, BODY: into the input */
	size_t need; /* MORE: bytes of input known to be needed in all */
	/* BODY */
	uint64_t body; /* bytes of message that follow */
	bool sync;     /* the client waits for "+ " before it sends them */
	bool binary;   /* a literal8: it may hold NUL (RFC 3516) */
	/* ERROR */
	enum err err; /* ERR_LIMIT, ERR_TOOBIG, ERR_INVALID */
	bool fatal;
	/* Into the input; "*" when there is none; absent in line mode and
	 * after a BODY: that of the command that runs. */
	str tag;
	const char *reply; /* "BAD ...", "NO [TOOBIG] ...", "BYE ..." */
};

enum imap_framer_state {
	IMAP_FRAMER_COMMAND,	  /* in a command, or between two */
	IMAP_FRAMER_AFTER_BODY,	  /* behind a message: the command goes on */
	IMAP_FRAMER_SKIP_LITERAL, /* forgetting `left` bytes, then the line */
	IMAP_FRAMER_SKIP_LINE,
};

struct imap_framer {
	const struct imap_framer_limits *limits;
	enum imap_framer_state state;
	bool line_mode;
	bool append;	    /* the command is an APPEND or REPLACE */
	unsigned append_at; /* enum imap_append_at: where `line` begins */
	bool sync;	    /* of the last BODY */
	bool owes;	    /* a CONTINUE is to be said */
	size_t at;	/* the input is understood up to here, perhaps beyond */
	size_t line;	/* the line being scanned begins here */
	size_t inlined; /* bytes of in-line literals before `line` */
	uint64_t left;	/* of the literal being skipped, or of the last BODY */
	uint64_t skipped; /* since something was right */
};

/* The limits stay the caller's and must outlive the framer; before each
 * command they may be replaced (f->limits = ...). */
void imap_framer_init(struct imap_framer *, const struct imap_framer_limits *);

struct imap_frame imap_framer_step(struct imap_framer *, str input);

/* Line mode, while AUTHENTICATE or IDLE run: every line is a frame, and braces
 * mean nothing. To be switched between frames only. */
void imap_framer_set_line_mode(struct imap_framer *, bool);

/* Instead of taking the message of the BODY just told, before "+ " was sent:
 * what follows is a new command (synchronising), or the message and the rest
 * of its command are skipped. */
void imap_framer_refuse(struct imap_framer *);
/* Amid a message, with `left` bytes of it not yet taken from the input: they
 * and the rest of the command are skipped. */
void imap_framer_skip(struct imap_framer *, uint64_t left);

/* Between two commands: nothing is half read. A parked session is. */
bool imap_framer_idle(const struct imap_framer *, str input);

#endif
