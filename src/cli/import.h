/* SPDX-License-Identifier: Apache-2.0 */
/*
 * import: what the readers of the formats share: they put a message's bytes
 * into the spool and send it. Functions that give an int give an exit code;
 * one that is not CLI_OK ends the import (the connection, or what the server
 * refuses as a whole). What is wrong with one file or message is told with
 * import_problem() and passed over.
 */
#ifndef CLI_IMPORT_H
#define CLI_IMPORT_H

#include "base/uidset.h"
#include "cli/client.h"
#include "cli/spool.h"
#include "message/date.h"
#include "message/flags.h"

#include <sys/stat.h>

enum import_format {
	IMPORT_AUTO,
	IMPORT_MBOX,
	IMPORT_MAILDIR,
	IMPORT_EML,
};

struct import {
	struct client client;
	enum import_format format;
	const char *into; /* --mailbox; NULL */
	char *mailbox;	  /* that messages go to now; NULL before the first */
	struct spool spool;
	/* Whose the PATH is that is being read, when we are root and they are
	 * not: who may have put links to the files of others into it. */
	bool guarded;
	uid_t owner;
	uint64_t messages; /* sent */
	uint64_t problems; /* files and messages that were passed over */
};

/* From here on messages go to it; it is made if there is none. uidvalidity 0:
 * not known. */
int import_select(struct import *, str mailbox, uint32_t uidvalidity);
/* The mailbox that was selected last will give out no UID below. */
int import_uidnext(struct import *, uid_num uidnext);
int import_subscribe(struct import *, str mailbox);

struct import_message {
	const char *name; /* to tell people; as in "x.mbox: message 3" */
	struct flag_list flags;
	struct date date;
	uid_num uid;	  /* 0: any */
	const char *uidl; /* POP3 unique-id it had; NULL */
};
/* Sends what is in the spool. */
int import_send(struct import *, const struct import_message *);

/* The message in the spool's Date field, if it has one that is a date. */
bool import_date(const struct import *, struct date *date_r);
/* Puts the whole file into the spool; false after import_problem. The file's
 * modification time is a date too. */
bool import_load(struct import *, const char *path, struct date *modified_r);

/* Opens a regular file that its tree's owner may have there; -1 after
 * import_problem, which is not said of one that is missing if `optional`. */
int import_open(
	struct import *, const char *path, bool optional, struct stat *st);

/* Names the file or message, says what is wrong, and counts it. */
void import_problem(struct import *, const char *name, const char *why);

/* A name that came from a file in a form that can be shown and sent: UTF-8,
 * without control characters. The caller's. */
char *import_label(const char *name);
/* What a mailbox of the tree is to be called here: below --mailbox, if that
 * is given; INBOX is --mailbox itself. The caller's. */
char *import_mailbox(const struct import *, str mailbox);
/* "a/b"; "b" when a is empty. The caller's. */
char *import_join(const char *a, const char *b);

/* import_maildir.c */

/* Has it cur/ and new/? */
bool maildir_is(const char *path);
/* One folder's messages, flags, UIDs, keywords. */
int maildir_import(
	struct import *, const char *path, str mailbox, bool keep_uids);
/* Its file of subscriptions, if it has one. */
int maildir_import_subscriptions(
	struct import *, const char *path, char separator);

#endif
