/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "lookup/lookup.h"

static unsigned asked;

static enum err say_yes(struct lookup_source *source,
	const struct lookup_request *q, struct lookup_person *person_r)
{
	(void)source;
	asked++;
	buf_add(&person_r->name, q->name);
	buf_add(&person_r->hash, STR("$y$x"));
	return q->op == LOOKUP_VERIFY ? ERR_UNSUPPORTED : OK;
}

static void what_no_source_should_be_asked(void **state)
{
	static const struct {
		enum lookup_op op;
		str name, secret;
		enum err answer;
		const char *why;
	} rows[] = {
		{LOOKUP_FIND, STR_LIT("bob"), STR_LIT(""), OK, "found"},
		{LOOKUP_VERIFY, STR_LIT("bob"), STR_LIT("x"), ERR_UNSUPPORTED,
			"a hash to verify"},
		{LOOKUP_TOKEN, STR_LIT(""), STR_LIT("x"), OK,
			"a token may name its bearer"},
		{LOOKUP_VERIFY, STR_LIT("bob"), STR_LIT(""), ERR_AUTH,
			"an unauthenticated bind, RFC 4513 section 5.1.2"},
		{LOOKUP_TOKEN, STR_LIT(""), STR_LIT(""), ERR_AUTH, "no token"},
		{LOOKUP_VERIFY, STR_LIT("bob"), STR_LIT("\0x"), ERR_AUTH,
			"empty for a C library"},
		{LOOKUP_VERIFY, STR_LIT("bob"), STR_LIT("a\0"), ERR_AUTH,
			"another password for a C library"},
		{LOOKUP_FIND, STR_LIT(""), STR_LIT(""), ERR_NOTFOUND, "nobody"},
		{LOOKUP_FIND, STR_LIT("bob\0x"), STR_LIT(""), ERR_NOTFOUND,
			"somebody else for a C library"},
		{LOOKUP_FIND, STR_LIT("bob\nroot"), STR_LIT(""), ERR_NOTFOUND,
			"two lines of a file"},
	};
	struct lookup_source source = {.ask = say_yes};
	struct lookup_person person;

	(void)state;
	lookup_person_init(&person);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct lookup_request q = {.op = rows[i].op,
			.name = rows[i].name,
			.secret = rows[i].secret};
		bool passed_on = rows[i].answer == OK ||
				 rows[i].answer == ERR_UNSUPPORTED;
		unsigned before = asked;

		if (lookup_ask(&source, &q, &person) != rows[i].answer)
			fail_msg("%s", rows[i].why);
		assert_int_equal(asked - before, passed_on);
		assert_int_equal(person.hash.n, passed_on ? 4 : 0);
	}
	lookup_person_fini(&person);
}

static void hosts_have_no_ports(void **state)
{
	static const struct {
		const char *remote, *host;
	} rows[] = {
		{"192.0.2.1:4711", "192.0.2.1"},
		{"192.0.2.1", "192.0.2.1"},
		{"[2001:db8::1]:4711", "2001:db8::1"},
		{"[2001:db8::1]", "2001:db8::1"},
		{"2001:db8::1", "2001:db8::1"},
		{"::1", "::1"},
		{"", ""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_str(lookup_host(str_c(rows[i].remote)), rows[i].host);
}

static void requests_survive_the_way(void **state)
{
	const struct lookup_request q = {.op = LOOKUP_VERIFY,
		.source = LOOKUP_SQL,
		.name = STR("bob@example.org"),
		.secret = STR("p\xc3\xa4ss"),
		.remote = STR("192.0.2.1"),
		.protocol = STR("imap")};
	struct lookup_request other;
	struct buf bytes = BUF_UNBOUNDED;

	(void)state;
	lookup_request_encode(&q, &bytes);
	assert_ok(lookup_request_decode(buf_str(&bytes), &other));
	assert_int_equal(other.op, LOOKUP_VERIFY);
	assert_int_equal(other.source, LOOKUP_SQL);
	assert_str(other.name, "bob@example.org");
	assert_str(other.secret, "p\xc3\xa4ss");
	assert_str(other.remote, "192.0.2.1");
	assert_str(other.protocol, "imap");
	for (size_t n = 0; n < bytes.n; n++)
		assert_int_equal(
			lookup_request_decode(str_of(bytes.p, n), &other),
			ERR_INVALID);
	buf_add_byte(&bytes, 'x');
	assert_int_equal(
		lookup_request_decode(buf_str(&bytes), &other), ERR_INVALID);
	bytes.p[1] = LOOKUP_SOURCES;
	assert_int_equal(
		lookup_request_decode(str_of(bytes.p, bytes.n - 1), &other),
		ERR_INVALID);
	buf_fini(&bytes);
}

static void answers_survive_the_way(void **state)
{
	struct lookup_person person, other;
	struct buf bytes = BUF_UNBOUNDED;
	enum err answer;

	(void)state;
	lookup_person_init(&person);
	lookup_person_init(&other);
	buf_add(&person.name, STR("bob"));
	buf_add(&person.hash, STR("$y$j9T$"));
	person.has_quota = true;
	person.quota = 5000000000;
	person.denied = ACCOUNT_POP3;
	lookup_answer_encode(ERR_UNSUPPORTED, &person, &bytes);
	assert_ok(lookup_answer_decode(buf_str(&bytes), &answer, &other));
	assert_int_equal(answer, ERR_UNSUPPORTED);
	assert_str(buf_str(&other.name), "bob");
	assert_str(buf_str(&other.hash), "$y$j9T$");
	assert_true(other.has_quota && other.quota == 5000000000);
	assert_false(other.disabled);
	assert_int_equal(other.denied, ACCOUNT_POP3);
	for (size_t n = 0; n < bytes.n; n++) {
		assert_int_equal(lookup_answer_decode(
					 str_of(bytes.p, n), &answer, &other),
			ERR_INVALID);
		assert_int_equal(answer, ERR_UNAVAILABLE);
		assert_int_equal(other.name.n, 0);
	}
	bytes.p[0] = ERR_QUOTA;
	assert_int_equal(lookup_answer_decode(buf_str(&bytes), &answer, &other),
		ERR_INVALID);
	buf_fini(&bytes);
	lookup_person_fini(&person);
	lookup_person_fini(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_no_source_should_be_asked),
		cmocka_unit_test(hosts_have_no_ports),
		cmocka_unit_test(requests_survive_the_way),
		cmocka_unit_test(answers_survive_the_way),
	};

	return cmocka_run_group_tests_name("lookup", tests, NULL, NULL);
}
