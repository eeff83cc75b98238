/* SPDX-License-Identifier: Apache-2.0 */
/* Deliveries by LMTP. */
#include "load/conn.h"
#include "load/load.h"
#include "load/mail.h"
#include "load/result.h"
#include "load/work.h"
#include "base/alloc.h"

#include <stdlib.h>

/* What the next line answers. */
enum lmtp_state { GREETING, LHLO, MAIL, RCPT, DATA, DELIVERED };

struct lmtp {
	struct conn conn; /* first */
	enum lmtp_state state;
	uint64_t number, message, begun;
	struct lmtp_work *work;
};

struct lmtp_work {
	const struct mail *mails;
	struct buf *stuffed; /* each with its dots and its end */
	uint64_t sent, done, total, users;
};

static void send_text(struct conn *c, const char *text)
{
	buf_add_c(&c->out, text);
	conn_flush(c);
}

/* MAIL, RCPT and DATA together (RFC 2920). */
static void send_envelope(struct lmtp *l)
{
	struct lmtp_work *work = l->work;

	if (work->sent == work->total)
		return;
	l->message = work->sent++;
	l->begun = now_ns();
	l->state = MAIL;
	buf_addf(&l->conn.out,
		"MAIL FROM:<sender@example.org>\r\nRCPT TO:<%s%s>\r\nDATA\r\n",
		imap_user(work_first_user() + l->message % work->users),
		option_text("domain", ""));
	conn_flush(&l->conn);
}

static void delivered(struct lmtp *l)
{
	result_op(now_ns() - l->begun, 1, l->work->mails[l->message].text.n);
	l->work->done++;
	send_envelope(l);
}

static void take_reply(struct lmtp *l, str line)
{
	static const char *const expected[] = {
		"220 ", "250 ", "250 ", "250 ", "354 ", "250 "};
	enum lmtp_state state = l->state;

	if (line.n > 3 && line.p[3] == '-')
		return;
	if (!str_starts(line, str_c(expected[state])))
		fail("not %s: %.*s", expected[state], STR_ARG(line));
	l->state = state + 1;
	if (state == GREETING)
		send_text(&l->conn, "LHLO client.example.org\r\n");
	if (state == DATA) {
		buf_add(&l->conn.out, buf_str(&l->work->stuffed[l->message]));
		conn_flush(&l->conn);
	}
	if (state == DELIVERED)
		delivered(l);
}

static void lmtp_readable(struct conn *c)
{
	struct lmtp *l = (struct lmtp *)c;

	for (;;) {
		str input = conn_input(c);
		size_t n = str_find_byte(input, '\n');

		if (n == input.n)
			return;
		conn_take(c, n + 1);
		take_reply(l, str_trim(str_take(input, n)));
	}
}

static void open_all(struct lmtp *all, uint64_t count, struct lmtp_work *work)
{
	for (uint64_t i = 0; i < count; i++) {
		all[i].number = i;
		all[i].work = work;
		conn_open(&all[i].conn, option_number("lmtp", 24), false);
		all[i].conn.readable = lmtp_readable;
		while (all[i].state < MAIL)
			loop_step();
	}
}

static uint64_t inbox_messages(uint64_t users)
{
	uint64_t sum = 0;

	for (uint64_t i = 0; i < users; i++) {
		struct imap im = {0};

		imap_open(&im, 1);
		imap_login(&im, work_first_user() + i);
		sum += imap_select(&im, "INBOX");
		imap_close(&im);
	}
	return sum;
}

static struct lmtp_work *prepare(void)
{
	struct lmtp_work *work = xcalloc(1, sizeof *work);

	work->total = option_number("count", 400);
	work->users = option_number("users", 1);
	work->mails = mail_make_all(mail_kind_wanted(), work->total);
	work->stuffed = xcalloc(work->total, sizeof *work->stuffed);
	for (uint64_t i = 0; i < work->total; i++) {
		work->stuffed[i] = BUF_UNBOUNDED;
		mail_stuff(&work->mails[i], &work->stuffed[i]);
	}
	return work;
}

static void run_lmtp(void)
{
	uint64_t count = option_number("conns", 1), before = 0;
	bool check = option_number("check", 1);
	struct lmtp *all = xcalloc(count, sizeof *all);
	struct lmtp_work *work = prepare();

	if (check)
		before = inbox_messages(work->users);
	open_all(all, count, work);
	result_begin("lmtp");
	for (uint64_t i = 0; i < count; i++)
		send_envelope(&all[i]);
	while (work->done < work->total)
		loop_step();
	result_end();
	if (check && inbox_messages(work->users) - before != work->total)
		fail("other than %llu messages are there",
			(unsigned long long)work->total);
	for (uint64_t i = 0; i < count; i++)
		conn_close(&all[i].conn);
}

const struct workload workloads_lmtp[] = {
	{"lmtp", run_lmtp,
		"deliveries to users= by lmtp= (port); domain=@example.com; "
		"check=0: their mailboxes are not looked at after"},
	{0},
};
