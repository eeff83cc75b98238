/* SPDX-License-Identifier: Apache-2.0 */
/* For targets that talk to a whole session, in process. */
#ifndef FUZZ_TALK_H
#define FUZZ_TALK_H

#include "base/log.h"
#include "mail/verify.h"
#include "session/session.h"
#include "store/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define TALK_STACK (1024 * 1024)
#define TALK_INPUT_MAX 65536

static struct loop *talk_loop;
static struct pool *talk_pool;

static inline void must(bool condition)
{
	if (!condition)
		abort();
}

/* Before anything else; doing it again does nothing. */
static inline void talk_begin(void)
{
	if (talk_loop)
		return;
	log_set_level(LOG_ERROR);
	must(loop_new(&talk_loop) == OK);
	talk_pool = pool_new(1, TALK_STACK);
}

/* Lets the session work, and takes what it says. */
static inline void talk_pump(int fd, struct buf *said)
{
	char piece[65536];
	ssize_t n;

	loop_run_once(talk_loop, 0);
	pool_drain(talk_pool);
	while ((n = recv(fd, piece, sizeof piece, MSG_DONTWAIT)) > 0)
		if (said)
			buf_add(said, str_of(piece, (size_t)n));
}

/* Says all of the input, and nothing more, until the session ends; said: what
 * it answered, or NULL. */
static inline void talk(
	struct session_service *service, int fd, str input, struct buf *said)
{
	bool ended = false;

	while (session_service_count(service)) {
		ssize_t n = input.n ? send(fd, input.p, input.n,
					      MSG_DONTWAIT | MSG_NOSIGNAL)
				    : 0;

		if (n > 0)
			input = str_skip(input, (size_t)n);
		else if (n < 0 && errno != EAGAIN)
			input.n = 0;
		if (!input.n && !ended)
			ended = shutdown(fd, SHUT_WR) == 0;
		talk_pump(fd, said);
	}
	/* What ended it was posted. */
	talk_pump(fd, said);
}

static inline void talk_problem(void *arg, str words)
{
	(void)arg;
	fprintf(stderr, "verify: %.*s\n", STR_ARG(words));
	abort();
}

/* The store agrees with itself; and is closed. */
static inline void talk_verify(struct store *store, struct mail *mail)
{
	struct verify verify = {.problem = talk_problem};

	must(mail_purge(mail, false) == OK);
	must(verify_mail(mail, 0, &verify) == OK);
	mail_free(mail);
	store_close(store);
}

#endif
