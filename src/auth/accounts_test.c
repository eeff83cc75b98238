/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "auth/accounts.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

static char dir[64], path[80];
static struct accounts *db;

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof dir, "/tmp/culver-accounts-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/db", dir);
	assert_ok(accounts_open(path, &db));
	return 0;
}

static int teardown(void **state)
{
	static const char *const suffixes[] = {"", "-wal", "-shm"};

	(void)state;
	if (db)
		accounts_close(db);
	db = NULL;
	for (size_t i = 0; i < COUNT_OF(suffixes); i++) {
		char file[96];

		snprintf(file, sizeof file, "%s%s", path, suffixes[i]);
		unlink(file);
	}
	rmdir(dir);
	return 0;
}

static void reopen(void)
{
	accounts_close(db);
	db = NULL;
	assert_ok(accounts_open(path, &db));
}

static enum err add(const char *name, uint64_t *id_r)
{
	struct account a = {.name = xstrdup(name),
		.hash = xstrdup("$y$x"),
		.quota = 1000,
		.enabled = true,
		.denied = ACCOUNT_POP3};
	enum err e = accounts_add(db, &a);

	if (id_r)
		*id_r = a.id;
	account_fini(&a);
	return e;
}

static void keeps_what_it_was_given(void **state)
{
	struct account a, b;
	uint64_t id;

	(void)state;
	assert_ok(add("Ann@Example.ORG", &id));
	reopen();
	assert_ok(accounts_get(db, STR("aNN@example.org"), &a));
	assert_int_equal(a.id, id);
	assert_string_equal(a.name, "ann@example.org");
	assert_string_equal(a.hash, "$y$x");
	assert_int_equal(a.quota, 1000);
	assert_true(a.enabled);
	assert_int_equal(a.denied, ACCOUNT_POP3);
	assert_true(a.created > 0 && a.changed == a.created);
	a.enabled = false;
	a.quota = INT64_MAX;
	assert_ok(accounts_update(db, &a));
	assert_ok(accounts_get_id(db, id, &b));
	assert_false(b.enabled);
	assert_int_equal(b.quota, INT64_MAX);
	account_fini(&b);
	a.quota++;
	assert_int_equal(accounts_update(db, &a), ERR_INVALID);
	account_fini(&a);
}

static void refuses(void **state)
{
	struct account a;
	uint64_t id;

	(void)state;
	assert_ok(add("ann", NULL));
	assert_int_equal(add("ANN", NULL), ERR_EXISTS);
	assert_int_equal(accounts_get(db, STR("bob"), &a), ERR_NOTFOUND);
	assert_int_equal(accounts_get_id(db, 99, &a), ERR_NOTFOUND);
	assert_int_equal(accounts_remove(db, STR("bob"), &id), ERR_NOTFOUND);
	a = (struct account){.id = 99, .hash = (char *)(uintptr_t) ""};
	assert_int_equal(accounts_update(db, &a), ERR_NOTFOUND);
}

static void numbers_are_never_reused(void **state)
{
	uint64_t first, second, removed;

	(void)state;
	assert_ok(add("ann", &first));
	assert_ok(accounts_remove(db, STR("Ann"), &removed));
	assert_int_equal(removed, first);
	reopen();
	assert_ok(add("ann", &second));
	assert_true(second > first);
}

static const struct {
	const char *name, *prepared, *why;
} names[] = {
	{"ann", "ann", "plain"},
	{"Ann.B-c_d+e@Example.org", "ann.b-c_d+e@example.org", "mail address"},
	{"\xc3\x84rger", "\xc3\xa4rger", "lower case beyond ASCII"},
	{"a\xcc\x88rger", "\xc3\xa4rger", "composed (NFC)"},
	{"A\xcc\x88rger", "\xc3\xa4rger", "lower case, then composed"},
	{"\xef\xbc\xa1\xef\xbd\x8e\xef\xbd\x8e", "ann", "full width"},
	{"\xce\xa3\xce\x91\xce\xa3", "\xcf\x83\xce\xb1\xcf\x82", "final sigma"},
	{"\xd0\x9c\xd0\xb0\xd1\x88\xd0\xb0", "\xd0\xbc\xd0\xb0\xd1\x88\xd0\xb0",
		"Cyrillic"},
	{"\xe7\x8e\x8b", "\xe7\x8e\x8b", "no case"},
	{"I", "i", "no locale's i"},
	{"", NULL, "empty"},
	{".ann", NULL, "leading dot"},
	{"-ann", NULL, "leading hyphen: an option"},
	{"ann b", NULL, "space"},
	{"ann\xc2\xa0", NULL, "no-break space"},
	{"a/b", NULL, "slash"},
	{"a%b", NULL, "LIST wildcard"},
	{"a*", NULL, "LIST wildcard"},
	{"a\"b", NULL, "quote"},
	{"a\nb", NULL, "control"},
	{"a\x7f", NULL, "DEL"},
	{"a\xe2\x80\x8b", NULL, "zero width space"},
	{"a\xe2\x80\xae", NULL, "right-to-left override"},
	{"\xc3", NULL, "not UTF-8"},
	{"\xed\xa0\x80", NULL, "a surrogate"},
};

static void names_are_prepared(void **state)
{
	struct buf out = BUF_UNBOUNDED;
	char longest[ACCOUNT_NAME_MAX + 1];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		enum err e = account_name_prepare(str_c(names[i].name), &out);

		if (names[i].prepared) {
			if (e)
				print_error("%s\n", names[i].why);
			assert_ok(e);
			assert_str(buf_str(&out), names[i].prepared);
		} else if (e != ERR_INVALID) {
			fail_msg("accepted: %s", names[i].why);
		}
	}
	memset(longest, 'a', sizeof longest);
	assert_ok(
		account_name_prepare(str_of(longest, ACCOUNT_NAME_MAX), &out));
	assert_int_equal(account_name_prepare(
				 str_of(longest, ACCOUNT_NAME_MAX + 1), &out),
		ERR_INVALID);
	buf_fini(&out);
}

static enum err collect(const struct account *a, void *arg)
{
	struct buf *out = arg;

	buf_addf(out, "%s ", a->name);
	return out->n > 1500 ? ERR_LIMIT : OK;
}

static void each_is_in_order_and_pages(void **state)
{
	struct buf out = BUF_UNBOUNDED;
	uint64_t count;

	(void)state;
	for (int i = 399; i >= 0; i--) {
		char name[16];

		snprintf(name, sizeof name, "u%03d", i);
		assert_ok(add(name, NULL));
	}
	assert_ok(accounts_count(db, &count));
	assert_int_equal(count, 400);
	assert_int_equal(accounts_each(db, collect, &out), ERR_LIMIT);
	assert_true(str_starts(buf_str(&out), STR("u000 u001 u002 ")));
	assert_true(str_ends(buf_str(&out), STR("u299 u300 ")));
	/* without a gap between the pages */
	assert_true(str_find(buf_str(&out), STR("u127 u128 u129")) < out.n);
	buf_fini(&out);
}

static void add_news(const struct account_news *n, void *arg)
{
	buf_addf(arg, "%s%d:%.*s:%d ", n->removed ? "-" : "+", (int)n->account,
		STR_ARG(n->name), (int)n->quota);
	*(uint64_t *)(void *)(((struct buf *)arg) + 1) = n->serial;
}

static void assert_news(uint64_t after, uint64_t *last_r, const char *expected)
{
	struct {
		struct buf out;
		uint64_t last;
	} got = {BUF_UNBOUNDED, 0};

	assert_ok(accounts_news(db, after, add_news, &got));
	assert_str(buf_str(&got.out), expected);
	buf_fini(&got.out);
	if (last_r)
		*last_r = got.last;
}

static void news_wait_until_noted(void **state)
{
	struct account a;
	uint64_t added, changed, id;

	(void)state;
	assert_ok(add("ann", NULL));
	assert_news(0, &added, "+1:ann:1000 ");
	assert_news(added, NULL, "");
	assert_ok(accounts_get(db, STR("ann"), &a));
	a.quota = 7;
	assert_ok(accounts_update(db, &a));
	account_fini(&a);
	/* what was known of the first is not the second */
	assert_ok(accounts_noted(db, 1, added));
	reopen();
	assert_news(0, &changed, "+1:ann:7 ");
	assert_true(changed > added);
	assert_ok(add("bob", NULL));
	assert_ok(accounts_remove(db, STR("ann"), &id));
	assert_news(0, &changed, "+2:bob:1000 -1::0 ");
	assert_ok(accounts_noted(db, 2, changed)); /* not its serial */
	assert_ok(accounts_noted(db, 1, changed));
	assert_news(0, NULL, "+2:bob:1000 ");
}

static void newer_version_is_refused(void **state)
{
	struct accounts *other;
	sqlite3 *raw;

	(void)state;
	accounts_close(db);
	db = NULL;
	assert_int_equal(sqlite3_open(path, &raw), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(raw, "PRAGMA user_version = 3", NULL, NULL, NULL),
		SQLITE_OK);
	sqlite3_close(raw);
	assert_int_equal(accounts_open(path, &other), ERR_VERSION);
	assert_null(other);
}

static void damage_is_told(void **state)
{
	struct accounts *other;
	FILE *file;

	(void)state;
	accounts_close(db);
	db = NULL;
	file = fopen(path, "r+");
	assert_non_null(file);
	fputs("This is no database at all.", file);
	fclose(file);
	assert_int_equal(accounts_open(path, &other), ERR_CORRUPT);
}

static void protocols_have_bits(void **state)
{
	(void)state;
	assert_int_equal(account_protocol_bit(STR("imap")), ACCOUNT_IMAP);
	assert_int_equal(account_protocol_bit(STR("sieve")), ACCOUNT_SIEVE);
	assert_int_equal(account_protocol_bit(STR("gopher")), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(keeps_what_it_was_given),
		T(refuses),
		T(numbers_are_never_reused),
		T(names_are_prepared),
		T(each_is_in_order_and_pages),
		T(news_wait_until_noted),
		T(newer_version_is_refused),
		T(damage_is_told),
		T(protocols_have_bits),
#undef T
	};

	return cmocka_run_group_tests_name("accounts", tests, NULL, NULL);
}
