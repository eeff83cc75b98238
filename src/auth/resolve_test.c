/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/resolve.h"
#include "auth/fixture.h"

#define UE "\xc3\xbc"

static void add_alias(const char *address, const char *account)
{
	str name = str_c(account);
	size_t which;

	assert_ok(alias_add(db, str_c(address), &name, 1, &which));
}

static void change(const char *name, unsigned denied, bool detail, bool enabled)
{
	struct account a;

	assert_ok(accounts_get(db, str_c(name), &a));
	a.denied = denied;
	a.detail = detail;
	a.enabled = enabled;
	assert_ok(accounts_update(db, &a));
	account_fini(&a);
}

static int setup_people(void **state)
{
	static const char *const names[] = {"ann", "bob", "carl@example.org",
		"dave@b" UE "cher.example", "eve@xn--bcher-kva.example",
		"frank+lists", "off", "plain", "gone", "\xc3\xa4gir"};

	setup(state);
	for (size_t i = 0; i < COUNT_OF(names); i++)
		assert_ok(add(names[i], NULL));
	add_alias("info@example.org", "ann");
	add_alias("info@example.org", "bob");
	add_alias("info@example.org", "off");
	add_alias("sales+urgent@example.org", "bob");
	add_alias("sales@example.org", "ann");
	add_alias("\"john smith\"@example.org", "ann");
	add_alias("root", "bob");
	add_alias("@catch.example", "bob");
	add_alias("@B\xc3\x9c"
		  "cher.example",
		"carl@example.org");
	add_alias("postmaster@own.example", "bob");
	add_alias("off@elsewhere.example", "off");
	change("off", ACCOUNT_LMTP, true, true);
	change("plain", 0, false, true);
	change("gone", 0, true, false);
	return 0;
}

static const struct {
	const char *address, *expected, *why;
} rows[] = {
	{"carl@example.org", "carl@example.org", "1: the whole address"},
	{"CARL@Example.ORG", "carl@example.org", "1: in another case"},
	{"\"carl\"@example.org", "carl@example.org", "1: quoted"},
	{"carl@example.net", "NOTFOUND", "1: another domain"},
	{"carl", "NOTFOUND", "1: no domain"},
	{"dave@xn--bcher-kva.example", "dave@b" UE "cher.example",
		"1: the name has the U-label"},
	{"dave@B\xc3\x9c"
	 "CHER.example",
		"dave@b" UE "cher.example", "1: in upper case"},
	{"eve@b" UE "cher.example", "eve@xn--bcher-kva.example",
		"1: the name has the A-label"},
	{"info@example.org", "ann bob", "2: several, but for who refuses"},
	{"INFO@EXAMPLE.ORG", "ann bob", "2: in another case"},
	{"\"John Smith\"@example.org", "ann", "2: quoted"},
	{"ann@example.org", "ann", "3: in our domain"},
	{"ann@xn--mnchen-3ya.example", "ann", "3: in our domain, as A-label"},
	{"ann@other.example", "NOTFOUND", "3: not our domain"},
	{"ann", "ann", "3: no domain"},
	{"\xc3\x84GIR@example.org", "\xc3\xa4gir", "3: beyond ASCII"},
	{"root@example.org", "bob", "3: an alias without domain"},
	{"root", "bob", "3: an alias without domain, without domain"},
	{"root@other.example", "NOTFOUND", "3: not our domain"},
	{"ann+Lists@example.org", "ann +Lists", "4: the detail keeps its case"},
	{"ann-x@example.org", "ann +x", "4: the other separator"},
	{"ann+a+b-c@example.org", "ann +a+b-c", "4: at the first"},
	{"ann+@example.org", "ann", "4: an empty detail"},
	{"ann+lists", "ann +lists", "4: no domain"},
	{"carl+x@example.org", "carl@example.org +x", "4: the whole address"},
	{"sales+urgent@example.org", "bob", "2 before 4"},
	{"sales+other@example.org", "ann +other", "4: an alias"},
	{"frank+lists@example.org", "frank+lists", "3 before 4"},
	{"frank+other@example.org", "NOTFOUND", "4: there is no frank"},
	{"+x@example.org", "NOTFOUND", "4: nobody before it"},
	{"\"ann+a b\"@example.org", "ann +a b", "4: quoted"},
	{"plain+x@example.org", "plain- +x", "4: is told who wants none"},
	{"postmaster", "ann!", "5: without a domain"},
	{"PostMaster@anything.example", "ann!", "5: any domain"},
	{"postmaster@own.example", "bob", "2 before 5"},
	{"postmaster@catch.example", "ann!", "5 before 6"},
	{"x@catch.example", "bob!", "6"},
	{"a/b*c@catch.example", "bob!", "6: nobody's name"},
	{"x+y@catch.example", "bob!", "6: no detail"},
	{"x@xn--bcher-kva.example", "carl@example.org!", "6: A-label"},
	{"dave+x@b" UE "cher.example", "dave@b" UE "cher.example +x",
		"4 before 6"},
	{"off@example.org", "DENIED", "switched off"},
	{"off@elsewhere.example", "DENIED", "switched off, by alias"},
	{"off+x@example.org", "DENIED", "switched off, with detail"},
	{"gone@example.org", "gone", "disabled accounts get mail"},
	{"\"ann@example.org\"@example.org", "NOTFOUND",
		"not another's address in quotes"},
	{"\"info@example.org\"@example.org", "NOTFOUND", "nor an alias"},
	{"'; DROP TABLE account; --@example.org", "INVALID", "a space"},
	{"'||(SELECT'@example.org", "INVALID", "a parenthesis"},
	{"%@example.org", "NOTFOUND", "no pattern"},
	{"_nn@example.org", "NOTFOUND", "no pattern"},
	{"@catch.example", "INVALID", "the catch-all is no address"},
	{"", "INVALID", "empty"},
	{"ann@", "INVALID", "half"},
};

static void print(enum err e, const struct resolved *r, struct buf *out)
{
	static const char *const words[] = {[ERR_NOTFOUND] = "NOTFOUND",
		[ERR_DENIED] = "DENIED",
		[ERR_INVALID] = "INVALID"};

	buf_reset(out);
	if (e) {
		buf_add_c(out, words[e]);
		return;
	}
	for (size_t i = 0; i < r->count; i++)
		buf_addf(out, "%s%s%s", i ? " " : "", r->list[i].name,
			r->list[i].detail ? "" : "-");
	if (r->detail.n)
		buf_addf(out, " +%.*s", STR_ARG(buf_str(&r->detail)));
	buf_add_c(out, r->last_resort ? "!" : "");
}

static void addresses(void **state)
{
	struct resolve_rules *rules = resolve_rules_new(
		"example.org  M\xc3\x9cnchen.example", "ann", "+-");
	struct buf got = BUF_UNBOUNDED;
	struct resolved r;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		enum err e = accounts_resolve(
			db, rules, str_c(rows[i].address), ACCOUNT_LMTP, &r);

		print(e, &r, &got);
		resolved_fini(&r);
		if (!str_eq_c(buf_str(&got), rows[i].expected))
			fail_msg("%s (%s): %.*s", rows[i].address, rows[i].why,
				STR_ARG(buf_str(&got)));
	}
	buf_fini(&got);
	resolve_rules_free(rules);
}

static const struct {
	const char *domains, *postmaster, *separators;
	const char *address, *expected, *why;
} settings[] = {
	{"*", "", "+", "ann@other.example", "ann", "any domain"},
	{"*", "", "+", "root@other.example", "bob", "any domain"},
	{"", "", "+", "ann@example.org", "NOTFOUND", "no domain is ours"},
	{"", "", "+", "ann", "ann", "but no domain is"},
	{"a..b xn--mnchen-3ya.example", "", "+", "ann@m" UE "nchen.example",
		"ann", "A-label; a bad one does no harm"},
	{"*", "", "", "ann+x@example.org", "NOTFOUND", "no separator"},
	{"*", "", "+", "ann-x@example.org", "NOTFOUND", "another separator"},
	{"*", "", "+", "postmaster", "NOTFOUND", "no postmaster"},
	{"*", "nobody", "+", "postmaster", "NOTFOUND", "a wrong postmaster"},
	{"*", "nobody", "+", "postmaster@catch.example", "bob!",
		"a wrong postmaster, and a catch-all"},
	{"*", "off", "+", "postmaster", "DENIED", "a postmaster without LMTP"},
};

static void rules_count(void **state)
{
	struct buf got = BUF_UNBOUNDED;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(settings); i++) {
		struct resolve_rules *rules =
			resolve_rules_new(settings[i].domains,
				settings[i].postmaster, settings[i].separators);
		struct resolved r;
		enum err e = accounts_resolve(db, rules,
			str_c(settings[i].address), ACCOUNT_LMTP, &r);

		print(e, &r, &got);
		resolved_fini(&r);
		if (!str_eq_c(buf_str(&got), settings[i].expected))
			fail_msg("%s: %.*s", settings[i].why,
				STR_ARG(buf_str(&got)));
		resolve_rules_free(rules);
	}
	buf_fini(&got);
}

static bool collect(str name, void *arg)
{
	struct buf *out = arg;

	buf_addf(out, "%.*s ", STR_ARG(name));
	return str_eq_c(name, "stop@example.org");
}

static void sources_are_asked_in_order(void **state)
{
	static const struct {
		const char *address, *names;
	} asked[] = {
		{"Zoe@Example.org", "zoe@example.org zoe "},
		{"zoe@other.example", "zoe@other.example "},
		{"zoe+x@example.org",
			"zoe+x@example.org zoe+x zoe@example.org zoe "},
		{"zoe@M" UE "nchen.example",
			"zoe@m" UE "nchen.example zoe@xn--mnchen-3ya.example "
			"zoe "},
		{"stop+x@example.org",
			"stop+x@example.org stop+x stop@example.org "},
		{"stop@example.org", "stop@example.org "},
		{"zoe", "zoe "},
		{"\"a b\"@example.org", ""},
		{"zoe@", ""},
	};
	struct resolve_rules *rules = resolve_rules_new(
		"example.org m" UE "nchen.example", "ann", "+");
	struct buf got = BUF_UNBOUNDED;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(asked); i++) {
		buf_reset(&got);
		resolve_each_name(
			rules, str_c(asked[i].address), collect, &got);
		assert_str(buf_str(&got), asked[i].names);
	}
	buf_fini(&got);
	resolve_rules_free(rules);
}

static enum err list(const struct alias *alias, void *arg)
{
	buf_addf(arg, "%.*s=%.*s ", STR_ARG(alias->address),
		STR_ARG(alias->account));
	return OK;
}

static void assert_list_of(const char *what, const char *expected)
{
	struct buf out = BUF_UNBOUNDED;

	if (what)
		assert_ok(alias_each_of(db, str_c(what), list, &out));
	else
		assert_ok(alias_each(db, list, &out));
	assert_str(buf_str(&out), expected);
	buf_fini(&out);
}

static void aliases_are_listed(void **state)
{
	(void)state;
	assert_list_of(NULL,
		"@b" UE "cher.example=carl@example.org @catch.example=bob "
		"info@example.org=ann info@example.org=bob "
		"info@example.org=off "
		"\"john smith\"@example.org=ann off@elsewhere.example=off "
		"postmaster@own.example=bob root=bob "
		"sales+urgent@example.org=bob sales@example.org=ann ");
	assert_list_of("INFO@example.org",
		"info@example.org=ann info@example.org=bob "
		"info@example.org=off ");
	assert_list_of("Ann", "info@example.org=ann \"john smith\"@example.org"
			      "=ann sales@example.org=ann ");
	assert_list_of(
		"carl@example.org", "@b" UE "cher.example=carl@example.org ");
	assert_list_of("@xn--bcher-kva.example",
		"@b" UE "cher.example=carl@example.org ");
	assert_list_of("nobody", "");
	assert_list_of("", "");
	assert_list_of("a b", "");
}

static void aliases_page(void **state)
{
	struct buf out = BUF_UNBOUNDED;
	char room[32];

	(void)state;
	for (int i = 0; i < 300; i++) {
		snprintf(room, sizeof room, "n%03d@example.org", i);
		add_alias(room, "plain");
	}
	assert_ok(alias_each_of(db, STR("plain"), list, &out));
	assert_true(str_starts(buf_str(&out), STR("n000@example.org=plain ")));
	assert_true(str_ends(buf_str(&out), STR(" n299@example.org=plain ")));
	assert_int_equal(out.n, 300 * strlen("n000@example.org=plain "));
	buf_fini(&out);
}

static void aliases_change_whole(void **state)
{
	const str some[] = {STR("ann"), STR("nobody"), STR("bob")};
	size_t which;
	uint64_t id;

	(void)state;
	assert_int_equal(alias_add(db, STR("new@example.org"), some, 3, &which),
		ERR_NOTFOUND);
	assert_int_equal(which, 1);
	assert_list_of("new@example.org", "");
	assert_int_equal(
		alias_add(db, STR("new@"), some, 1, &which), ERR_INVALID);
	/* Its account would get the mail. */
	assert_int_equal(
		alias_add(db, STR("carl@example.org"), some, 1, &which),
		ERR_EXISTS);
	assert_ok(alias_add(db, STR("info@example.org"), some, 1, &which));
	assert_int_equal(
		alias_remove(db, STR("info@example.org"), some, 3, &which),
		ERR_NOTFOUND);
	assert_int_equal(which, 1);
	assert_list_of("info@example.org",
		"info@example.org=ann info@example.org=bob "
		"info@example.org=off ");
	assert_ok(
		alias_remove(db, STR("info@example.org"), &some[2], 1, &which));
	assert_int_equal(
		alias_remove(db, STR("info@example.org"), &some[2], 1, &which),
		ERR_NOTFOUND);
	assert_list_of("info@example.org",
		"info@example.org=ann info@example.org=off ");
	assert_ok(alias_remove(db, STR("info@example.org"), NULL, 0, &which));
	assert_int_equal(
		alias_remove(db, STR("info@example.org"), NULL, 0, &which),
		ERR_NOTFOUND);
	assert_int_equal(which, 0);
	/* They go with their account. */
	assert_ok(accounts_remove(db, STR("bob"), &id));
	assert_list_of("root", "");
	assert_list_of("@catch.example", "");
}

static void aliases_have_a_limit(void **state)
{
	str name;
	size_t which;

	(void)state;
	for (int i = 0; i <= ALIAS_ACCOUNTS_MAX; i++) {
		char room[16];
		enum err e;

		snprintf(room, sizeof room, "u%d", i);
		assert_ok(add(room, NULL));
		name = str_c(room);
		e = alias_add(db, STR("all@example.org"), &name, 1, &which);
		assert_int_equal(e, i < ALIAS_ACCOUNTS_MAX ? OK : ERR_LIMIT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup_people, teardown)
		T(addresses),
		T(rules_count),
		T(sources_are_asked_in_order),
		T(aliases_are_listed),
		T(aliases_page),
		T(aliases_change_whole),
		T(aliases_have_a_limit),
#undef T
	};

	return cmocka_run_group_tests_name("resolve", tests, NULL, NULL);
}
