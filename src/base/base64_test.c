/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "base/base64.h"

static void plain(void **unused)
{
	static const struct {
		const char *plain, *encoded;
	} good[] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"},
		{"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="},
		{"foobar", "Zm9vYmFy"}};
	static const char *const bad[] = {"Zg",
		"Zg=", "Z===", "====", "Zh==", "Zm9=", "Zg==Zg==", "Zm9v\r\n",
		"Zm 9v", "Zm9*", "=Zg="};

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		struct buf out = BUF_UNBOUNDED;

		base64_add(&out, str_c(good[i].plain));
		assert_str(buf_str(&out), good[i].encoded);
		buf_reset(&out);
		assert_ok(base64_decode(&out, str_c(good[i].encoded)));
		assert_str(buf_str(&out), good[i].plain);
		buf_fini(&out);
	}
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct buf out = BUF_UNBOUNDED;

		buf_add_c(&out, "kept");
		if (base64_decode(&out, str_c(bad[i])) != ERR_INVALID)
			fail_msg("%s", bad[i]);
		assert_str(buf_str(&out), "kept");
		buf_fini(&out);
	}
}

/* RFC 7515 appendix C, and what it forbids. */
static void url(void **unused)
{
	static const char bytes[] = {
		3, (char)236, (char)255, (char)224, (char)193};
	static const char *const bad[] = {"A", "A-z_4", "A-z_4ME=", "A-z/4ME",
		"A-z+4ME", "A-z_4MF", "A-z 4ME", "AB"};
	struct buf out = BUF_UNBOUNDED;

	(void)unused;
	base64_add_url(&out, str_of(bytes, sizeof bytes));
	assert_str(buf_str(&out), "A-z_4ME");
	buf_reset(&out);
	assert_ok(base64_decode_url(&out, STR("A-z_4ME")));
	assert_int_equal(out.n, sizeof bytes);
	assert_memory_equal(out.p, bytes, sizeof bytes);
	buf_reset(&out);
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		if (base64_decode_url(&out, str_c(bad[i])) != ERR_INVALID)
			fail_msg("%s", bad[i]);
	assert_int_equal(out.n, 0);
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain),
		cmocka_unit_test(url),
	};

	return cmocka_run_group_tests_name("base64", tests, NULL, NULL);
}
