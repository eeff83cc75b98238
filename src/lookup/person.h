/* SPDX-License-Identifier: Apache-2.0 */
/*
 * person: what a source says about somebody, from text that is not trusted.
 * Every value is bounded and checked before it is believed: a source that
 * makes no sense says nothing. Pure.
 */
#ifndef LOOKUP_PERSON_H
#define LOOKUP_PERSON_H

#include "lookup/lookup.h"

/* What a column of an SQL row may say. */
struct person_column {
	enum {
		PERSON_NAME,	/* "name" */
		PERSON_HASH,	/* "hash", "password" */
		PERSON_QUOTA,	/* "quota" */
		PERSON_ENABLED, /* "enabled" */
		PERSON_PROTOCOL /* "imap", "pop3", …: may use it */
	} kind;
	unsigned protocol; /* enum account_protocol bit */
};

/* ERR_UNSUPPORTED: no such column. */
MUST enum err person_column_parse(str name, struct person_column *column_r);
/* ", "-separated names of all columns, for messages. */
void person_column_list(struct buf *);

/* All: ERR_INVALID, and nothing changes, when the value is none. */
MUST enum err person_take(
	struct lookup_person *, const struct person_column *, str value);
/* 1..LOOKUP_NAME_MAX bytes of printable UTF-8. */
MUST enum err person_take_name(struct lookup_person *, str);
/* At most LOOKUP_HASH_MAX bytes of printable ASCII; may be empty. */
MUST enum err person_take_hash(struct lookup_person *, str);
/* Digits and a unit, in powers of 1024: "", b, k, kb, m, mb, g, gb, t, tb.
 * `unit` is that of "": 1, or what the source takes for granted. */
MUST enum err person_take_quota(
	struct lookup_person *, str, uint64_t default_unit);
/* "t", "true", "1", "yes", "y", "on", and their contraries; any case. */
MUST enum err person_read_bool(str, bool *value_r);

#endif
