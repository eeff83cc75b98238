/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "lookup/template.h"

static void filters_are_checked(void **state)
{
	static const struct {
		const char *filter;
		const char *wrong; /* how `why` begins; NULL: good */
	} rows[] = {
		{"(uid=%n)", NULL},
		{"(&(objectClass=mailUser)(|(mail=%u)(alias=%u)))", NULL},
		{"(mail=%n@%d)", NULL},
		{"(cn:caseExactMatch:=%u)", NULL},
		{"(uid=100\\25%n)", NULL},
		{"(uid=%x)", "\"%x\" stands for nothing; write %u"},
		{"(uid=%)", "\"%)\" stands for nothing"},
		{"(uid=x%", "\"%\" stands for nothing"},
		{"(uid=%%u)", "\"%%\" stands for nothing"},
		{"(%u=x)", "has \"%u\" where no value is"},
		{"(&(uid=x)%u)", "has \"%u\" where no value is"},
		{"(uid=%n", "is not whole"},
		{"uid=%n", "is not whole"},
		{"(uid=%n))", "has a \")\" too many"},
		{")(uid=%n)(", "has a \")\" too many"},
		{"(uid=bob)", "asks for nobody in particular"},
		{"", "is not whole"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buf why = BUF_UNBOUNDED;
		enum err e = template_check_filter(str_c(rows[i].filter), &why);

		assert_int_equal(e, rows[i].wrong ? ERR_INVALID : OK);
		if (rows[i].wrong &&
			!str_starts(buf_str(&why), str_c(rows[i].wrong)))
			fail_msg("%s: %.*s", rows[i].filter,
				STR_ARG(buf_str(&why)));
		buf_fini(&why);
	}
}

/* RFC 4515 section 3: none of these means anything any more. */
static void names_are_values(void **state)
{
	static const struct {
		const char *filter;
		str name;
		const char *filled, *why;
	} rows[] = {
		{"(uid=%u)", STR_LIT("bob"), "(uid=bob)", "plain"},
		{"(mail=%u)", STR_LIT("bob@example.org"),
			"(mail=bob@example.org)", "an address"},
		{"(&(uid=%n)(dc=%d))", STR_LIT("bob@example.org"),
			"(&(uid=bob)(dc=example.org))", "its parts"},
		{"(&(uid=%n)(dc=%d))", STR_LIT("bob"), "(&(uid=bob)(dc=))",
			"without a domain"},
		{"(uid=%n)", STR_LIT("a@b@c"), "(uid=a@b)", "the last @"},
		{"(uid=%u)", STR_LIT("*)(uid=*"),
			"(uid=\\2a\\29\\28uid\\3d\\2a)", "an injection"},
		{"(uid=%u)", STR_LIT("a\\2ab"), "(uid=a\\5c2ab)",
			"an escape that was escaped before"},
		{"(uid=%u)", STR_LIT("a\0b"), "(uid=a\\00b)", "NUL"},
		{"(uid=%u)", STR_LIT("%d%u"), "(uid=\\25d\\25u)",
			"a name is not a template"},
		{"(uid=%u)",
			STR_LIT("b\xc3\xb6"
				"b"),
			"(uid=b\\c3\\b6b)", "UTF-8"},
		{"(uid=x%nx%n)", STR_LIT("b"), "(uid=xbxb)", "twice"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buf out = BUF_UNBOUNDED;

		template_fill_filter(str_c(rows[i].filter), rows[i].name, &out);
		assert_str(buf_str(&out), rows[i].filled);
		buf_fini(&out);
	}
}

static void queries_are_checked(void **state)
{
	static const struct {
		const char *query;
		const char *wrong;
	} rows[] = {
		{"SELECT hash FROM a WHERE name = $1", NULL},
		{"SELECT hash FROM a WHERE l = $2 AND d = $3", NULL},
		{"SELECT hash FROM a WHERE name = '%u'", "has a percent sign"},
		{"SELECT hash FROM a WHERE name LIKE $1 || '%'",
			"has a percent sign"},
		{"SELECT hash FROM a WHERE name = $4", "$4 stands for nothing"},
		{"SELECT hash FROM a WHERE name = $0", "$0 stands for nothing"},
		{"SELECT hash FROM a WHERE name = $10",
			"$10 stands for nothing"},
		{"SELECT hash FROM a", "asks for nobody in particular"},
		{"SELECT $$x$$", "asks for nobody in particular"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buf why = BUF_UNBOUNDED;
		enum err e = template_check_query(str_c(rows[i].query), &why);

		assert_int_equal(e, rows[i].wrong ? ERR_INVALID : OK);
		if (rows[i].wrong &&
			!str_starts(buf_str(&why), str_c(rows[i].wrong)))
			fail_msg("%s: %.*s", rows[i].query,
				STR_ARG(buf_str(&why)));
		buf_fini(&why);
	}
	assert_true(template_query_uses(STR("a = $1 b = $3"), '3'));
	assert_false(template_query_uses(STR("a = $1 b = $3"), '2'));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(filters_are_checked),
		cmocka_unit_test(names_are_values),
		cmocka_unit_test(queries_are_checked),
	};

	return cmocka_run_group_tests_name("template", tests, NULL, NULL);
}
