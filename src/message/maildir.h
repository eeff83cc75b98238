/* SPDX-License-Identifier: Apache-2.0 */
/*
 * maildir: the names in a Maildir or Maildir++ tree: what a message's file
 * name says, and which mailbox a folder's directory is. No I/O.
 *
 *	cur/1700000000.M1P2.host,S=1234,W=1260:2,FRSa
 *	.Sub.Folder		Sub/Folder
 */
#ifndef MESSAGE_MAILDIR_H
#define MESSAGE_MAILDIR_H

#include "base/arena.h"
#include "base/buf.h"

#define MAILDIR_KEYWORDS 26

struct maildir_name {
	/* Without the flags: what stays the same, and what dovecot-uidlist
	 * names. Into the file name. */
	str unique;
	bool has_flags;	    /* ":2," was there */
	uint64_t flags;	    /* FLAG_* */
	bool is_forwarded;  /* P, "passed": $Forwarded */
	uint32_t keywords;  /* bit 0 is letter a: see dovecot-keywords */
	uint64_t size;	    /* ,S= bytes of the file; UINT64_MAX: not said */
	uint64_t wire_size; /* ,W= bytes with CRLF; UINT64_MAX: not said */
	int64_t delivered;  /* seconds since 1970; -1: not said */
};

/* A file in cur/ or new/. ERR_INVALID for a name that is no message's: hidden,
 * or with a slash. Besides ":2," knows ";2," and "!2,", which replace it where
 * a file system has no colon. */
MUST enum err maildir_name_parse(str file, struct maildir_name *name_r);

/* Appends ":2," and the flags' letters in ASCII order. */
void maildir_name_add_flags(
	struct buf *, uint64_t flags, bool is_forwarded, uint32_t keywords);

/* A directory of Maildir++ to a canonical name; "" and "." are INBOX. Names
 * are modified UTF-7, else UTF-8; "\2e" is a dot, "\5c" a backslash, "\7e"
 * a tilde at the start (Dovecot's listescape).
 * ERR_INVALID for what cannot be a mailbox, ERR_TOOBIG. */
MUST enum err maildir_folder_decode(
	struct arena *, str directory, str *mailbox_r);
/* A name as it stands in such trees' files: components separated by
 * `separator`, else as above. */
MUST enum err maildir_mailbox_decode(
	struct arena *, str name, char separator, str *mailbox_r);
/* Appends the directory of a canonical name: "" for INBOX. */
void maildir_folder_encode(struct buf *, str mailbox);

#endif
