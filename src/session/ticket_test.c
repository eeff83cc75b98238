/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "session/ticket.h"

static const char KEY[] = "0123456789abcdef0123456789abcdef";
static const char OTHER_KEY[] = "0123456789abcdef0123456789abcdeF";

enum { NOW = 1000000 };

static struct buf mint(uint64_t now)
{
	struct ticket t = {.account = 0x1122334455667788,
		.rights = TICKET_MAY_READ,
		.protocol = STR("imap"),
		.name = STR("anna@example.org")};
	struct buf out = BUF_UNBOUNDED;

	ticket_mint(str_c(KEY), &t, now, &out);
	assert_true(out.n <= TICKET_MAX);
	return out;
}

static void test_redeem(void **unused)
{
	struct ticket_table *table = ticket_table_new(0);
	struct buf b = mint(NOW);
	struct ticket t;

	(void)unused;
	assert_ok(ticket_redeem(table, str_c(KEY), buf_str(&b), STR("imap"),
		NOW + TICKET_LIFETIME_MS - 1, &t));
	assert_int_equal(t.account, 0x1122334455667788);
	assert_int_equal(t.rights, TICKET_MAY_READ);
	assert_str(t.name, "anna@example.org");
	assert_str(t.protocol, "imap");
	assert_int_equal(ticket_redeem(table, str_c(KEY), buf_str(&b),
				 STR("imap"), NOW, &t),
		ERR_INUSE);
	buf_fini(&b);
	ticket_table_free(table);
}

/* A mail process that was started again knows of no ticket that was used. */
static void test_from_before(void **unused)
{
	struct ticket_table *table = ticket_table_new(NOW + 1);
	struct buf before = mint(NOW), after = mint(NOW + 1);
	struct ticket t;

	(void)unused;
	assert_int_equal(ticket_redeem(table, str_c(KEY), buf_str(&before),
				 STR("imap"), NOW + 1, &t),
		ERR_EXPIRED);
	assert_ok(ticket_redeem(
		table, str_c(KEY), buf_str(&after), STR("imap"), NOW + 1, &t));
	buf_fini(&before);
	buf_fini(&after);
	ticket_table_free(table);
}

static void test_refused(void **unused)
{
	static const struct {
		const char *key, *protocol;
		uint64_t now;
		enum err expected;
		const char *why;
	} rows[] = {
		{OTHER_KEY, "imap", NOW, ERR_DENIED, "signed by another"},
		{KEY, "pop3", NOW, ERR_DENIED, "for another protocol"},
		{KEY, "imap", NOW + TICKET_LIFETIME_MS, ERR_EXPIRED, "old"},
		{KEY, "imap", NOW, OK, "none of these used it up"},
	};
	struct ticket_table *table = ticket_table_new(0);
	struct buf b = mint(NOW);
	struct ticket t;

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		enum err err = ticket_redeem(table, str_c(rows[i].key),
			buf_str(&b), str_c(rows[i].protocol), rows[i].now, &t);

		if (err != rows[i].expected)
			fail_msg("%s: %s", rows[i].why, err_words(err));
	}
	buf_fini(&b);
	ticket_table_free(table);
}

/* Tickets that were on their way when their account's sessions were ended. */
static void test_ended(void **unused)
{
	static const struct {
		const char *protocol;
		uint64_t account, moment;
		enum err expected;
		const char *why;
	} rows[] = {
		{"", 0x1122334455667788, NOW, ERR_EXPIRED, "all of them"},
		{"imap", 0x1122334455667788, NOW + 5, ERR_EXPIRED, "of imap"},
		{"", 0x1122334455667788, NOW - 1, OK, "minted after it"},
		{"pop3", 0x1122334455667788, NOW, OK, "of another protocol"},
		{"", 1, NOW, OK, "of another account"},
	};

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct ticket_table *table = ticket_table_new(0);
		struct buf b = mint(NOW);
		struct ticket t;

		/* Ends of others before and after it change nothing. */
		for (uint64_t n = 2; n < 1000; n++)
			ticket_table_end(table, n, STR(""), NOW, NOW);
		ticket_table_end(table, rows[i].account,
			str_c(rows[i].protocol), rows[i].moment, NOW + 10);
		/* An earlier one that comes later takes nothing back. */
		ticket_table_end(table, rows[i].account,
			str_c(rows[i].protocol), NOW - 100, NOW + 20);
		for (uint64_t n = 2; n < 1000; n++)
			ticket_table_end(table, n, STR("imap"),
				NOW + TICKET_LIFETIME_MS - 1,
				NOW + TICKET_LIFETIME_MS - 1);
		assert_int_equal(
			ticket_redeem(table, str_c(KEY), buf_str(&b),
				STR("imap"), NOW + TICKET_LIFETIME_MS - 1, &t),
			rows[i].expected);
		buf_fini(&b);
		ticket_table_free(table);
	}
}

/* Each bit counts, and so does the length. */
static void test_tampered(void **unused)
{
	struct ticket_table *table = ticket_table_new(0);
	struct buf b = mint(NOW);
	struct ticket t;

	(void)unused;
	for (size_t bit = 0; bit < b.n * 8; bit++) {
		b.p[bit / 8] = (char)(b.p[bit / 8] ^ 1 << bit % 8);
		assert_int_equal(ticket_redeem(table, str_c(KEY), buf_str(&b),
					 STR("imap"), NOW, &t),
			ERR_DENIED);
		b.p[bit / 8] = (char)(b.p[bit / 8] ^ 1 << bit % 8);
	}
	for (size_t n = 0; n < b.n; n++)
		assert_int_not_equal(
			ticket_redeem(table, str_c(KEY),
				str_take(buf_str(&b), n), STR("imap"), NOW, &t),
			OK);
	assert_ok(ticket_redeem(
		table, str_c(KEY), buf_str(&b), STR("imap"), NOW, &t));
	buf_fini(&b);
	ticket_table_free(table);
}

/* The table grows, forgets what expired, and still knows what did not. */
static void test_many(void **unused)
{
	struct ticket_table *table = ticket_table_new(0);
	struct ticket t;

	(void)unused;
	for (uint64_t now = NOW; now < NOW + 300000; now += 100) {
		struct buf b = mint(now);

		assert_ok(ticket_redeem(
			table, str_c(KEY), buf_str(&b), STR("imap"), now, &t));
		assert_int_equal(ticket_redeem(table, str_c(KEY), buf_str(&b),
					 STR("imap"), now + 1, &t),
			ERR_INUSE);
		buf_fini(&b);
	}
	ticket_table_free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_redeem),
		cmocka_unit_test(test_from_before),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_ended),
		cmocka_unit_test(test_tampered),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
