/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source: the bytes of one section of a message, as they are sent: a range as
 * it is, header fields picked out of it, or the decoded content of a part
 * (BINARY). Read piecewise within any number of transactions; memory is one
 * piece, whatever the size. Of filtered and decoded sections IMAP wants the
 * length first, and of BINARY whether a NUL is in them: short ones are kept
 * meanwhile, others gone through twice.
 */
#ifndef IMAP_SOURCE_H
#define IMAP_SOURCE_H

#include "mail/bytes.h"
#include "message/section.h"
#include "message/transfer.h"
#include "wire/imap/command.h"

struct store_txn;

/* The record that was read last: several sections of one message that are in
 * it cost one. Within a transaction; empty at first. */
struct record_window {
	struct message_reader reader;
	struct buf bytes;
	uint64_t at; /* of its first byte in the message */
};

struct section_source {
	bool open;
	struct message_reader reader;
	enum { SOURCE_RAW, SOURCE_FILTER, SOURCE_DECODE, SOURCE_KEPT } kind;
	uint64_t at, end; /* of the message's bytes, not yet read */
	uint64_t skip;	  /* bytes of the output before the partial */
	uint64_t left;	  /* bytes of the output still to be given */
	bool has_nul;	  /* of BINARY: in what source_read will give */
	struct header_filter filter;
	struct transfer_decoder decoder;
	struct buf kept; /* the whole output, when short; else empty */
	const struct imap_section *section;
	struct record_window *window; /* or NULL */
};

/* ERR_CTE when the section is to be decoded and cannot be. */
MUST enum err source_check(const struct digest *, const struct imap_section *);

/* along: as in mail/bytes.h, as long as the source. window: where there are
 * other sections of the message to come, or NULL. length_r: bytes that
 * source_read will give in all. ERR_NOTFOUND: the message has no such section.
 * The section must outlive the source. */
MUST enum err source_open(struct section_source *, struct store_txn *,
	account_num, message_num, struct message_records *along,
	struct record_window *, const struct digest *,
	const struct imap_section *, uint64_t *length_r);
/* Appends some bytes, about as many as one record of the store has, at most
 * 64 KiB of the message. ERR_CORRUPT when it is shorter than its digest
 * says. */
MUST enum err source_read(
	struct section_source *, struct store_txn *, struct buf *out);
void source_close(struct section_source *);
/* The transaction ends. */
void record_window_fini(struct record_window *);

static inline bool source_is_open(const struct section_source *src)
{
	return src->open;
}

static inline bool source_is_done(const struct section_source *src)
{
	return src->left == 0;
}

#endif
