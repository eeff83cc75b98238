/* SPDX-License-Identifier: Apache-2.0 */
/*
 * respond: IMAP's answers, appended to a buf. No function here adds a line end
 * or a space that is not inside its own syntax, but for imap_put_result and
 * its like, which write whole lines.
 */
#ifndef WIRE_IMAP_RESPOND_H
#define WIRE_IMAP_RESPOND_H

#include "message/thread_tree.h"
#include "wire/imap/command.h"

/* string: quoted when it is short and has no byte that quoted strings must not
 * have, else a literal. 8-bit bytes are quoted only if `utf8` and the whole is
 * valid UTF-8; NUL never is valid in either: it is sent as 0x80 (as RFC 3501
 * CHAR8 has no NUL), which BINARY avoids with imap_put_literal8. */
void imap_put_string(struct buf *, str, bool utf8);
/* The same; NIL when absent. */
void imap_put_nstring(struct buf *, str, bool utf8);
/* The same; a literal8 when it has a NUL. */
void imap_put_nstring8(struct buf *, str, bool utf8);
/* An atom where it can be one, else a string. Never the atom NIL. */
void imap_put_astring(struct buf *, str, bool utf8);
/* "{n}" CRLF: the bytes are the caller's to send, exactly n. */
void imap_put_literal(struct buf *, uint64_t n);
/* "~{n}" CRLF */
void imap_put_literal8(struct buf *, uint64_t n);

/* A canonical name, as mailbox: modified UTF-7 unless utf8. */
void imap_put_mailbox(struct buf *, str name, bool utf8);
/* "(\Seen foo)" */
void imap_put_flags(struct buf *, uint64_t flags, bool recent,
	const str *keywords, size_t count);
/* sequence-set; nothing when empty (the caller sees to that). */
void imap_put_set(struct buf *, const struct uidset *);
/* The same numbers in this very order, as sequence-set; ranges only where they
 * ascend (RFC 5267 section 3.2). */
void imap_put_sequence(struct buf *, const uint32_t *numbers, size_t n);
/* partial-range (RFC 9394), as it was sent. */
void imap_put_partial(struct buf *, const struct imap_partial *);
/* thread-data (RFC 5256) behind "THREAD", with its space. */
void imap_put_threads(struct buf *, const struct thread_node *root);
/* date-time with its quotes. */
void imap_put_date_time(struct buf *, struct date);
/* "BODY[1.HEADER.FIELDS (A B)]<0>": the name of an answer in FETCH. */
void imap_put_section(struct buf *, const struct imap_section *, bool utf8);
/* "[APPENDUID 38505 3955:3957] ", "[COPYUID 38505 304,319:320 3956:3958] ":
 * with the space that follows. Nothing when there are no UIDs. */
void imap_put_appenduid(
	struct buf *, uint32_t uidvalidity, const struct uidset *uids);
void imap_put_copyuid(struct buf *, uint32_t uidvalidity,
	const struct uidset *from, const struct uidset *to);

/* text of a human for resp-text: control characters become spaces, a text that
 * would begin with "[" gets none; 8-bit bytes become "?" unless utf8. */
void imap_put_text(struct buf *, str, bool utf8);

/* Whole lines. tag: "*" when absent. */
void imap_put_ok(struct buf *, str tag, const char *text);
void imap_put_bad(struct buf *, str tag, const char *text);
/* "* ID (...)" (RFC 2971). name: NULL or "": "* ID NIL". version: may be NULL.
 */
void imap_put_id(struct buf *, const char *name, const char *version);
/* The one place where meanings become IMAP's words: "a NO [NONEXISTENT] ..."
 * (RFC 5530, RFC 9051 section 7.1). The verb decides where one meaning has
 * several (ERR_NOTFOUND in APPEND, COPY, MOVE: TRYCREATE). Not for OK. */
void imap_put_error(struct buf *, str tag, enum imap_verb, enum err);
/* The answer to a command that imap_parse() refused. */
void imap_put_parse_error(struct buf *, const struct imap_command *, enum err);

#endif
