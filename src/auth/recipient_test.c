/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "auth/recipient.h"

#define UE "\xc3\xbc" /* u with diaeresis */

static const struct {
	const char *address;
	const char *key; /* NULL: refused */
	const char *ascii, *why;
} rows[] = {
	{"ann@example.org", "ann@example.org", "example.org", "plain"},
	{"Ann@EXAMPLE.Org", "ann@example.org", "example.org", "case"},
	{"ann@example.org.", "ann@example.org", "example.org", "last dot"},
	{"ann", "ann", "", "no domain"},
	{"ann@B\xc3\x9c"
	 "cher.example",
		"ann@b" UE "cher.example", "xn--bcher-kva.example",
		"U-label, other case"},
	{"ann@XN--bcher-KVA.example", "ann@b" UE "cher.example",
		"xn--bcher-kva.example", "A-label"},
	{"ann@bu\xcc\x88"
	 "cher.example",
		"ann@b" UE "cher.example", "xn--bcher-kva.example",
		"not composed"},
	{"ann@stra\xc3\x9f"
	 "e.example",
		"ann@stra\xc3\x9f"
		"e.example",
		"xn--strae-oqa.example", "nontransitional"},
	{"\xc3\x84nn@example.org", "\xc3\xa4nn@example.org", "example.org",
		"UTF-8 local part"},
	{"ann@example\xe3\x80\x82org", "ann@example.org", "example.org",
		"ideographic full stop"},
	{"ann@[192.0.2.1]", "ann@[192.0.2.1]", "[192.0.2.1]", "literal"},
	{"ann@[IPv6:2001:DB8::1]", "ann@[ipv6:2001:db8::1]",
		"[ipv6:2001:db8::1]", "IPv6 literal"},
	{"\"ann\"@example.org", "ann@example.org", "example.org",
		"needless quotes"},
	{"\"John Smith\"@example.org", "john smith@example.org", "example.org",
		"space"},
	{"\"a\\\"b\\\\c\"@example.org", "a\"b\\c@example.org", "example.org",
		"quoted pairs"},
	{"\"a@b\"@example.org", "a@b@example.org", "example.org",
		"at in quotes"},
	{"a..b@example.org", "a..b@example.org", "example.org",
		"two dots: phone companies in Japan gave such out"},
	{"a/b=c!#$%&'*{|}~^`?@example.org", "a/b=c!#$%&'*{|}~^`?@example.org",
		"example.org", "all of atext"},
	{"ann@my_host.example", "ann@my_host.example", "my_host.example",
		"underscore"},
	{"ann@a--b.example", "ann@a--b.example", "a--b.example", "hyphens"},
	{"ann@ab--c.example", "ann@ab--c.example", "ab--c.example",
		"hyphens in third and fourth place"},
	{"ann@xn--xn--bche2-kvabche2-kva.xe",
		"ann@xn--xn--bche2-kvabche2-kva.xe",
		"xn--xn--bche2-kvabche2-kva.xe", "Punycode of Punycode"},
	{"ann@xn--0.example", "ann@xn--0.example", "xn--0.example",
		"no Punycode"},
	{"ann@localhost", "ann@localhost", "localhost", "one label"},
	{"@example.org", "@example.org", "example.org", "catch-all"},
	{"@B\xc3\x9c"
	 "cher.example",
		"@b" UE "cher.example", "xn--bcher-kva.example",
		"catch-all, U-label"},

	{"", NULL, NULL, "empty"},
	{"@", NULL, NULL, "nothing"},
	{"ann@", NULL, NULL, "no domain behind at"},
	{"ann@.", NULL, NULL, "only a dot"},
	{"ann@..", NULL, NULL, "only dots"},
	{"ann@a..b", NULL, NULL, "empty label"},
	{"ann@.org", NULL, NULL, "empty first label"},
	{"ann@exa mple.org", NULL, NULL, "space in domain"},
	{"ann@a@b", NULL, NULL, "two ats"},
	{"ann@a\xef\xbc\xa0"
	 "b",
		NULL, NULL, "full-width at in domain"},
	{"ann@a/b", NULL, NULL, "slash in domain"},
	{"ann@[", NULL, NULL, "open literal"},
	{"ann@[]", NULL, NULL, "empty literal"},
	{"ann@[a]b]", NULL, NULL, "bracket in literal"},
	{"\"@example.org", NULL, NULL, "open quote"},
	{"\"ann@example.org", NULL, NULL, "open quote"},
	{"\"ann\\", NULL, NULL, "ends in a backslash"},
	{"\"\"@example.org", NULL, NULL, "empty quotes are no catch-all"},
	{"\"\"", NULL, NULL, "empty quotes"},
	{"\"ann\"b@example.org", NULL, NULL, "behind the quotes"},
	{"\"a@b\"", NULL, NULL, "not the address a@b"},
	{"a\"b\"@example.org", NULL, NULL, "quotes inside"},
	{"a b@example.org", NULL, NULL, "bare space"},
	{"<ann@example.org>", NULL, NULL, "brackets"},
	{"ann@example.org\r\n", NULL, NULL, "line end"},
	{"\"a\nb\"@example.org", NULL, NULL, "line end in quotes"},
	{"a\x7f@example.org", NULL, NULL, "DEL"},
	{"\xff@example.org", NULL, NULL, "not UTF-8"},
	{"ann@\xed\xa0\x80", NULL, NULL, "a surrogate"},
};

static void addresses(void **state)
{
	struct recipient r;
	struct buf key = BUF_UNBOUNDED;

	(void)state;
	recipient_init(&r);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		enum err e = recipient_parse(&r, str_c(rows[i].address), true);

		if ((e == OK) != (rows[i].key != NULL) ||
			(e && e != ERR_INVALID))
			fail_msg("%s: %s", rows[i].why, err_words(e));
		if (e)
			continue;
		buf_reset(&key);
		assert_ok(recipient_key(&r, buf_str(&r.local), &key));
		assert_str(buf_str(&key), rows[i].key);
		assert_str(buf_str(&r.ascii), rows[i].ascii);
	}
	assert_int_equal(
		recipient_parse(&r, STR("@example.org"), false), ERR_INVALID);
	buf_fini(&key);
	recipient_fini(&r);
}

/* A key that is written and read again is the same key. */
static void printed_is_read(void **state)
{
	struct recipient r;
	struct buf key = BUF_UNBOUNDED, again = BUF_UNBOUNDED,
		   printed = BUF_UNBOUNDED;

	(void)state;
	recipient_init(&r);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		if (!rows[i].key)
			continue;
		buf_reset(&printed);
		buf_reset(&again);
		recipient_print_key(str_c(rows[i].key), &printed);
		assert_ok(recipient_parse(&r, buf_str(&printed), true));
		assert_ok(recipient_key(&r, buf_str(&r.local), &again));
		assert_str(buf_str(&again), rows[i].key);
	}
	buf_reset(&printed);
	recipient_print_key(STR("john smith@example.org"), &printed);
	assert_str(buf_str(&printed), "\"john smith\"@example.org");
	buf_fini(&key);
	buf_fini(&again);
	buf_fini(&printed);
	recipient_fini(&r);
}

static void long_ones_are_refused(void **state)
{
	struct recipient r;
	char room[2048];

	(void)state;
	recipient_init(&r);
	memset(room, 'a', sizeof room);
	assert_ok(recipient_parse(&r, str_of(room, RECIPIENT_MAX), false));
	assert_int_equal(
		recipient_parse(&r, str_of(room, RECIPIENT_MAX + 1), false),
		ERR_INVALID);
	room[1] = '@';
	assert_int_equal(
		recipient_parse(&r, str_of(room, RECIPIENT_MAX), false),
		ERR_INVALID);
	assert_int_equal(
		recipient_parse(&r, str_of("a\0b@c", 5), false), ERR_INVALID);
	recipient_fini(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses),
		cmocka_unit_test(printed_is_read),
		cmocka_unit_test(long_ones_are_refused),
	};

	return cmocka_run_group_tests_name("recipient", tests, NULL, NULL);
}
