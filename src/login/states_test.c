/* SPDX-License-Identifier: Apache-2.0 */
/* Every command of both tables before login: what belongs behind it is refused
 * in whatever form it comes, nobody is asked about it, and the session goes on;
 * what belongs here is known here. */
#include "base/test.h"
#include "base/buf.h"
#include "base/mechanism.h"
#include "login/login.h"
#include "wire/imap/command.h"
#include "wire/pop3/command.h"

/* Of one connection: all of it, and how it went on. */
struct heard {
	struct buf out;
	enum login_want want;
};

static struct heard tell(
	const struct login_protocol *protocol, bool tls, const char *line)
{
	const struct login_settings settings = {.tls_available = true,
		.plaintext = true,
		.offered = MECHANISM_PLAIN,
		.failures_max = 3};
	struct heard heard = {.out = BUF_UNBOUNDED};
	struct buf greeting = BUF_UNBOUNDED;
	struct login l;

	login_init(&l, protocol, &settings, tls);
	login_greet(&l, &greeting);
	heard.want = login_feed(&l, str_c(line), &heard.out);
	login_fini(&l);
	buf_fini(&greeting);
	return heard;
}

/* ------------------------------------------------------------------- IMAP */

static const char *const imap_forms[] = {
	"a %s\r\n",
	"a %s x\r\n",
	"a %s INBOX\r\n",
	"a %s INBOX {3+}\r\nabc\r\n",
	"a %s 1:* (FLAGS)\r\n",
	"a UID %s 1:*\r\n",
	"a UID %s 1 x\r\n",
};

static void refused_by_imap(const char *line)
{
	for (int tls = 0; tls < 2; tls++) {
		struct heard heard = tell(&login_imap, tls, line);

		if (!str_starts(buf_str(&heard.out), STR("a BAD ")))
			fail_msg("%s%.*s", line, STR_ARG(buf_str(&heard.out)));
		assert_int_equal(heard.want, LOGIN_MORE);
		buf_fini(&heard.out);
	}
}

static void known_to_imap(const char *name)
{
	char line[64];
	struct heard heard;

	snprintf(line, sizeof line, "a %s\r\n", name);
	heard = tell(&login_imap, false, line);
	assert_int_equal(str_find(buf_str(&heard.out), STR("Log in first")),
		heard.out.n);
	buf_fini(&heard.out);
}

static void test_imap(void **unused)
{
	unsigned refused = 0;

	(void)unused;
	for (int v = IMAP_UNKNOWN + 1; v < IMAP_VERB_COUNT; v++) {
		const struct imap_command_row *row =
			imap_command_row((enum imap_verb)v);

		if (row->states & IMAP_NOT_AUTHENTICATED) {
			known_to_imap(row->name.p);
			continue;
		}
		refused++;
		for (size_t i = 0; i < COUNT_OF(imap_forms); i++) {
			char line[128];

			snprintf(line, sizeof line, imap_forms[i], row->name.p);
			refused_by_imap(line);
		}
	}
	assert_true(refused > 20);
}

/* ------------------------------------------------------------------- POP3 */

static const char *const pop3_forms[] = {
	"%s\r\n", "%s 1\r\n", "%s 1 0\r\n", "%s x\r\n"};

static void refused_by_pop3(const char *line)
{
	for (int tls = 0; tls < 2; tls++) {
		struct heard heard = tell(&login_pop3, tls, line);

		assert_str(buf_str(&heard.out), "-ERR Log in first\r\n");
		assert_int_equal(heard.want, LOGIN_MORE);
		buf_fini(&heard.out);
	}
}

static void known_to_pop3(const char *name)
{
	char line[64];
	struct heard heard;

	snprintf(line, sizeof line, "%s\r\n", name);
	heard = tell(&login_pop3, false, line);
	assert_int_equal(str_find(buf_str(&heard.out), STR("Log in first")),
		heard.out.n);
	assert_int_equal(
		str_find(buf_str(&heard.out), STR("Unknown")), heard.out.n);
	buf_fini(&heard.out);
}

static void test_pop3(void **unused)
{
	unsigned refused = 0;

	(void)unused;
	for (int v = POP3_UNKNOWN + 1; v < POP3_VERB_COUNT; v++) {
		const struct pop3_command_row *row = &pop3_commands[v];

		if (row->states & POP3_AUTHORIZATION) {
			known_to_pop3(row->name);
			continue;
		}
		refused++;
		for (size_t i = 0; i < COUNT_OF(pop3_forms); i++) {
			char line[64];

			snprintf(line, sizeof line, pop3_forms[i], row->name);
			refused_by_pop3(line);
		}
	}
	assert_true(refused > 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_imap),
		cmocka_unit_test(test_pop3),
	};

	return cmocka_run_group_tests_name("states", tests, NULL, NULL);
}
