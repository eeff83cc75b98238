/* SPDX-License-Identifier: Apache-2.0 */
/* Every command of the table in every state: what does not belong there is
 * refused with 5xx, changes neither the session nor the store, and a delivery
 * that is under way comes to its end as if nothing had been said. What needs a
 * right is refused without it. */
#include "lmtp/fixture.h"
#include "wire/lmtp/command.h"

/* How a session comes to each state, and how it goes on from there to one
 * delivery to ann: none, from where there is no recipient. */
static const struct way {
	enum lmtp_state state;
	const char *there;
	unsigned lines; /* of answers to that, the greeting's too */
	const char *on;
	unsigned more;
} ways[] = {
	{LMTP_NEW, "", 1,
		"LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<ann>\r\nDATA\r\na\r\n.\r\n",
		8 + 4},
	{LMTP_READY, "LHLO x\r\n", 1 + 8,
		"MAIL FROM:<>\r\nRCPT TO:<ann>\r\nDATA\r\na\r\n.\r\n", 4},
	{LMTP_SENDER, "LHLO x\r\nMAIL FROM:<>\r\n", 1 + 9,
		"RCPT TO:<ann>\r\nDATA\r\na\r\n.\r\n", 3},
	{LMTP_RECIPIENTS, "LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<ann>\r\n", 1 + 10,
		"DATA\r\na\r\n.\r\n", 2},
	{LMTP_CHUNKS,
		"LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<ann>\r\nBDAT 3\r\na\r\n",
		1 + 11, "BDAT 3 LAST\r\nb\r\n", 1},
};

/* A line for each command that its own state would take. */
static const struct {
	enum lmtp_verb verb;
	const char *line;
} lines[] = {
	{LMTP_LHLO, "LHLO y\r\n"},
	{LMTP_MAIL, "MAIL FROM:<eve@x>\r\n"},
	{LMTP_RCPT, "RCPT TO:<bob>\r\n"},
	{LMTP_DATA, "DATA\r\n"},
	{LMTP_BDAT, "BDAT 3 LAST\r\nx\r\n"},
	{LMTP_RSET, "RSET\r\n"},
	{LMTP_NOOP, "NOOP\r\n"},
	{LMTP_QUIT, "QUIT\r\n"},
	{LMTP_VRFY, "VRFY ann\r\n"},
	{LMTP_HELP, "HELP\r\n"},
	{LMTP_XCLIENT, "XCLIENT ADDR=192.0.2.1\r\n"},
	{LMTP_HELO, "HELO y\r\n"},
	{LMTP_EHLO, "EHLO y\r\n"},
	{LMTP_EXPN, "EXPN staff\r\n"},
};

static void hear_lines(int fd, struct buf *in, size_t count)
{
	size_t got = 0;

	buf_reset(in);
	hear(fd, in, count);
	for (size_t i = 0; i < in->n; i++)
		got += in->p[i] == '\n';
	if (got != count)
		fail_msg("%zu lines, not %zu: %.*s", got, count,
			STR_ARG(buf_str(in)));
}

static uint32_t delivered(struct world *w, account_num account)
{
	struct buf bytes = BUF_UNBOUNDED;
	uint32_t count = stored(w, account, "INBOX", &bytes);

	assert_int_equal(str_find(buf_str(&bytes), STR("eve")), bytes.n);
	buf_fini(&bytes);
	return count;
}

/* The command is refused, and the delivery goes on. */
static void refuse(struct world *w, const struct way *way, const char *line)
{
	int fd = client_begin(w, TICKET_MAY_DELIVER, "127.0.0.1:1");
	uint32_t before = delivered(w, 1);
	struct buf in = BUF_UNBOUNDED;

	say(fd, str_c(way->there));
	hear_lines(fd, &in, way->lines);
	say(fd, str_c(line));
	hear_lines(fd, &in, 1);
	if (in.p[0] != '5')
		fail_msg("%s: %.*s", line, STR_ARG(buf_str(&in)));
	assert_int_equal(delivered(w, 1), before);
	say(fd, str_c(way->on));
	hear_lines(fd, &in, way->more);
	say(fd, STR("QUIT\r\n"));
	hear_lines(fd, &in, 1);
	assert_int_equal(delivered(w, 1), before + 1);
	assert_int_equal(delivered(w, 2), 0);
	close(fd);
	buf_fini(&in);
}

static bool is_refused(size_t i, enum lmtp_state state)
{
	const struct lmtp_command_row *row = &lmtp_command_table[lines[i].verb];

	return !(row->states & state) || row->refusal != LMTP_SAY_NOTHING;
}

static void test_every_command_in_every_state(void **unused)
{
	unsigned refused = 0;
	struct world w;

	(void)unused;
	world_begin(&w, NULL);
	for (size_t i = 0; i < COUNT_OF(lines); i++)
		for (size_t s = 0; s < COUNT_OF(ways); s++)
			if (is_refused(i, ways[s].state)) {
				refuse(&w, &ways[s], lines[i].line);
				refused++;
			}
	assert_true(refused > 20);
	world_end(&w);
}

/* XCLIENT is announced to those who may say it, and to no others. */
static void test_xclient_without_the_right(void **unused)
{
	struct world w;

	(void)unused;
	world_begin(&w, NULL);
	refuse(&w, &ways[0], "XCLIENT ADDR=192.0.2.1\r\n");
	refuse(&w, &ways[1], "XCLIENT ADDR=192.0.2.1\r\n");
	world_end(&w);
}

static void test_no_command_was_forgotten(void **unused)
{
	unsigned seen = 0, states = 0;

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(lines); i++)
		seen |= 1u << lines[i].verb;
	assert_int_equal(seen, (1u << LMTP_VERB_COUNT) - 2);
	for (size_t i = 0; i < COUNT_OF(ways); i++)
		states |= ways[i].state;
	assert_int_equal(states, LMTP_ANY_STATE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_command_in_every_state),
		cmocka_unit_test(test_xclient_without_the_right),
		cmocka_unit_test(test_no_command_was_forgotten),
	};

	log_set_level(LOG_WARN);
	return cmocka_run_group_tests_name("states", tests, NULL, NULL);
}
