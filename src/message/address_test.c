/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"

#include "base/buf.h"
#include "message/address.h"

static const struct {
	const char *in, *expected, *why;
} lists[] = {
	/* RFC 5322 appendix A */
	{"John Doe <jdoe@machine.example>",
		"((\"John Doe\" NIL \"jdoe\" \"machine.example\"))", "A.1.1"},
	{"\"Joe Q. Public\" <john.q.public@example.com>",
		"((\"Joe Q. Public\" NIL \"john.q.public\" \"example.com\"))",
		"A.1.2: quotes go"},
	{"Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>",
		"((\"Mary Smith\" NIL \"mary\" \"x.test\")"
		"(NIL NIL \"jdoe\" \"example.org\")"
		"(\"Who?\" NIL \"one\" \"y.test\"))",
		"A.1.2"},
	{"<boss@nil.test>, \"Giant; \\\"Big\\\" Box\" "
	 "<sysservices@example.net>",
		"((NIL NIL \"boss\" \"nil.test\")"
		"(\"Giant; \\\"Big\\\" Box\" NIL \"sysservices\" "
		"\"example.net\"))",
		"A.1.2: a comma and a semicolon inside quotes are text"},
	{"A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;",
		"((NIL NIL \"A Group\" NIL)"
		"(\"Ed Jones\" NIL \"c\" \"a.test\")"
		"(NIL NIL \"joe\" \"where.test\")"
		"(\"John\" NIL \"jdoe\" \"one.test\")(NIL NIL NIL NIL))",
		"A.1.3"},
	{"Undisclosed recipients:;",
		"((NIL NIL \"Undisclosed recipients\" NIL)(NIL NIL NIL NIL))",
		"A.1.3: an empty group"},
	{"Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>",
		"((\"Pete\" NIL \"pete\" \"silly.test\"))",
		"A.5: comments, with an escaped parenthesis"},
	{"A Group(Some people)\r\n    :Chris Jones <c@(Chris's host.)public."
	 "example>,\r\n        joe@example.org,\r\n John <jdoe@one.test> (my "
	 "dear friend); (the end of the group)",
		"((NIL NIL \"A Group\" NIL)"
		"(\"Chris Jones\" NIL \"c\" \"public.example\")"
		"(NIL NIL \"joe\" \"example.org\")"
		"(\"John\" NIL \"jdoe\" \"one.test\")(NIL NIL NIL NIL))",
		"A.5: folded"},
	{"(Empty list)(start)Hidden recipients  :(nobody(that I know))  ;",
		"((NIL NIL \"Hidden recipients\" NIL)(NIL NIL NIL NIL))",
		"A.5: nested comments"},
	{"Joe Q. Public <john.q.public@example.com>",
		"((\"Joe Q. Public\" NIL \"john.q.public\" \"example.com\"))",
		"A.6.1: a dot in a phrase"},
	{"Mary Smith <@node.test:mary@example.net>, , jdoe@test  . example",
		"((\"Mary Smith\" \"@node.test\" \"mary\" \"example.net\")"
		"(NIL NIL \"jdoe\" \"test.example\"))",
		"A.6.1: route, empty member, blanks around a dot"},
	{"<@a, @b : c@d>", "((NIL \"@a,@b\" \"c\" \"d\"))",
		"obs-route with blanks"},
	{"John  <john @ test  . example>",
		"((\"John\" NIL \"john\" \"test.example\"))",
		"A.6.3: white space anywhere"},

	{"\"quoted local\"@example.org",
		"((NIL NIL \"quoted local\" \"example.org\"))",
		"RFC 9051: local-part after removing quoting"},
	{"\"a\".b.\"c d\"@example.org",
		"((NIL NIL \"a.b.c d\" \"example.org\"))", "obs-local-part"},
	{"a . b @ example.org", "((NIL NIL \"a.b\" \"example.org\"))",
		"obs-local-part with blanks"},
	{"user@[192.0.2.1]", "((NIL NIL \"user\" \"[192.0.2.1]\"))",
		"domain-literal"},
	{"user@[IPv6:2001:db8::1], b@c",
		"((NIL NIL \"user\" \"[IPv6:2001:db8::1]\")"
		"(NIL NIL \"b\" \"c\"))",
		"domain-literal with colons"},
	{"=?utf-8?Q?J=C3=BCrgen?= <j@x>",
		"((\"=?utf-8?Q?J=C3=BCrgen?=\" NIL \"j\" \"x\"))",
		"encoded words stay encoded"},
	{"=?utf-8?Q?Doe,_John?= <j@x>, b@c",
		"((\"=?utf-8?Q?Doe,_John?=\" NIL \"j\" \"x\")"
		"(NIL NIL \"b\" \"c\"))",
		"a comma in an encoded word, against RFC 2047 section 5 (3)"},
	{"J\xc3\xbcrgen <j\xc3\xbc@x>",
		"(({7}\r\nJ\xc3\xbcrgen NIL {3}\r\nj\xc3\xbc \"x\"))",
		"RFC 6532; 8-bit makes a literal"},
	{"a@b (Foo Bar)", "((\"Foo Bar\" NIL \"a\" \"b\"))",
		"the name in a comment, as before RFC 822"},
	{"<a@b> (Foo Bar)", "((\"Foo Bar\" NIL \"a\" \"b\"))", "likewise"},
	{"\"\" <a@b>", "((NIL NIL \"a\" \"b\"))", "an empty phrase is none"},

	{"root", "((NIL NIL \"root\" \"\"))", "no host: empty, not NIL"},
	{"Mailer Daemon", "((\"Mailer Daemon\" NIL \"\" \"\"))",
		"words are a name"},
	{"\"Mailer\"", "((\"Mailer\" NIL \"\" \"\"))", "so is a quoted one"},
	{"Foo <bar>", "((\"Foo\" NIL \"bar\" \"\"))", "no host in brackets"},
	{"MAILER-DAEMON <>", "((\"MAILER-DAEMON\" NIL \"\" \"\"))",
		"the null path"},
	{"Foo <a@b", "((\"Foo\" NIL \"a\" \"b\"))", "no >"},
	{"Foo <a@b, c@d", "((\"Foo\" NIL \"a\" \"b\")(NIL NIL \"c\" \"d\"))",
		"no >, and a next"},
	{"a@b c@d", "((NIL NIL \"a\" \"b\")(NIL NIL \"c\" \"d\"))", "no comma"},
	{"a@b <c@d>", "((\"a@b\" NIL \"c\" \"d\"))",
		"an address as the name, unquoted"},
	{"a@b@c", "((NIL NIL \"a@b\" \"c\"))", "the last @ counts"},
	{"<mailto:a@b>", "((NIL NIL \"a\" \"b\"))", "a pasted link"},
	{"list:a@b",
		"((NIL NIL \"list\" NIL)(NIL NIL \"a\" \"b\")"
		"(NIL NIL NIL NIL))",
		"a group without ;"},
	{"a:b@c;d:;",
		"((NIL NIL \"a\" NIL)(NIL NIL \"b\" \"c\")"
		"(NIL NIL NIL NIL)(NIL NIL \"d\" NIL)"
		"(NIL NIL NIL NIL))",
		"groups without a comma between"},
	{"\"Foo <a@b>", "((\"Foo\" NIL \"a\" \"b\"))",
		"a quote that is not closed"},
	{"(Foo <a@b>", "((\"Foo\" NIL \"a\" \"b\"))",
		"a comment that is not closed"},
	{"John Doe jd@x", "((\"John Doe\" NIL \"jd\" \"x\"))",
		"brackets forgotten"},
	{"@b", "((NIL NIL \"\" \"b\"))", "no local part"},
	{": a@b", "((NIL NIL \"a\" \"b\"))", "a group without a name"},
	{"", "NIL", "nothing"},
	{" , ,; >) ", "NIL", "nothing but punctuation"},
	{"(just a comment)", "NIL", "a comment is no address"},
	{"a\\b@c", "((NIL NIL \"a\\\\b\" \"c\"))", "a backslash is text"},
};

static void test_lists(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(lists); i++) {
		struct arena arena;
		struct buf out = BUF_UNBOUNDED;
		arena_init(&arena, 1 << 20);
		address_print(address_parse(&arena, str_c(lists[i].in)), &out);
		if (!str_eq_c(buf_str(&out), lists[i].expected))
			print_error("%s (%s)\n", lists[i].in, lists[i].why);
		assert_str(buf_str(&out), lists[i].expected);
		buf_fini(&out);
		arena_fini(&arena);
	}
}

/* What would be quadratic if each opening were looked up to the end. */
static void test_hostile_is_bounded(void **state)
{
	(void)state;
	static const char *const pieces[] = {"(", "\"", "<", "<@", "a,", "=?",
		"=?a?q?", "a:", "[", "@[", "\\", "((\\)", "\"\\", "@", ".",
		"a "};
	for (size_t i = 0; i < COUNT_OF(pieces); i++) {
		struct arena arena;
		struct buf in = BUF_UNBOUNDED, out = BUF_UNBOUNDED;
		while (in.n < 60000)
			buf_add_c(&in, pieces[i]);
		arena_init(&arena, 32 << 20);
		address_print(address_parse(&arena, buf_str(&in)), &out);
		assert_false(arena_spent(&arena));
		/* "a:" gives most: two entries for two bytes. */
		assert_true(out.n <= 18 * in.n + 100);
		buf_fini(&in);
		buf_fini(&out);
		arena_fini(&arena);
	}
}

static void test_stops_when_arena_is_spent(void **state)
{
	(void)state;
	struct arena arena;
	struct buf in = BUF_UNBOUNDED;
	size_t count = 0;
	for (size_t i = 0; i < 100000; i++)
		buf_add_c(&in, "a@b,");
	arena_init(&arena, 10000);
	for (const struct address *a = address_parse(&arena, buf_str(&in)); a;
		a = a->next)
		count++;
	assert_true(arena_spent(&arena));
	assert_in_range(count, 10, 100);
	buf_fini(&in);
	arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_hostile_is_bounded),
		cmocka_unit_test(test_stops_when_arena_is_spent),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
