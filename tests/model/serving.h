/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serving: a real server in a directory of its own, and its ends. It is a child
 * of the process that began it, dies with that, and is started again by it when
 * all of it was killed. Others, children too, may kill it, one at a time.
 */
#ifndef MODEL_SERVING_H
#define MODEL_SERVING_H

#include <stdbool.h>
#include <sys/types.h>

#define SERVING_ACCOUNTS 400 /* u1, u2, …; the password is "secret" */

extern unsigned serving_imap, serving_pop3, serving_lmtp; /* ports */

/* Before anything else. */
void serving_init(const char *program);
void serving_begin(void);
/* Ends it; its trouble is printed, if wanted. */
void serving_end(bool aloud);
/* True when it was the server, which begins again, if it was killed. */
bool serving_child_ended(pid_t, int status);

/* In any process, one at a time: kills it; waits for the next. */
void serving_kill_mail(void);
void serving_await_mail(void);
void serving_kill_all(void);
void serving_await_all(void);
/* Is all that it stores as it must be? NULL: of all. */
bool serving_verify(const char *account);

#endif
