/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The game against a real server, whose mail role is killed again and again,
 * and now and then all of it: model-server-test CULVER. Those who play at the
 * same time have an account each, and lose the server together.
 */
#include "base/clock.h"
#include "meeting.h"
#include "run.h"
#include "serving.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>

#define KILL_ALL_EVERY 8 /* times */
#define VERIFY_EVERY 8	 /* scripts; and all at the end */

/* Of all who play at the same time. */
struct shared {
	struct meeting meeting;
	atomic_uint accounts, kills;
};

static struct shared *shared;
static unsigned account; /* of who plays here */

/* Sockets. */

/* -1: nobody listens yet, or again. */
static int connect_once(unsigned to)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)to),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0)
		abort();
	if (connect(fd, (struct sockaddr *)&address, sizeof address)) {
		close(fd);
		return -1;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return fd;
}

static bool log_in(struct talk *t)
{
	char command[64];
	str line;

	t->c.fd = connect_once(serving_imap);
	if (t->c.fd < 0)
		return false;
	line = talk_line_or_end(t);
	if (!str_is_none(line)) {
		snprintf(command, sizeof command, "L LOGIN u%u secret\r\n",
			account);
		(void)talk_try(t, str_c(command));
		do
			line = talk_line_or_end(t);
		while (!str_is_none(line) && line.p[0] == '*');
	}
	if (!str_is_none(line) && str_starts(line, STR("L OK")))
		return true;
	close(t->c.fd);
	return false;
}

/* While the mail role is away nobody can log in. */
static void log_in_at_last(struct talk *t)
{
	uint64_t until = clock_monotonic_ms() + PATIENCE_MS;

	while (!log_in(t)) {
		if (clock_monotonic_ms() > until)
			talk_die(t, "cannot log in");
		buf_reset(&t->c.in);
		usleep(1000);
	}
	buf_reset(&t->c.in);
}

static void connect_player(struct player *p)
{
	log_in_at_last(&p->talk);
}

/* Who is there besides the players: the eye, a client that only looks, and
 * outsiders. */
struct server_world {
	struct talk talk;
	struct talk_log log;
	bool open;
	bool leads, all; /* losing the server: it kills, all of it */
	struct talk outsiders[OUTSIDERS];
	char last[OUTSIDERS][64]; /* what they have to say */
};

static void close_eye(struct server_world *eye)
{
	if (!eye->open)
		return;
	close(eye->talk.c.fd);
	buf_fini(&eye->talk.c.in);
	eye->talk.c.in = BUF_UNBOUNDED;
	eye->open = false;
}

static void open_eye(struct server_world *eye)
{
	if (!eye->open)
		log_in_at_last(&eye->talk);
	eye->open = true;
}

static modseq_num number_in(struct talk *t, str line, const char *mark)
{
	return talk_number(t, talk_between(line, mark, "]"));
}

static void see_code(struct talk *t, struct sight *sight, str line)
{
	if (str_starts(line, STR("* OK [UIDVALIDITY ")))
		sight->uidvalidity =
			(uint32_t)number_in(t, line, "[UIDVALIDITY ");
	if (str_starts(line, STR("* OK [UIDNEXT ")))
		sight->uidnext = (uid_num)number_in(t, line, "[UIDNEXT ");
	if (str_starts(line, STR("* OK [HIGHESTMODSEQ ")))
		sight->modseq = number_in(t, line, "[HIGHESTMODSEQ ");
}

static void see_message(struct talk *t, struct sight *sight, str line)
{
	str content = talk_between(line, "content-", "\r\n");
	struct message *m = &sight->all[sight->count];

	if (str_find(line, STR(" FETCH (")) == line.n)
		return;
	if (sight->count++ == MESSAGES)
		talk_die(t, "too many messages");
	m->uid = (uid_num)talk_number(t, talk_between(line, "UID ", ")"));
	m->flags = talk_flags(t, talk_between(line, "FLAGS (", ")")) &
		   ~TALK_RECENT;
	m->modseq = talk_number(t, talk_between(line, "MODSEQ (", ")"));
	m->content = (unsigned)talk_number(t, content);
}

static void see_note(struct talk *t, struct sight *sight, str line)
{
	str note = talk_between(line, "\"note-", "\"");

	if (str_starts(line, STR("* METADATA ")) && !str_is_none(note))
		sight->note = (unsigned)talk_number(t, note);
}

static void see_subscription(struct talk *t, struct sight *sight, str line)
{
	(void)t;
	sight->subscribed |= str_starts(line, STR("* LIST "));
}

/* The answer to one command; true when it was OK. */
static bool hear_answer(struct talk *t, struct sight *sight,
	void (*see)(struct talk *, struct sight *, str))
{
	for (;;) {
		str line = talk_line(t);

		if (line.p[0] != '*')
			return str_starts(line, STR("e OK"));
		see(t, sight, line);
	}
}

static void look_at(struct talk *t, struct sight *sight)
{
	sight->count = sight->note = 0;
	if (!hear_answer(t, sight, see_code) ||
		!hear_answer(t, sight, see_message) ||
		!hear_answer(t, sight, see_note) ||
		!hear_answer(t, sight, see_code))
		talk_die(t, "cannot look");
}

/* All is asked at once. */
static void look(struct game *g, struct talk *asking)
{
	struct server_world *eye = g->world;
	struct talk *t = &eye->talk;
	struct buf out = BUF_UNBOUNDED;

	(void)asking;
	open_eye(eye);
	for (int i = 0; i < NAMES; i++)
		buf_addf(&out,
			"e LIST (SUBSCRIBED) \"\" %s\r\n"
			"e STATUS %s (UIDVALIDITY)\r\n",
			box_names[i], box_names[i]);
	talk_send(t, buf_str(&out));
	buf_reset(&out);
	for (int i = 0; i < NAMES; i++) {
		struct sight *sight = &g->sights[i];

		sight->subscribed = false;
		if (!hear_answer(t, sight, see_subscription))
			talk_die(t, "cannot list");
		sight->exists = hear_answer(t, sight, see_code);
		if (sight->exists)
			buf_addf(&out,
				"e EXAMINE %s\r\n"
				"e UID FETCH 1:* (FLAGS MODSEQ "
				"BODY.PEEK[TEXT])\r\n"
				"e GETMETADATA %s /private/comment\r\n"
				"e UNSELECT\r\n",
				box_names[i], box_names[i]);
	}
	talk_send(t, buf_str(&out));
	buf_fini(&out);
	for (int i = 0; i < NAMES; i++)
		if (g->sights[i].exists)
			look_at(t, &g->sights[i]);
}

/* Outsiders. */

/* Says it and waits for so many lines, which must all begin like that; false:
 * the connection ended, or it was another answer. */
static bool converse(
	struct talk *t, str words, unsigned lines, const char *expected)
{
	bool good = true;

	if (!str_is_none(words) && !talk_try(t, words))
		return false;
	while (lines--) {
		str line = talk_line_or_end(t);

		good &= !str_is_none(line) && str_starts(line, str_c(expected));
	}
	return good;
}

static bool begin_lmtp(struct talk *t)
{
	char words[128];

	snprintf(words, sizeof words,
		"MAIL FROM:<x@y.example>\r\nRCPT TO:<u%u>\r\nDATA\r\n",
		account);
	if (!converse(t, str_none(), 1, "220 "))
		return false;
	for (bool last = !talk_try(t, STR("LHLO x\r\n")); !last;) {
		str line = talk_line_or_end(t);

		if (str_is_none(line) || !str_starts(line, STR("250")))
			return false;
		last = line.p[3] == ' ';
	}
	return converse(t, str_c(words), 2, "250 ") &&
	       converse(t, str_none(), 1, "354 ");
}

static bool begin_pop3(struct talk *t, const struct sent *q)
{
	struct uidset_iter it = uidset_iter(&q->asked, 1);
	struct buf words = BUF_UNBOUNDED;
	uint32_t number;
	bool good;

	buf_addf(&words, "USER u%u\r\nPASS secret\r\n", account);
	good = converse(t, str_none(), 1, "+OK") &&
	       converse(t, buf_str(&words), 2, "+OK");
	buf_reset(&words);
	while ((number = uidset_iter_next(&it)))
		buf_addf(&words, "DELE %u\r\n", number);
	good = good && converse(t, buf_str(&words),
			       (unsigned)uidset_count(&q->asked), "+OK");
	buf_fini(&words);
	return good;
}

static void end_outsider(struct talk *t)
{
	close(t->c.fd);
	buf_fini(&t->c.in);
	buf_fini(&t->line);
}

static void outsider_comes(
	struct game *g, enum outsider who, const struct sent *q)
{
	struct server_world *w = g->world;
	struct talk *t = &w->outsiders[who];
	uint64_t until = clock_monotonic_ms() + 4 * PATIENCE_MS;

	for (;;) {
		*t = (struct talk){.log = &g->log, .number = 10 + who};
		t->seed = w->talk.seed;
		t->c.in = t->line = BUF_UNBOUNDED;
		t->c.fd = connect_once(
			who == BY_LMTP ? serving_lmtp : serving_pop3);
		if (t->c.fd >= 0 &&
			(who == BY_LMTP ? begin_lmtp(t) : begin_pop3(t, q)))
			break;
		if (clock_monotonic_ms() > until)
			talk_die(t, "an outsider cannot come");
		end_outsider(t);
		usleep(1000);
	}
	snprintf(w->last[who], sizeof w->last[who],
		who == BY_LMTP ? "Subject: x\r\n\r\ncontent-%u\r\n.\r\n"
			       : "QUIT\r\n",
		q->content);
}

static void outsider_acts(struct game *g, enum outsider who)
{
	struct server_world *w = g->world;

	/* It may be too late. */
	(void)talk_try(&w->outsiders[who], str_c(w->last[who]));
}

static bool outsider_goes(struct game *g, enum outsider who)
{
	struct server_world *w = g->world;
	struct talk *t = &w->outsiders[who];
	bool heard =
		converse(t, str_none(), 1, who == BY_LMTP ? "250 " : "+OK");

	end_outsider(t);
	return heard;
}

/* Losing the server. */

static void meet(struct game *g)
{
	struct server_world *w = g->world;

	w->leads = meeting_begin(&shared->meeting);
}

/* Some of the others may not have done anything yet. */
static void lose_server(struct game *g, unsigned after_us)
{
	struct server_world *w = g->world;

	meeting_act(&shared->meeting);
	close_eye(w);
	if (!w->leads)
		return;
	meeting_await_acts(
		&shared->meeting, 1 + after_us % shared->meeting.members);
	usleep(after_us);
	w->all = atomic_fetch_add(&shared->kills, 1) % KILL_ALL_EVERY == 0;
	if (w->all)
		serving_kill_all();
	else
		serving_kill_mail();
}

static void await_server(struct game *g)
{
	struct server_world *w = g->world;

	if (w->leads && w->all)
		serving_await_all();
	else if (w->leads)
		serving_await_mail();
	meeting_end(&shared->meeting, w->leads);
}

/* The stage. */

static void open_stage(unsigned players)
{
	atomic_store(&shared->accounts, 0);
	meeting_open(&shared->meeting, players);
	serving_begin();
}

static bool close_stage(bool well, bool aloud)
{
	well = well && serving_verify(NULL);
	serving_end(aloud && !well);
	return well;
}

static void child_ended(pid_t pid, int status)
{
	(void)serving_child_ended(pid, status);
}

static void leave(void)
{
	meeting_leave(&shared->meeting);
}

static void begin(struct game *g)
{
	struct server_world *w = xcalloc(1, sizeof *w);

	w->talk.log = &w->log;
	w->talk.seed = g->players[0].talk.seed;
	w->talk.c.in = w->talk.line = BUF_UNBOUNDED;
	g->world = w;
	account = 1 + atomic_fetch_add(&shared->accounts, 1);
	CHECK(&g->players[0], account <= SERVING_ACCOUNTS);
}

static void end(struct game *g)
{
	struct server_world *w = g->world;
	char name[16];

	close_eye(w);
	buf_fini(&w->talk.line);
	snprintf(name, sizeof name, "u%u", account);
	if (account % VERIFY_EVERY == 0 && !serving_verify(name))
		talk_die(&g->players[0].talk, "culver verify found something");
	free(w);
}

int main(int argc, char **argv)
{
	static const struct stage stage = {
		.name = "against a server that is killed",
		.open = open_stage,
		.close = close_stage,
		.child_ended = child_ended,
		.leave = leave,
		.begin = begin,
		.end = end,
		.connect = connect_player,
		.look = look,
		.meet = meet,
		.kill = lose_server,
		.restart = await_server,
		.outsider_comes = outsider_comes,
		.outsider_acts = outsider_acts,
		.outsider_goes = outsider_goes,
		.scripts = 8,
		.players = 4,
		.patience = 300,
	};

	if (argc != 2) {
		fprintf(stderr, "usage: model-server-test CULVER\n");
		return 2;
	}
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		abort();
	serving_init(argv[1]);
	signal(SIGPIPE, SIG_IGN);
	return run_main(&stage);
}
