/* SPDX-License-Identifier: Apache-2.0 */
/* work: what several workloads do. */
#ifndef LOAD_WORK_H
#define LOAD_WORK_H

#include "load/imap.h"
#include "load/mail.h"

/* conns= connections that are logged in, to the accounts user= and on, users=
 * of them, in turn. */
struct work_clients {
	struct imap *all;
	uint64_t count, users;
};

struct work_clients work_open(uint64_t depth);
void work_close(struct work_clients *);
/* The number in user=; "u0007" is 7. */
uint64_t work_first_user(void);

/* box=, INBOX by default. */
const char *work_mailbox(void);

/* Writes APPEND of the mails into box=, each with its date and as a
 * synchronising-free literal; more than one: MULTIAPPEND. */
struct imap_command *work_append(struct imap *, const char *mailbox,
	const struct mail *, uint64_t count);

/* The mailbox of the one connection is SELECTed and holds the first `count`
 * mails of mail=; gives them. count=0: as many as there are. */
const struct mail *work_select_filled(struct imap *, uint64_t *count_r);

/* Runs the loop until each command of all clients is answered. */
void work_wait(struct work_clients *);

#endif
