/* SPDX-License-Identifier: Apache-2.0 */
/*
 * address: address lists of RFC 5322 section 3.4, with the obsolete syntax
 * (routes, empty list members, comments, blanks anywhere), UTF-8 (RFC 6532),
 * and a best effort for what is neither.
 *
 * The list is as IMAP's ENVELOPE wants it (RFC 9051 section 7.5.2): a group is
 * an entry with mailbox = its name and no host, its members, and an entry with
 * neither. Best efforts:
 *
 *	foo                 mailbox "foo", host ""
 *	Mailer Daemon       name "Mailer Daemon", mailbox "", host ""
 *	Foo <bar>           name "Foo", mailbox "bar", host ""
 *	Foo <a@b            as if the > were there
 *	<mailto:a@b>        as if the mailto: were not there
 *	a@b <c@d>           name "a@b"
 *	foo@bar (Foo Bar)   name "Foo Bar", from the comment
 *	a@b c@d             two addresses, as if the comma were there
 *	undisclosed:        a group, as if the ; were there
 *
 * A missing host is the empty string, because NIL means group there, and a
 * made-up name would be taken for one.
 */
#ifndef MESSAGE_ADDRESS_H
#define MESSAGE_ADDRESS_H

#include "base/arena.h"

struct buf;

struct address {
	str name;  /* unquoted, encoded words as they are; none */
	str route; /* "@a,@b"; none */
	str mailbox;
	str host;
	struct address *next;
};

/* From the value of one field, folded or not. NULL for no addresses. When the
 * arena is spent, the addresses up to there. Strs are the arena's or point
 * into `value`. */
struct address *address_parse(struct arena *, str value);

static inline bool address_is_group_start(const struct address *a)
{
	return str_is_none(a->host) && !str_is_none(a->mailbox);
}

static inline bool address_is_group_end(const struct address *a)
{
	return str_is_none(a->host) && str_is_none(a->mailbox);
}

/* ENVELOPE's form, "((name adl mailbox host)...)" or NIL for no addresses. */
void address_print(const struct address *, struct buf *);

#endif
