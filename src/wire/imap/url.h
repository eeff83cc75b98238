/* SPDX-License-Identifier: Apache-2.0 */
/*
 * url: IMAP URLs (RFC 5092), which name a server, a mailbox, some messages of
 * one, a message, a section of it, or a range of that section's bytes. Pure:
 * bytes in, a struct in the arena out.
 *
 * All forms of section 11 are read, but for those of URLAUTH (ERR_UNSUPPORTED).
 * Nothing is resolved against a base: what a relative one leaves out is absent.
 * Dot segments are taken out (RFC 3986 section 5.2.4).
 *
 * Section 7.2 forbids relative paths while section 9.1 has them as examples,
 * and RFC 4469 section 3 has the base URL that they need. What only adds to a
 * base (";UID=20") is read: it means one thing. "name/;UID=20" is not: by RFC
 * 3986 it is beside the base, and by RFC 2192's examples below it.
 */
#ifndef WIRE_IMAP_URL_H
#define WIRE_IMAP_URL_H

#include "wire/imap/command.h"

/* Bytes. A mailbox's name with all of it in percents is 3000. */
#define IMAP_URL_MAX 8192
#define IMAP_URL_PORT 143

enum imap_url_form {
	IMAP_URL_ABSOLUTE, /* imap://server/... */
	IMAP_URL_NETWORK,  /* //server/... */
	IMAP_URL_PATH,	   /* /mailbox... */
	IMAP_URL_RELATIVE, /* ;UID=..., ;SECTION=..., ;PARTIAL=... */
	IMAP_URL_EMPTY,
};

struct imap_url {
	enum imap_url_form form;
	/* ABSOLUTE, NETWORK. Decoded; absent where nothing was said; auth may
	 * be "*". The host as it was sent: a name, or an address. */
	str user, auth, host;
	uint32_t port;
	str mailbox;	      /* canonical; absent: none is named */
	uint32_t uidvalidity; /* 0: none */
	str search;	      /* behind "?", decoded; absent: none */
	uint32_t uid;	      /* 0: none */
	bool has_section;
	/* BODY.PEEK, with the partial; the whole message when !has_section. The
	 * length of one without end is INT64_MAX. */
	struct imap_section section;
};

/* ERR_INVALID: not such a URL, or nothing can have that name; ERR_TOOBIG: too
 * long; ERR_UNSUPPORTED: with EXPIRE or URLAUTH; ERR_LIMIT: as imap_parse. */
MUST enum err imap_url_parse(struct arena *, str text, struct imap_url *url_r);

/* Does it name one message or a part of it? What it leaves to a base aside. */
bool imap_url_is_message(const struct imap_url *);

/* Such that it parses to the same. */
void imap_url_print(struct buf *, const struct imap_url *);

/* A URL as the client sent it, for BADURL (RFC 4469 section 5): what cannot
 * stand there, or in any URL, in percents; too long ones are cut;
 * one of no bytes is "". */
void imap_url_put_quoted(struct buf *, str text);

#endif
