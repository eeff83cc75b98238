/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/fixture.h"

#include <pthread.h>
#include <sqlite3.h>
#include <sys/stat.h>

static void reopen(void)
{
	accounts_close(db);
	db = NULL;
	assert_ok(accounts_open(path, &db));
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

static void run_sql(const char *sql)
{
	sqlite3 *raw;

	assert_int_equal(sqlite3_open(path, &raw), SQLITE_OK);
	assert_int_equal(sqlite3_exec(raw, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(raw);
}

static void newer_version_is_refused(void **state)
{
	struct accounts *other;

	(void)state;
	accounts_close(db);
	db = NULL;
	run_sql("PRAGMA user_version = 3");
	assert_int_equal(accounts_open(path, &other), ERR_VERSION);
	assert_null(other);
}

/* As version 1 wrote it. */
static const char version_1[] =
	"PRAGMA journal_mode = WAL;"
	"BEGIN IMMEDIATE;"
	"CREATE TABLE account ( id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" name TEXT NOT NULL UNIQUE, hash TEXT NOT NULL,"
	" quota INTEGER NOT NULL, enabled INTEGER NOT NULL,"
	" denied INTEGER NOT NULL, created INTEGER NOT NULL,"
	" changed INTEGER NOT NULL) STRICT;"
	"CREATE TABLE news ( serial INTEGER PRIMARY KEY AUTOINCREMENT,"
	" account INTEGER NOT NULL UNIQUE, removed INTEGER NOT NULL) STRICT;"
	"PRAGMA user_version = 1;"
	"COMMIT;"
	"INSERT INTO account VALUES(1, 'ann', '$y$old', 7, 1, 2, 11, 12);"
	"INSERT INTO account VALUES(5, 'bob', '', 0, 0, 0, 13, 14);"
	"DELETE FROM account WHERE id = 5;"
	"INSERT INTO news(account, removed) VALUES(5, 1);";

static void version_1_becomes_version_2(void **state)
{
	struct account a;
	uint64_t id;

	(void)state;
	teardown(state);
	assert_int_equal(mkdir(dir, 0700), 0);
	run_sql(version_1);
	assert_ok(accounts_open(path, &db));
	assert_ok(accounts_get(db, STR("ann"), &a));
	assert_int_equal(a.id, 1);
	assert_string_equal(a.hash, "$y$old");
	assert_int_equal(a.quota, 7);
	assert_true(a.enabled);
	assert_int_equal(a.denied, ACCOUNT_POP3);
	assert_int_equal(a.created, 11);
	assert_int_equal(a.changed, 12);
	assert_string_equal(a.source, "");
	assert_string_equal(a.scram1, "");
	assert_string_equal(a.scram256, "");
	assert_false(a.master);
	assert_true(a.detail);
	assert_false(a.quota_fixed);
	account_fini(&a);
	assert_news(0, NULL, "-5::0 ");
	assert_ok(add("carl", &id));
	assert_int_equal(id, 6);
	reopen(); /* a second time there is nothing to do */
	assert_ok(accounts_get(db, STR("carl"), &a));
	account_fini(&a);
}

/* A step that fails leaves the file as it was. */
static void failed_migration_changes_nothing(void **state)
{
	struct accounts *other;
	struct account a;

	(void)state;
	teardown(state);
	assert_int_equal(mkdir(dir, 0700), 0);
	run_sql(version_1);
	run_sql("CREATE TABLE alias (mine TEXT)"); /* in the way */
	assert_int_equal(accounts_open(path, &other), ERR_IO);
	run_sql("DROP TABLE alias");
	assert_ok(accounts_open(path, &db));
	assert_ok(accounts_get(db, STR("ann"), &a));
	account_fini(&a);
}

static void rehash_only_what_was_read(void **state)
{
	struct account a;
	uint64_t id;

	(void)state;
	assert_ok(add("ann", &id));
	assert_ok(accounts_rehash(db, id, "$y$x", "$y$new", "k1", NULL));
	assert_int_equal(
		accounts_rehash(db, id, "$y$x", "$y$late", NULL, "k256"),
		ERR_CONFLICT);
	assert_int_equal(accounts_rehash(db, 99, "$y$x", "$y$", NULL, NULL),
		ERR_CONFLICT);
	assert_ok(accounts_rehash(db, id, "$y$new", "$y$new", NULL, "k256"));
	assert_ok(accounts_get_id(db, id, &a));
	assert_string_equal(a.hash, "$y$new");
	assert_string_equal(a.scram1, "k1");
	assert_string_equal(a.scram256, "k256");
	account_fini(&a);
}

static void outsiders_are_adopted(void **state)
{
	struct accounts_outsider who = {"ldap", STR("Ann"), true, 500};
	struct account a;
	uint64_t id;
	bool news;

	(void)state;
	assert_ok(accounts_adopt(db, &who, &a, &news));
	id = a.id;
	assert_true(news && a.enabled && a.detail && !a.quota_fixed);
	assert_string_equal(a.name, "ann");
	assert_string_equal(a.source, "ldap");
	assert_string_equal(a.hash, "");
	assert_int_equal(a.quota, 500);
	account_fini(&a);
	assert_news(0, NULL, "+1:ann:500 ");

	assert_ok(accounts_adopt(db, &who, &a, &news));
	assert_false(news);
	account_fini(&a);
	who.quota = 600; /* the source has changed it */
	assert_ok(accounts_adopt(db, &who, &a, &news));
	assert_true(news && a.quota == 600 && a.id == id);
	a.quota_fixed = true; /* the administrator here has */
	a.quota = 700;
	assert_ok(accounts_update(db, &a));
	account_fini(&a);
	assert_ok(accounts_adopt(db, &who, &a, &news));
	assert_true(!news && a.quota == 700);
	account_fini(&a);

	who.source = "sql"; /* proves no row of another */
	assert_int_equal(accounts_adopt(db, &who, &a, &news), ERR_EXISTS);
	assert_null(a.name);
	assert_ok(add("bob", NULL));
	who.name = STR("bob");
	assert_int_equal(accounts_adopt(db, &who, &a, &news), ERR_EXISTS);
	who.name = STR("no name");
	assert_int_equal(accounts_adopt(db, &who, &a, &news), ERR_INVALID);
	who = (struct accounts_outsider){"ldap", STR("eve"), true, UINT64_MAX};
	assert_int_equal(accounts_adopt(db, &who, &a, &news), ERR_INVALID);
}

static void set_keys(const char *name, const char *scram1, const char *scram256,
	bool enabled)
{
	struct account a;

	assert_ok(accounts_get(db, str_c(name), &a));
	free(a.scram1);
	free(a.scram256);
	a.scram1 = xstrdup(scram1);
	a.scram256 = xstrdup(scram256);
	a.enabled = enabled;
	assert_ok(accounts_update(db, &a));
	account_fini(&a);
}

static void assert_scram(bool scram1, bool scram256)
{
	bool has1, has256;

	assert_ok(accounts_all_have_scram(db, &has1, &has256));
	assert_int_equal(has1, scram1);
	assert_int_equal(has256, scram256);
}

static void scram_is_for_all_or_none(void **state)
{
	struct accounts_outsider who = {"ldap", STR("lee"), false, 0};
	struct account a;
	bool news;

	(void)state;
	assert_scram(true, true); /* nobody is left out */
	assert_ok(add("ann", NULL));
	assert_scram(false, false);
	set_keys("ann", "k", "", true);
	assert_scram(true, false);
	set_keys("ann", "k", "k", true);
	assert_scram(true, true);
	assert_ok(add("bob", NULL));
	assert_scram(false, false);
	set_keys("bob", "", "", false); /* cannot log in at all */
	assert_scram(true, true);
	assert_ok(accounts_adopt(db, &who, &a, &news)); /* no hash here */
	account_fini(&a);
	assert_scram(true, true);
}

/* What went wrong. */
static const char *hammer_as(const char *prefix)
{
	char name[32];

	for (int i = 0; i < 12; i++) {
		struct account a = {.name = NULL};
		uint64_t id;
		bool news, scram1, scram256;
		struct accounts_outsider who = {"ldap", STR("both"), true, 1};

		snprintf(name, sizeof name, "%s%d", prefix, i);
		a.name = xstrdup(name);
		if (accounts_add(db, &a) ||
			accounts_rehash(db, a.id, "", "$y$", "k", "k"))
			return "add";
		account_fini(&a);
		who.quota += (uint64_t)i;
		if (accounts_adopt(db, &who, &a, &news))
			return "adopt";
		account_fini(&a);
		if (accounts_all_have_scram(db, &scram1, &scram256) || !scram1)
			return "scram";
		if (i % 2 && accounts_remove(db, str_c(name), &id))
			return "remove";
	}
	return NULL;
}

static void *hammer(void *arg)
{
	const char **prefix = arg;

	*prefix = hammer_as(*prefix);
	return NULL;
}

static void threads_share_it(void **state)
{
	const char *words[] = {"a", "b", "c", "d"};
	pthread_t threads[COUNT_OF(words)];
	uint64_t count;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(words); i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, hammer, &words[i]),
			0);
	for (size_t i = 0; i < COUNT_OF(words); i++) {
		pthread_join(threads[i], NULL);
		if (words[i])
			fail_msg("%s", words[i]);
	}
	assert_ok(accounts_count(db, &count));
	assert_int_equal(count, 4 * 6 + 1);
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
	assert_string_equal(account_protocol_name(ACCOUNT_LMTP), "lmtp");
	assert_string_equal(account_protocol_name(ACCOUNT_LMTP | 1), "");
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
		T(version_1_becomes_version_2),
		T(failed_migration_changes_nothing),
		T(rehash_only_what_was_read),
		T(outsiders_are_adopted),
		T(scram_is_for_all_or_none),
		T(threads_share_it),
		T(damage_is_told),
		T(protocols_have_bits),
#undef T
	};

	return cmocka_run_group_tests_name("accounts", tests, NULL, NULL);
}
