/* SPDX-License-Identifier: Apache-2.0 */
/* A mailbox fetched by POP3. */
#include "load/conn.h"
#include "load/load.h"
#include "load/mail.h"
#include "load/result.h"
#include "load/work.h"
#include "base/alloc.h"

#include <stdlib.h>

struct pop3 {
	struct conn conn; /* first */
	const struct buf *stuffed;
	uint64_t asked, came, total, count;
	uint64_t *begun;
	bool retrieving;
	struct buf line; /* the last single answer */
	uint64_t lines;
};

static void ask_next(struct pop3 *p)
{
	if (p->asked == p->total)
		return;
	p->begun[p->asked] = now_ns();
	buf_addf(&p->conn.out, "RETR %llu\r\n",
		(unsigned long long)(1 + p->asked++ % p->count));
}

/* The first answer to RETR, when it is there as a whole. */
static bool take_message(struct pop3 *p, str input)
{
	const struct buf *expected = &p->stuffed[p->came % p->count];
	size_t n = str_find_byte(input, '\n');

	if (n == input.n)
		return false;
	if (!str_starts(input, STR("+OK")))
		fail("RETR: %.*s", STR_ARG(str_take(input, n)));
	if (input.n - n - 1 < expected->n)
		return false;
	if (memcmp(input.p + n + 1, expected->p, expected->n) != 0)
		fail("message %llu has other bytes: %.*s",
			(unsigned long long)(1 + p->came % p->count),
			STR_ARG(str_take(str_skip(input, n + 1), 300)));
	conn_take(&p->conn, n + 1 + expected->n);
	result_op(now_ns() - p->begun[p->came], 1, expected->n);
	p->came++;
	return true;
}

static void pop3_readable(struct conn *c)
{
	struct pop3 *p = (struct pop3 *)c;

	if (p->retrieving) {
		while (take_message(p, conn_input(c)))
			ask_next(p);
		conn_flush(c);
		return;
	}
	for (;;) {
		str input = conn_input(c);
		size_t n = str_find_byte(input, '\n');

		if (n == input.n)
			return;
		buf_reset(&p->line);
		buf_add(&p->line, str_trim(str_take(input, n)));
		conn_take(c, n + 1);
		p->lines++;
	}
}

/* A command of one line, or none; its answer. */
static str pop3_do(struct pop3 *p, const char *command)
{
	uint64_t lines = p->lines;

	buf_add_c(&p->conn.out, command);
	conn_flush(&p->conn);
	while (p->lines == lines)
		loop_step();
	if (!str_starts(buf_str(&p->line), STR("+OK")))
		fail("%s: %.*s", command, STR_ARG(buf_str(&p->line)));
	return buf_str(&p->line);
}

static void log_in(struct pop3 *p)
{
	char command[64];
	str stat;

	conn_open(&p->conn, option_number("pop3", 110), false);
	p->line = BUF_UNBOUNDED;
	p->conn.readable = pop3_readable;
	pop3_do(p, "");
	snprintf(command, sizeof command, "USER %s\r\n",
		imap_user(work_first_user()));
	pop3_do(p, command);
	pop3_do(p, "PASS pw\r\n");
	stat = str_skip(pop3_do(p, "STAT\r\n"), 4);
	if (str_to_u64(str_take(stat, str_find_byte(stat, ' ')), UINT32_MAX,
		    &p->count))
		fail("STAT: %.*s", STR_ARG(stat));
}

static struct buf *stuff_all(const struct mail *mails, uint64_t count)
{
	struct buf *stuffed = xcalloc(count, sizeof *stuffed);

	for (uint64_t i = 0; i < count; i++) {
		stuffed[i] = BUF_UNBOUNDED;
		mail_stuff(&mails[i], &stuffed[i]);
	}
	return stuffed;
}

static void run_pop3(void)
{
	struct pop3 p = {0};
	uint64_t depth = option_number("depth", 1);

	log_in(&p);
	p.total = option_number("count", p.count);
	p.begun = xcalloc(p.total, sizeof *p.begun);
	p.stuffed =
		stuff_all(mail_make_all(mail_kind_wanted(), p.count), p.count);
	p.retrieving = true;
	result_begin("retr");
	for (uint64_t i = 0; i < depth; i++)
		ask_next(&p);
	conn_flush(&p.conn);
	while (p.came < p.total)
		loop_step();
	result_end();
	p.retrieving = false;
	pop3_do(&p, "QUIT\r\n");
	conn_close(&p.conn);
}

const struct workload workloads_pop3[] = {
	{"retr", run_pop3, "POP3 RETR by pop3= (port), count= or once each"},
	{0},
};
