/* SPDX-License-Identifier: Apache-2.0 */
/*
 * records: one kind of record of many messages, one after another. Where their
 * numbers follow each other, as those of a mailbox mostly do, the store is read
 * along, which costs a fraction of looking each one up. One that lies elsewhere
 * is looked up meanwhile: of messages that came together the large ones have
 * their numbers first.
 */
#ifndef MAIL_RECORDS_H
#define MAIL_RECORDS_H

#include "base/buf.h"
#include "mail/layout.h"
#include "store/store.h"

/* Those of a message that are several ('c') are numbered from 1; others are
 * number 0. */
struct record_place {
	message_num message;
	uint32_t chunk;
};

struct records {
	struct store_txn *txn;
	account_num account;
	char letter;		  /* 'c', 'd', 'f' or 'i' (layout.h) */
	struct record_place last; /* that was asked for */
	unsigned followed;	  /* so many came after the one before them */
	bool scattered;		  /* large ones between them were not wanted */
	struct store_iter *it;	  /* NULL: none */
	struct record_place at;	  /* where it stands; message 0: nowhere yet */
	str value;		  /* there */
};

/* Within the transaction; records_end before its end. */
void records_begin(
	struct records *, struct store_txn *, account_num, char letter);
/* Appends the value. ERR_NOTFOUND, ERR_CORRUPT, ERR_IO. */
MUST enum err records_get(struct records *, message_num, struct buf *value);
/* The value, until the next call for these records: where it is, or in `room`,
 * which is emptied. Errors as above. */
MUST enum err records_look(
	struct records *, message_num, struct buf *room, str *value_r);
/* fn is called with the value of that record (store_look). Of 'c' it
 * checks the checksum. */
MUST enum err records_visit(
	struct records *, struct record_place, store_value_fn *, void *arg);
void records_end(struct records *);

#endif
