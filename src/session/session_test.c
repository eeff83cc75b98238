/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions of a protocol that asks: "ask WORD" asks auth and tells the answer,
 * "zip" compresses what follows, "leave" gives the connection back, "-" begins
 * what is not answered; anything else is told back. */
#include "base/test.h"
#include "session/fixture.h"
#include "session/zip.h"

#include <fcntl.h>

#define QUESTION 80
#define ASKER_ROOM (512 * 1024)

/* The protocol. */

struct asker {
	struct session session;
	bool asking, leaving, zipping;
};

static void asker_open(struct session *s, const struct handover *h)
{
	(void)s;
	(void)h;
}

static enum session_want asker_answered(struct asker *a)
{
	struct session *s = &a->session;
	str answer;
	enum err e = session_answer(s, &answer);

	if (e == ERR_AGAIN)
		return SESSION_WANT_ANSWER;
	a->asking = false;
	if (e)
		buf_addf(&s->out, "no: %s\n", err_words(e));
	else
		buf_addf(&s->out, "yes: %.*s\n", STR_ARG(answer));
	return SESSION_WANT_TURN;
}

static enum session_want asker_line(struct asker *a)
{
	struct session *s = &a->session;
	str in = buf_str(&s->in);
	str line = str_take(in, str_find_byte(in, '\n'));

	if (line.n == in.n)
		return SESSION_WANT_INPUT;
	if (str_starts(line, STR("ask "))) {
		session_ask(s, QUESTION, str_skip(line, 4));
		a->asking = true;
	} else if (!str_starts(line, STR("-"))) {
		buf_addf(&s->out, "%.*s\n", STR_ARG(line));
		a->leaving = str_starts(line, STR("leave"));
		a->zipping = str_eq_c(line, "zip");
	}
	buf_consume(&s->in, line.n + 1);
	return a->asking ? SESSION_WANT_ANSWER : SESSION_WANT_TURN;
}

static enum session_want asker_run(struct session *s, unsigned events)
{
	struct asker *a = (struct asker *)s;
	enum session_want want;

	if (events & SESSION_STOP)
		return SESSION_WANT_CLOSE;
	if (a->leaving)
		return session_leave(s);
	want = a->asking ? asker_answered(a) : asker_line(a);
	if (a->leaving)
		return session_leave(s);
	if (session_flush(s) == ERR_AGAIN)
		return SESSION_WANT_OUTPUT;
	if (a->zipping)
		session_compress(s);
	a->zipping = false;
	if (want != SESSION_WANT_INPUT)
		return want;
	switch (session_read(s, ASKER_ROOM)) {
	case OK:
		return SESSION_WANT_TURN;
	case ERR_AGAIN:
		return SESSION_WANT_INPUT;
	default:
		return SESSION_WANT_CLOSE;
	}
}

static void asker_close(struct session *s)
{
	(void)s;
}

static void asker_refuse(const struct handover *h, enum err e, struct buf *out)
{
	(void)h;
	buf_addf(out, "refused: %s\n", err_words(e));
}

static const struct session_protocol asker_protocol = {
	.name = "asker",
	.size = sizeof(struct asker),
	.idle_ms = 60000,
	.open = asker_open,
	.run = asker_run,
	.close = asker_close,
	.refuse = asker_refuse,
	.stranded = "stranded\n",
};

/* The scene: sessions, and auth, which answers when it is told to. */

enum { HEARD_MAX = 256 };

struct scene {
	struct world world;
	/* What auth was asked; `lock` */
	pthread_mutex_t lock;
	pthread_cond_t came;
	unsigned heard;
	uint32_t ids[HEARD_MAX];
	char words[HEARD_MAX][32];
	/* Who left: the descriptor, what was unread. */
	int returned;
	struct buf unread;
	bool prompt; /* answer at once */
	bool away;
};

static enum err hear(void *ctx, uint32_t type, uint32_t id, str payload)
{
	struct scene *s = ctx;
	bool prompt, away;

	assert_int_equal(type, QUESTION);
	pthread_mutex_lock(&s->lock);
	away = s->away;
	prompt = s->prompt;
	if (!away && s->heard < HEARD_MAX) {
		s->ids[s->heard] = id;
		snprintf(s->words[s->heard++], sizeof s->words[0], "%.*s",
			STR_ARG(payload));
		pthread_cond_broadcast(&s->came);
	}
	pthread_mutex_unlock(&s->lock);
	if (prompt)
		session_service_answer(s->world.service, id, payload);
	return away ? ERR_UNAVAILABLE : OK;
}

static void scene_begin(struct scene *s, uint64_t patience_ms)
{
	*s = (struct scene){0};
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->came, NULL);
	world_make(&s->world, store_open_memory(), NULL);
	session_service_set_sender(s->world.service,
		&(struct session_sender){hear, s, patience_ms});
	world_start(&s->world);
}

static void scene_end(struct scene *s)
{
	world_end(&s->world);
	pthread_cond_destroy(&s->came);
	pthread_mutex_destroy(&s->lock);
}

/* Until auth was asked so often in all. */
static void wait_for_questions(struct scene *s, unsigned count)
{
	pthread_mutex_lock(&s->lock);
	while (s->heard < count)
		pthread_cond_wait(&s->came, &s->lock);
	pthread_mutex_unlock(&s->lock);
}

struct answering {
	struct session_service *service;
	uint32_t id; /* 0: all are lost */
	char words[32];
};

static void answer_posted(struct loop *loop, void *arg)
{
	struct answering *a = arg;

	(void)loop;
	if (a->id)
		session_service_answer(a->service, a->id, str_c(a->words));
	else
		session_service_unanswered(a->service);
	free(a);
}

static void answer(struct scene *s, uint32_t id, const char *words)
{
	struct answering *a = xcalloc(1, sizeof *a);

	a->service = s->world.service;
	a->id = id;
	snprintf(a->words, sizeof a->words, "%s", words);
	loop_post(s->world.loop, answer_posted, a);
}

static int begin_client(
	struct scene *s, const int *fds, uint64_t account, uint64_t minted_ms)
{
	const struct handover h = {
		.session = STR("test"), .remote = STR("192.0.2.1:1")};
	const struct ticket t = {.account = account,
		.name = STR("ann"),
		.expires_ms = minted_ms + TICKET_LIFETIME_MS};

	world_begin_session(&s->world, &asker_protocol, fds[1], &h, &t);
	return fds[0];
}

/* The client's end. */
static int client_of(struct scene *s, uint64_t account, uint64_t minted_ms)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	return begin_client(s, fds, account, minted_ms);
}

/* With what the front has set; *seen_r is the session's socket, too. */
static int client_that(
	struct scene *s, const struct linger *linger, int *seen_r)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(setsockopt(fds[1], SOL_SOCKET, SO_LINGER, linger,
				 sizeof *linger),
		0);
	*seen_r = dup(fds[1]);
	return begin_client(s, fds, 1, 0);
}

static int client_new(struct scene *s)
{
	return client_of(s, 1, 0);
}

static void say(int fd, const char *words)
{
	assert_int_equal(
		send(fd, words, strlen(words), MSG_NOSIGNAL), strlen(words));
}

/* The next line, or "" at the end. */
static void expect(int fd, const char *line)
{
	char got[256];
	size_t n = 0;

	while (n < sizeof got && recv(fd, got + n, 1, 0) == 1 &&
		got[n++] != '\n')
		;
	assert_str(str_of(got, n), line);
}

/* Tests. */

static void test_answered(void **unused)
{
	struct scene s;
	int fd;

	(void)unused;
	scene_begin(&s, 60000);
	fd = client_new(&s);
	say(fd, "ask one\nnext\n");
	wait_for_questions(&s, 1);
	assert_string_equal(s.words[0], "one");
	answer(&s, s.ids[0], "1");
	expect(fd, "yes: 1\n");
	expect(fd, "next\n");
	say(fd, "ask two\n");
	wait_for_questions(&s, 2);
	assert_int_not_equal(s.ids[0], s.ids[1]);
	/* Not this one's, and nobody's. */
	answer(&s, s.ids[0], "wrong");
	answer(&s, s.ids[1] + 64, "wrong");
	answer(&s, s.ids[1], "2");
	expect(fd, "yes: 2\n");
	close(fd);
	scene_end(&s);
}

static void test_away(void **unused)
{
	struct scene s;
	int fd;

	(void)unused;
	scene_begin(&s, 60000);
	s.away = true;
	fd = client_new(&s);
	say(fd, "ask one\n");
	expect(fd, "no: temporarily unavailable\n");
	pthread_mutex_lock(&s.lock);
	s.away = false;
	pthread_mutex_unlock(&s.lock);
	say(fd, "ask two\n");
	wait_for_questions(&s, 1);
	answer(&s, 0, "");
	expect(fd, "no: temporarily unavailable\n");
	close(fd);
	scene_end(&s);
}

/* auth is silent: the answer that comes after all is not the next one's. */
static void test_patience(void **unused)
{
	struct scene s;
	int fd;

	(void)unused;
	scene_begin(&s, 10);
	fd = client_new(&s);
	say(fd, "ask one\n");
	expect(fd, "no: temporarily unavailable\n");
	wait_for_questions(&s, 1);
	pthread_mutex_lock(&s.lock);
	s.prompt = true;
	pthread_mutex_unlock(&s.lock);
	answer(&s, s.ids[0], "late");
	say(fd, "ask two\n");
	expect(fd, "yes: two\n");
	close(fd);
	scene_end(&s);
}

/* A client that goes while auth is asked, and one that says no more but waits.
 */
static void test_hang_up(void **unused)
{
	struct scene s;
	int gone, quiet;

	(void)unused;
	scene_begin(&s, 60000);
	gone = client_new(&s);
	say(gone, "ask one\n");
	wait_for_questions(&s, 1);
	quiet = client_new(&s);
	say(quiet, "ask two\n");
	wait_for_questions(&s, 2);
	close(gone);
	world_await_sessions(&s.world, 1);
	shutdown(quiet, SHUT_WR);
	answer(&s, s.ids[0], "nobody's");
	answer(&s, s.ids[1], "2");
	expect(quiet, "yes: 2\n");
	expect(quiet, "");
	close(quiet);
	scene_end(&s);
}

/* More than are sent at a time; some of their clients go. */
static void test_many(void **unused)
{
	enum { N = 200 };
	struct scene s;
	unsigned heard;
	int fds[N];

	(void)unused;
	scene_begin(&s, 60000);
	for (unsigned i = 0; i < N; i++) {
		char words[32];

		fds[i] = client_of(&s, i + 1, 0);
		snprintf(words, sizeof words, "ask %u\n", i);
		say(fds[i], words);
	}
	wait_for_questions(&s, 64);
	for (unsigned i = 0; i < N; i += 3)
		close(fds[i]);
	world_await_sessions(&s.world, N - (N + 2) / 3);
	pthread_mutex_lock(&s.lock);
	s.prompt = true;
	heard = s.heard;
	pthread_mutex_unlock(&s.lock);
	for (unsigned i = 0; i < heard; i++)
		answer(&s, s.ids[i], s.words[i]);
	for (unsigned i = 0; i < N; i++) {
		char words[32];

		if (i % 3 == 0)
			continue;
		snprintf(words, sizeof words, "yes: %u\n", i);
		expect(fds[i], words);
		close(fds[i]);
	}
	scene_end(&s);
}

/* Stopped while it waits for an answer. */
static void test_stopped(void **unused)
{
	struct scene s;
	int fd;

	(void)unused;
	scene_begin(&s, 60000);
	fd = client_new(&s);
	say(fd, "ask one\n");
	wait_for_questions(&s, 1);
	scene_end(&s);
	expect(fd, "");
	close(fd);
}

/* Which sessions end when an account may not go on as it did. */
static void test_end(void **unused)
{
	static const struct {
		uint64_t account, minted_ms;
		const char *protocol;
		bool ends;
		const char *why;
	} rows[] = {
		{1, 100, "", true, "all of the account"},
		{1, 100, "asker", true, "of this protocol"},
		{1, 100, "other", false, "of another one"},
		{1, 101, "", false, "who logged in since then"},
		{2, 100, "", false, "another account"},
		{0, 100, "", false, "no account"},
	};
	struct scene s;

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		int fd;

		scene_begin(&s, 60000);
		fd = client_of(&s, rows[i].account, rows[i].minted_ms);
		world_await_sessions(&s.world, 1);
		session_service_end(
			s.world.service, 1, str_c(rows[i].protocol), 100);
		if (!rows[i].ends)
			say(fd, "still here\n");
		expect(fd, rows[i].ends ? "" : "still here\n");
		close(fd);
		scene_end(&s);
	}
}

/* Who delivers is of no account, and not counted as one. */
static void test_no_account_has_no_limit(void **unused)
{
	struct session_limits limits;
	struct scene s;
	int fds[4];

	(void)unused;
	scene_begin(&s, 60000);
	limits = session_service_limits(s.world.service);
	limits.per_account = 1;
	session_service_set_limits(s.world.service, &limits);
	for (unsigned i = 0; i < COUNT_OF(fds); i++) {
		fds[i] = client_of(&s, i < 2 ? 0 : 7, 0);
		/* The last is refused, perhaps before it could say a word. */
		if (i < 3)
			say(fds[i], "here\n");
		expect(fds[i], i < 3 ? "here\n" : "refused: over a limit\n");
	}
	for (unsigned i = 0; i < COUNT_OF(fds); i++)
		close(fds[i]);
	scene_end(&s);
}

/* What the other side had set would make closing wait for the client. */
static void test_closing_never_waits(void **unused)
{
	const struct linger asked = {.l_onoff = 1, .l_linger = 3600};
	struct linger left = asked;
	socklen_t size = sizeof left;
	struct scene s;
	int client, seen;

	(void)unused;
	scene_begin(&s, 60000);
	client = client_that(&s, &asked, &seen);
	assert_int_equal(write(client, "hello\n", 6), 6);
	world_await_sessions(&s.world, 1);
	close(client);
	scene_end(&s);
	assert_int_equal(
		getsockopt(seen, SOL_SOCKET, SO_LINGER, &left, &size), 0);
	assert_int_equal(left.l_onoff, 0);
	close(seen);
}

/* Leaving. */

static enum err take_back(void *arg, const struct session *s, str unread)
{
	struct scene *scene = arg;

	pthread_mutex_lock(&scene->lock);
	scene->returned = fcntl(s->watch.fd, F_DUPFD_CLOEXEC, 0);
	scene->unread = BUF_UNBOUNDED;
	buf_add(&scene->unread, unread);
	pthread_cond_broadcast(&scene->came);
	pthread_mutex_unlock(&scene->lock);
	return OK;
}

/* A client of a scene whose sessions may leave. */
static int leaver_new(struct scene *s)
{
	scene_begin(s, 60000);
	s->returned = -1;
	session_service_on_hand_back(s->world.service, take_back, s);
	return client_new(s);
}

/* What was unread. */
static str await_return(struct scene *s)
{
	pthread_mutex_lock(&s->lock);
	while (s->returned < 0)
		pthread_cond_wait(&s->came, &s->lock);
	pthread_mutex_unlock(&s->lock);
	/* It was over before it was given back. */
	assert_int_equal(session_service_count(s->world.service), 0);
	return buf_str(&s->unread);
}

static void expect_return(struct scene *s, const char *unread)
{
	assert_str(await_return(s), unread);
	buf_fini(&s->unread);
}

/* Both ends are as they were. */
static void end_leaver(struct scene *s, int client)
{
	char room[16];

	assert_int_equal(write(s->returned, "bye\n", 4), 4);
	expect(client, "bye\n");
	say(client, "more");
	assert_int_equal(recv(s->returned, room, sizeof room, 0), 4);
	close(s->returned);
	close(client);
	scene_end(s);
}

static void test_leave(void **unused)
{
	struct scene s;
	int client = leaver_new(&s);

	(void)unused;
	say(client, "one\nleave\nthree\nfo");
	expect(client, "one\n");
	expect(client, "leave\n");
	expect_return(&s, "three\nfo");
	end_leaver(&s, client);
}

enum { LINES = 30, LINE = 4000 };

static void make_line(char *line, int i)
{
	memset(line, 'x', LINE);
	memcpy(line, i == LINES - 1 ? "leave" : "other", 5);
	line[LINE - 1] = '\n';
}

/* All of the answer has gone before. */
static void test_leave_slowly(void **unused)
{
	const struct linger no = {0};
	const int small = 4096;
	char line[LINE], got[LINE];
	struct scene s;
	int client, seen;

	(void)unused;
	scene_begin(&s, 60000);
	s.returned = -1;
	session_service_on_hand_back(s.world.service, take_back, &s);
	client = client_that(&s, &no, &seen);
	setsockopt(seen, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
	close(seen);
	for (int i = 0; i < LINES; i++) {
		make_line(line, i);
		assert_int_equal(write(client, line, LINE), LINE);
	}
	for (int i = 0; i < LINES; i++) {
		make_line(line, i);
		assert_int_equal(recv(client, got, LINE, MSG_WAITALL), LINE);
		assert_memory_equal(got, line, LINE);
	}
	expect_return(&s, "");
	end_leaver(&s, client);
}

/* All that the server compressed, up to its end, and then what is not. */
static void expect_compressed(int client, const char *text, const char *raw)
{
	struct buf back = BUF_UNBOUNDED;
	struct zip *zip = zip_new();
	char room[256];
	size_t n;
	enum err e;
	str rest;

	while ((e = zip_read(zip, room, sizeof room, &n)) != ERR_CLOSED) {
		ssize_t got = 0;

		buf_add(&back, str_of(room, n));
		if (e != ERR_AGAIN)
			continue;
		got = recv(client, room, sizeof room, 0);
		assert_true(got > 0);
		zip_feed(zip, str_of(room, (size_t)got));
	}
	assert_str(buf_str(&back), text);
	assert_ok(zip_end(zip, &rest));
	assert_true(rest.n <= strlen(raw));
	memcpy(room, rest.p, rest.n);
	n = strlen(raw) - rest.n;
	assert_int_equal(
		n ? recv(client, room + rest.n, n, MSG_WAITALL) : 0, n);
	assert_memory_equal(room, raw, strlen(raw));
	buf_fini(&back);
	zip_free(zip);
}

/* Compression ends with the command, both ways; what follows is as it is, and
 * may come with it, or after a pause anywhere before or after the mark behind
 * the command. */
static void test_leave_compression(void **unused)
{
	(void)unused;
	for (size_t cut = 0; cut < 12; cut++) {
		struct zip *zip = zip_new();
		struct buf wire = BUF_UNBOUNDED;
		struct scene s;
		char got[4];
		size_t n;
		int client = leaver_new(&s);

		say(client, "zip\n");
		expect(client, "zip\n");
		zip_write(zip, STR("leave\n"), &wire);
		buf_add(&wire, STR("raw\n"));
		n = wire.n - cut;
		assert_int_equal(write(client, wire.p, n), n);
		usleep(cut ? 2000 : 0);
		assert_int_equal(write(client, wire.p + n, cut), cut);
		expect_compressed(client, "leave\n", "");
		n = await_return(&s).n;
		assert_true(n <= sizeof got);
		memcpy(got, s.unread.p ? s.unread.p : "", n);
		if (n < sizeof got)
			recv(s.returned, got + n, sizeof got - n, MSG_WAITALL);
		assert_memory_equal(got, "raw\n", sizeof got);
		buf_fini(&s.unread);
		buf_fini(&wire);
		zip_free(zip);
		end_leaver(&s, client);
	}
}

/* It said that it would not compress any more. */
static void test_leave_and_compress_on(void **unused)
{
	struct zip *zip = zip_new();
	struct buf wire = BUF_UNBOUNDED;
	struct scene s;
	int client = leaver_new(&s);

	(void)unused;
	say(client, "zip\n");
	expect(client, "zip\n");
	zip_write(zip, STR("leave\nanna\n"), &wire);
	assert_int_equal(write(client, wire.p, wire.n), wire.n);
	expect_compressed(client, "leave\n", "stranded\n");
	expect(client, "");
	world_await_sessions(&s.world, 0);
	assert_int_equal(s.returned, -1);
	buf_fini(&wire);
	zip_free(zip);
	close(client);
	scene_end(&s);
}

/* There is nobody to take it back. */
static void test_stranded(void **unused)
{
	struct scene s;
	int client = leaver_new(&s);

	(void)unused;
	session_service_on_hand_back(s.world.service, NULL, NULL);
	say(client, "leave\n");
	expect(client, "leave\n");
	expect(client, "stranded\n");
	expect(client, "");
	close(client);
	scene_end(&s);
}

/* So much was read behind the command that no message takes it: the buffer was
 * made large by a line before it, and kept by what is unread. */
static void test_too_much_unread(void **unused)
{
	static const struct {
		size_t behind;
		bool fits;
	} rows[] = {
		{HANDOVER_LEFTOVER_MAX, true},
		{HANDOVER_LEFTOVER_MAX + 1, false},
	};
	static char much[3 * HANDOVER_LEFTOVER_MAX + 1];

	(void)unused;
	memset(much, '-', sizeof much - 1);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct scene s;
		int client = leaver_new(&s);

		much[sizeof much - 2] = '\n';
		say(client, much);
		say(client, "ask x\nl");
		wait_for_questions(&s, 1);
		much[sizeof much - 2] = '-';
		memcpy(much, "eave\n", 5);
		assert_int_equal(write(client, much, 5 + rows[i].behind),
			5 + rows[i].behind);
		memset(much, '-', 5);
		answer(&s, s.ids[0], "y");
		expect(client, "yes: y\n");
		expect(client, "leave\n");
		if (rows[i].fits) {
			assert_true(str_eq(str_of(much, rows[i].behind),
				await_return(&s)));
			buf_fini(&s.unread);
			end_leaver(&s, client);
			continue;
		}
		expect(client, "stranded\n");
		expect(client, "");
		close(client);
		scene_end(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answered),
		cmocka_unit_test(test_away),
		cmocka_unit_test(test_patience),
		cmocka_unit_test(test_hang_up),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_stopped),
		cmocka_unit_test(test_end),
		cmocka_unit_test(test_no_account_has_no_limit),
		cmocka_unit_test(test_closing_never_waits),
		cmocka_unit_test(test_leave),
		cmocka_unit_test(test_leave_slowly),
		cmocka_unit_test(test_leave_compression),
		cmocka_unit_test(test_leave_and_compress_on),
		cmocka_unit_test(test_stranded),
		cmocka_unit_test(test_too_much_unread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
