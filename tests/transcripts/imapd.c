/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The heart of the server alone, for transcripts: sessions on the memory
 * engine in one process without confinement, so that sanitizers see everything.
 * It believes every LOGIN (the password "guest" is a guest's), and "POP3 name
 * [utf8]" for POP3; "LMTP" begins LMTP. Each name is an account of its own, and
 * so is each local part of an address before its "+", unless it begins with
 * "nobody". Who comes back from a session (UNAUTHENTICATE) has the dialogue
 * before login. Ends when its standard input does.
 *
 *	imapd [THREADS]		prints the port it listens on
 *
 * A line "SECONDS ENTRIES LATER" on its standard input makes it forget what was
 * expunged as if it were so many seconds later, having been told to remember
 * it for so long; it answers with a line.
 */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/cursor.h"
#include "base/hash.h"
#include "base/ipc.h"
#include "base/log.h"
#include "base/mechanism.h"
#include "imap/imap.h"
#include "lmtp/lmtp.h"
#include "login/login.h"
#include "mail/mail.h"
#include "pop3/pop3.h"
#include "session/session.h"
#include "session/ticket.h"
#include "store/store.h"
#include "wire/pop3/respond.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* For clients of all protocols. */
static const char greeting[] = "+OK the heart alone\r\n";

struct imapd {
	struct loop *loop;
	struct mail *mail;
	struct session_service *sessions;
	struct loop_watch listener;
	struct loop_watch input;
};

/* A word, or one in quotes without escapes. */
static str next_word(str *line)
{
	str rest = str_trim(*line);
	bool quoted = rest.n && rest.p[0] == '"';
	size_t n;

	rest = str_skip(rest, quoted);
	n = str_find_byte(rest, quoted ? '"' : ' ');
	*line = str_skip(rest, n + quoted);
	return str_take(rest, n);
}

/* Blocks; tests log in right away, in one line. */
static size_t read_login(int fd, char *room, size_t size)
{
	size_t n = 0;

	while (n < size && !memchr(room, '\n', n)) {
		ssize_t got = recv(fd, room + n, size - n, 0);

		if (got <= 0)
			return 0;
		n += (size_t)got;
	}
	return n;
}

/* Never 0, which is nobody's. */
static uint64_t account_of(str name)
{
	return (hash_str(name) >> 1) + 1;
}

/* auth. */
static enum err resolve(void *ctx, uint32_t type, uint32_t id, str payload)
{
	const struct imapd *d = ctx;
	struct cursor c = cursor_of(payload);
	struct buf out = BUF_UNBOUNDED;
	str local, name;

	(void)type;
	(void)cursor_sized(&c);
	local = cursor_sized(&c);
	local = str_take(local, str_find_byte(local, '@'));
	name = str_take(local, str_find_byte(local, '+'));
	buf_add_varint(
		&out, str_starts(name, STR("nobody")) ? ERR_NOTFOUND : OK);
	buf_add_sized(&out, str_skip(local, name.n + 1));
	buf_add_varint(&out, 1);
	buf_add_varint(&out, account_of(name));
	buf_add_sized(&out, name);
	buf_add_varint(&out, 1);
	session_service_answer(d->sessions, id, buf_str(&out));
	buf_fini(&out);
	return OK;
}

static void begin_lmtp(struct imapd *d, int fd, struct handover *h)
{
	const struct ticket t = {.name = STR(""), .rights = TICKET_MAY_DELIVER};

	session_begin(d->sessions, &lmtp_protocol, fd, h, &t);
}

static void log_in(struct imapd *d, int fd)
{
	char room[4096];
	str all = {room, read_login(fd, room, sizeof room)};
	size_t end = str_find_byte(all, '\n');
	str line = str_trim(str_take(all, end));
	struct handover h = {.protocol = STR("imap"),
		.session = STR("test"),
		.remote = STR("127.0.0.1:1"),
		.local = STR("127.0.0.1:2"),
		.leftover = str_skip(all, end + 1)};
	const struct session_protocol *protocol = &imap_protocol;
	struct buf state = BUF_UNBOUNDED;
	struct ticket t;
	bool guest;
	str name;

	h.tag = next_word(&line);
	if (str_eq_c(h.tag, "LMTP")) {
		begin_lmtp(d, fd, &h);
		return;
	}
	if (str_eq_c(h.tag, "POP3")) {
		protocol = &pop3_protocol;
	} else if (!str_ieq_c(next_word(&line), "LOGIN")) {
		close(fd);
		return;
	}
	name = next_word(&line);
	guest = str_eq_c(line, " guest") || str_eq_c(line, " \"guest\"");
	t = (struct ticket){.account = account_of(name),
		.name = name,
		.rights = guest ? TICKET_MAY_READ : TICKET_MAY_ALL};
	pop3_before_encode(
		&(struct pop3_before){
			str_eq_c(next_word(&line), "utf8"), MECHANISM_PLAIN},
		&state);
	h.state = buf_str(&state);
	session_begin(d->sessions, protocol, fd, &h, &t);
	buf_fini(&state);
}

/* front. */

struct visitor {
	struct loop_watch watch;
	struct imapd *d;
	struct login login;
	struct buf in; /* what the login was not fed yet */
};

static const struct login_settings login_settings = {.plaintext = true,
	.offered = MECHANISM_PLAIN,
	.failures_max = 5,
	.id_name = "Culver"};

/* The descriptor is a session's, or closed. */
static void visitor_free(struct visitor *v)
{
	login_fini(&v->login);
	buf_fini(&v->in);
	free(v);
}

/* Whoever he says he is. */
static void begin_again(struct visitor *v)
{
	str name = str_skip(login_response(&v->login), 1);
	struct handover h = {.session = STR("test"),
		.remote = STR("127.0.0.1:1"),
		.local = STR("127.0.0.1:2")};
	struct buf left = BUF_UNBOUNDED;
	struct ticket t;

	name = str_take(name, str_find_byte(name, 0));
	t = (struct ticket){.account = account_of(name),
		.name = name,
		.rights = TICKET_MAY_ALL};
	login_hand_over(&v->login, &h);
	buf_add(&left, h.leftover);
	buf_add(&left, buf_str(&v->in));
	h.leftover = buf_str(&left);
	loop_remove(v->d->loop, &v->watch);
	session_begin(v->d->sessions, &imap_protocol, v->watch.fd, &h, &t);
	buf_fini(&left);
	visitor_free(v);
}

static void log_in_again(struct visitor *v)
{
	struct buf out = BUF_UNBOUNDED;
	enum login_want want = LOGIN_MORE;

	while (want == LOGIN_MORE && v->in.n) {
		str piece = str_take(buf_str(&v->in), LOGIN_CHUNK);

		want = login_feed(&v->login, piece, &out);
		buf_consume(&v->in, piece.n);
	}
	if (out.n && send(v->watch.fd, out.p, out.n, MSG_NOSIGNAL) < 0)
		want = LOGIN_CLOSE;
	buf_fini(&out);
	if (want == LOGIN_AUTH) {
		begin_again(v);
	} else if (want != LOGIN_MORE) {
		loop_remove(v->d->loop, &v->watch);
		close(v->watch.fd);
		visitor_free(v);
	}
}

static void on_visitor(
	struct loop *loop, struct loop_watch *watch, uint32_t events)
{
	struct visitor *v = LOOP_OWNER(watch, struct visitor, watch);
	char room[LOGIN_CHUNK];
	ssize_t n = recv(watch->fd, room, sizeof room, MSG_DONTWAIT);

	(void)events;
	if (n > 0) {
		buf_add(&v->in, str_of(room, (size_t)n));
		log_in_again(v);
	} else {
		loop_remove(loop, watch);
		close(watch->fd);
		visitor_free(v);
	}
}

static enum err take_back(void *arg, const struct session *s, str unread)
{
	struct visitor *v = xcalloc(1, sizeof *v);
	int fd = fcntl(s->watch.fd, F_DUPFD_CLOEXEC, 0);

	v->d = arg;
	v->in = BUF_UNBOUNDED;
	login_init(&v->login, &login_imap, &login_settings, false);
	if (fd < 0 || loop_add(v->d->loop, &v->watch, fd, EPOLLIN, on_visitor))
		abort();
	buf_add(&v->in, unread);
	log_in_again(v);
	return OK;
}

static void on_listener(
	struct loop *loop, struct loop_watch *watch, uint32_t events)
{
	struct imapd *d = LOOP_OWNER(watch, struct imapd, listener);
	int fd = accept4(watch->fd, NULL, NULL, SOCK_CLOEXEC);
	int one = 1;

	(void)loop;
	(void)events;
	if (fd < 0)
		return;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (send(fd, greeting, sizeof greeting - 1, MSG_NOSIGNAL) < 0)
		close(fd);
	else
		log_in(d, fd);
}

static void forget(struct imapd *d, char *line)
{
	struct mail_limits limits = mail_limits_of(d->mail);
	enum err e;

	limits.history = strtol(line, &line, 10);
	limits.history_entries = strtoul(line, &line, 10);
	mail_set_limits(d->mail, &limits);
	e = mail_prune(d->mail, clock_wall_s() + strtol(line, NULL, 10));
	printf("%s\n", e ? "failed" : "done");
	fflush(stdout);
}

static void on_input(
	struct loop *loop, struct loop_watch *watch, uint32_t events)
{
	char line[256];
	ssize_t n = read(watch->fd, line, sizeof line - 1);

	(void)events;
	if (n <= 0) {
		loop_stop(loop);
		return;
	}
	line[n] = '\0';
	forget(LOOP_OWNER(watch, struct imapd, input), line);
}

static int listen_anywhere(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) ||
		listen(fd, 128) ||
		getsockname(fd, (struct sockaddr *)&address, &size))
		return -1;
	printf("%d\n", ntohs(address.sin_port));
	fflush(stdout);
	return fd;
}

int main(int argc, char **argv)
{
	struct store *store = store_open_memory();
	struct mail *mail = mail_new(store, NULL);
	struct pool *pool =
		pool_new(argc > 1 ? (unsigned)atoi(argv[1]) : 4, 1024 * 1024);
	struct imapd d = {.mail = mail};

	log_setup("imapd", STDERR_FILENO, LOG_LOGFMT);
	log_set_level(LOG_WARN);
	if (loop_new(&d.loop))
		return 1;
	d.sessions = session_service_new(d.loop, pool, mail, NULL);
	session_service_on_hand_back(d.sessions, take_back, &d);
	session_service_set_sender(
		d.sessions, &(struct session_sender){resolve, &d, 10000});
	if (loop_add(d.loop, &d.listener, listen_anywhere(), EPOLLIN,
		    on_listener) ||
		loop_add(d.loop, &d.input, STDIN_FILENO, EPOLLIN, on_input))
		return 1;
	loop_run(d.loop);
	session_service_stop(d.sessions);
	while (session_service_count(d.sessions))
		loop_run_once(d.loop, 50);
	pool_free(pool);
	loop_run_once(d.loop, 0);
	session_service_free(d.sessions);
	mail_free(mail);
	store_close(store);
	close(d.listener.fd);
	loop_free(d.loop);
	return 0;
}
