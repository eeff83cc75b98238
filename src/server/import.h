/* SPDX-License-Identifier: Apache-2.0 */
/*
 * import: messages from elsewhere into an account, and back out. The command
 * line reads and writes the files; this end keeps the rules.
 *
 * "import" {"account":7}, then the client's items:
 *
 *	{"mailbox":"INBOX","uidvalidity":1275660208}	from here on into it; it
 *is made when there is none; uidvalidity is kept if it is new
 *	{"flags":["\\Seen","work"],"date":1700000000,"zone":60,"uid":12},
 *		"size":N and N bytes: a message; "uidl":"…": its POP3 unique-id,
 *when it is not made of its UID
 *	{"uidnext":25022}	of the mailbox: no UID below will be given out
 *	{"subscribe":"Lists/x"}
 *
 * The answer counts: {"added":n,"skipped":n,"refused":n}. A message is skipped
 *when the mailbox has as many copies of exactly these bytes as came so far, so
 *an import that is run again adds nothing. A UID that cannot be kept is
 *replaced. A message that is too large or has flags that cannot be is refused:
 *an item
 * {"name":…,"error":"words"}, the name as the client may give it with the
 * message, is sent meanwhile, and the rest goes on. The same is told of one
 * that is added without its keywords, when the mailbox has no room for more.
 *
 * "export" {"account":7} answers items: {"mailbox":"…","uidvalidity":…,
 * "uidnext":…,"subscribed":true} for each mailbox, each followed by its
 * messages, {"uid":…,"flags":[…],"date":…,"zone":…} with their bytes.
 */
#ifndef SERVER_IMPORT_H
#define SERVER_IMPORT_H

#include "server/control.h"

control_fn import_run;
control_fn export_run;

#endif
