/* SPDX-License-Identifier: Apache-2.0 */
/* What a client says to an LMTP session, whatever it likes: no crash, no leak,
 * the store agrees with itself after, and what was answered as delivered is
 * there. For bounded memory: -malloc_limit_mb=80 (a message may have 64). */
#include "base/cursor.h"
#include "base/ipc.h"
#include "base/log.h"
#include "lmtp/lmtp.h"
#include "mail/verify.h"
#include "mail/view.h"
#include "store/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define STACK (1024 * 1024)
#define INPUT_MAX 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct loop *loop;
static struct pool *pool;

static void must(bool condition)
{
	if (!condition)
		abort();
}

static void problem(void *arg, str words)
{
	(void)arg;
	fprintf(stderr, "verify: %.*s\n", STR_ARG(words));
	abort();
}

/* Auth: "n…" is nobody; all others mean one of two accounts, or both. */
static enum err resolve(void *ctx, uint32_t type, uint32_t id, str payload)
{
	struct cursor c = cursor_of(payload);
	struct buf out = BUF_UNBOUNDED;
	str address;
	unsigned which;

	must(type == IPC_RESOLVE);
	must(str_eq_c(cursor_sized(&c), "lmtp"));
	address = cursor_sized(&c);
	must(cursor_ok(&c) && cursor_done(&c) && address.n);
	which = (unsigned char)address.p[0] % 3;
	buf_add_varint(&out, address.p[0] == 'n' ? ERR_NOTFOUND : OK);
	buf_add_sized(&out, str_take(address, 3));
	buf_add_varint(&out, which == 2 ? 2 : 1);
	for (unsigned i = 0; i < 2; i++) {
		if (which != 2 && which != i)
			continue;
		buf_add_varint(&out, i + 1);
		buf_add_sized(&out, STR("name"));
		buf_add_varint(&out, i);
	}
	session_service_answer(
		*(struct session_service **)ctx, id, buf_str(&out));
	buf_fini(&out);
	return OK;
}

/* Lets the session work, and takes what it says. */
static void pump(int fd, struct buf *said)
{
	char piece[65536];
	ssize_t n;

	loop_run_once(loop, 0);
	pool_drain(pool);
	while ((n = recv(fd, piece, sizeof piece, MSG_DONTWAIT)) > 0)
		buf_add(said, str_of(piece, (size_t)n));
}

static void talk(
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
		pump(fd, said);
	}
	/* What ended it was posted. */
	pump(fd, said);
}

static void session(struct mail *mail, str input, struct buf *said)
{
	struct session_service *service =
		session_service_new(loop, pool, mail, NULL);
	struct session_sender sender = {resolve, &service, 10000};
	struct handover h = {
		.protocol = STR("lmtp"),
		.session = STR("fuzz"),
		.remote = STR("127.0.0.1:1"),
	};
	int fds[2];

	session_service_set_sender(service, &sender);
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	session_begin(service, &lmtp_protocol, fds[1], &h,
		&(struct ticket){.name = STR(""),
			.rights = TICKET_MAY_DELIVER | TICKET_MAY_XCLIENT});
	talk(service, fds[0], input, said);
	close(fds[0]);
	session_service_free(service);
}

static size_t stored(struct mail *mail, account_num account)
{
	const struct mail_user user = {.account = account, .rights = RIGHT_ALL};
	struct mailbox_ref ref;
	struct view *view;
	size_t n;

	if (mailbox_open(mail, &user, STR("INBOX"), RIGHT_READ, &ref))
		return 0;
	must(view_acquire(mail, &ref, &view) == OK);
	n = uidset_count(&view->uids);
	view_release(mail, view);
	return n;
}

/* A message of several recipients is stored for two accounts at most, once
 * each; a recipient is answered for one or two. */
static void check(struct mail *mail, str said)
{
	size_t n = stored(mail, 1) + stored(mail, 2), delivered = 0;

	while (said.n) {
		size_t end = str_find_byte(said, '\n');
		str line = str_take(said, end);

		must(line.n > 4 && line.n < 512 && str_ends(line, STR("\r")));
		delivered += str_starts(line, STR("250 2.0.0 ")) &&
			     str_ends(line, STR(" Delivered\r"));
		said = str_skip(said, end + 1);
	}
	must(n <= 2 * delivered && (n > 0) == (delivered > 0));
}

static void begin(void)
{
	log_set_level(LOG_ERROR);
	must(loop_new(&loop) == OK);
	pool = pool_new(1, STACK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct verify verify = {.problem = problem};
	struct buf said = BUF_UNBOUNDED;
	struct store *store;
	struct mail *mail;

	if (size > INPUT_MAX)
		return 0;
	if (!loop)
		begin();
	store = store_open_memory();
	mail = mail_new(store, NULL);
	session(mail, str_of((const char *)data, size), &said);
	check(mail, buf_str(&said));
	must(mail_purge(mail, false) == OK);
	must(verify_mail(mail, 0, &verify) == OK);
	mail_free(mail);
	store_close(store);
	buf_fini(&said);
	return 0;
}
