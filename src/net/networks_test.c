/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "net/networks.h"

static void test_text(void **unused)
{
	static const struct {
		const char *text, *printed, *why;
	} rows[] = {
		{"", "", "none"},
		{" 10.0.0.0/8  ::1 ", "10.0.0.0/8 ::1", "spaces"},
		{"192.0.2.1", "192.0.2.1", "one address"},
		{"192.0.2.1/32", "192.0.2.1", "all bits"},
		{"0.0.0.0/0", "0.0.0.0/0", "all of IPv4"},
		{"::/0", "::/0", "all of IPv6"},
		{"2001:DB8:0:0::/32", "2001:db8::/32", "one spelling"},
		{"192.0.2.128/25", "192.0.2.128/25", "not at a byte"},
		{"unix", "unix", "Unix sockets"},
		{"10.0.0.0/33", NULL, "too many bits"},
		{"::/129", NULL, "too many bits"},
		{"10.0.0.0/", NULL, "no bits"},
		{"10.0.0.0/-1", NULL, "no number"},
		{"10.0.0.0/8/8", NULL, "twice"},
		{"10.0.0.1/8", NULL, "10.0.0.0/8 or 10.0.0.1?"},
		{"192.0.2.128/24", NULL, "the same within a byte"},
		{"10/8", NULL, "not whole"},
		{"[::1]", NULL, "brackets are for ports"},
		{"::ffff:10.0.0.0/104", NULL, "would never be met"},
		{"::ffff:10.0.0.1", NULL, "would never be met"},
		{"localhost", NULL, "no names"},
		{"/run/x", NULL, "no path"},
		{"", "", "none"},
	};

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct networks all;
		struct buf out = BUF_UNBOUNDED;
		enum err e = networks_parse(str_c(rows[i].text), &all, &out);

		assert_int_equal(e, rows[i].printed ? OK : ERR_INVALID);
		assert_int_equal(out.n > 0, e != OK);
		if (!e) {
			networks_print(&all, &out);
			assert_str(buf_str(&out), rows[i].printed);
			networks_fini(&all);
		}
		buf_fini(&out);
	}
}

static void test_contain(void **unused)
{
	static const struct {
		const char *networks, *address;
		bool contained;
		const char *why;
	} rows[] = {
		{"", "127.0.0.1", false, "nobody"},
		{"10.0.0.0/8", "10.255.0.1", true, "in"},
		{"10.0.0.0/8", "11.0.0.1", false, "out"},
		{"192.0.2.128/25", "192.0.2.127", false, "just below"},
		{"192.0.2.128/25", "192.0.2.128", true, "the first"},
		{"192.0.2.128/25", "192.0.2.255", true, "the last"},
		{"0.0.0.0/0", "1.2.3.4", true, "all"},
		{"0.0.0.0/0", "[::1]", false, "other family"},
		{"::/0", "1.2.3.4", false, "other family"},
		{"::/0", "[::ffff:1.2.3.4]", false, "mapped is IPv4"},
		{"1.2.3.4", "[::ffff:1.2.3.4]", true, "mapped is IPv4"},
		{"2001:db8::/33", "[2001:db8:7fff::1]", true, "in"},
		{"2001:db8::/33", "[2001:db8:8000::1]", false, "out"},
		{"10.0.0.0/8 ::1", "[::1]", true, "the second"},
		{"unix", "127.0.0.1", false, "not a Unix socket"},
	};

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct networks all;
		struct endpoint e;
		char text[64];

		snprintf(text, sizeof text, "%s:1", rows[i].address);
		assert_ok(endpoint_parse(str_c(text), &e));
		assert_ok(networks_parse(str_c(rows[i].networks), &all, NULL));
		if (networks_contain(&all, &e) != rows[i].contained)
			fail_msg("%s: %s", rows[i].why, rows[i].address);
		networks_fini(&all);
	}
}

static void test_unix(void **unused)
{
	const struct endpoint e = {.any.sa_family = AF_UNIX};
	struct networks all;

	(void)unused;
	assert_ok(networks_parse(STR("0.0.0.0/0 ::/0"), &all, NULL));
	assert_false(networks_contain(&all, &e));
	networks_fini(&all);
	assert_ok(networks_parse(STR("unix"), &all, NULL));
	assert_true(networks_contain(&all, &e));
	networks_fini(&all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_contain),
		cmocka_unit_test(test_unix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
