/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "session/handover.h"

#include <stdlib.h>

static struct handover sample(void)
{
	return (struct handover){
		.protocol = STR("imap"),
		.ticket = STR("\0\1ticket"),
		.tag = STR("a1"),
		.session = STR("kx7Q2v"),
		.remote = STR("192.0.2.1:40312"),
		.local = STR("[::1]:1993"),
		.peer_key = UINT64_MAX,
		.tls_version = STR("TLSv1.3"),
		.tls_cipher = STR("TLS_AES_256_GCM_SHA384"),
		.leftover = STR("a2 SELECT INBOX\r\n"),
		.state = STR("\1\2"),
		.id_count = 2,
		.id = {{STR("name"), STR("mutt")}, {STR("os"), str_none()}},
	};
}

static void test_round_trip(void **unused)
{
	struct handover in = sample(), out;
	struct buf b = BUF_UNBOUNDED;

	(void)unused;
	handover_encode(&in, &b);
	assert_ok(handover_decode(buf_str(&b), &out));
	assert_str(out.protocol, "imap");
	assert_true(str_eq(out.ticket, in.ticket));
	assert_str(out.tag, "a1");
	assert_str(out.session, "kx7Q2v");
	assert_str(out.remote, "192.0.2.1:40312");
	assert_str(out.local, "[::1]:1993");
	assert_true(out.peer_key == UINT64_MAX);
	assert_str(out.tls_version, "TLSv1.3");
	assert_str(out.tls_cipher, "TLS_AES_256_GCM_SHA384");
	assert_str(out.leftover, "a2 SELECT INBOX\r\n");
	assert_str(out.state, "\1\2");
	assert_int_equal(out.id_count, 2);
	assert_str(out.id[0].name, "name");
	assert_str(out.id[0].value, "mutt");
	assert_true(str_is_none(out.id[1].value));
	buf_fini(&b);
}

static void test_cut_short(void **unused)
{
	struct handover in = sample(), out;
	struct buf b = BUF_UNBOUNDED;

	(void)unused;
	handover_encode(&in, &b);
	for (size_t n = 0; n < b.n; n++)
		assert_int_equal(
			handover_decode(str_take(buf_str(&b), n), &out),
			ERR_INVALID);
	buf_add_byte(&b, 0);
	assert_int_equal(handover_decode(buf_str(&b), &out), ERR_INVALID);
	b.p[0] = 9;
	assert_int_equal(handover_decode(buf_str(&b), &out), ERR_VERSION);
	buf_fini(&b);
}

static void test_bounds(void **unused)
{
	static const struct {
		size_t tag, session, leftover;
		char fill;
		enum err expected;
		const char *why;
	} rows[] = {
		{HANDOVER_TAG_MAX, 32, HANDOVER_LEFTOVER_MAX, 'x', OK,
			"all at their limits"},
		{HANDOVER_TAG_MAX + 1, 1, 0, 'x', ERR_INVALID, "long tag"},
		{1, 33, 0, 'x', ERR_INVALID, "long session id"},
		{1, 1, HANDOVER_LEFTOVER_MAX + 1, 'x', ERR_INVALID,
			"too much left over"},
		{1, 0, 0, '\n', ERR_INVALID, "a tag that forges an answer"},
		{0, 1, 0, '\n', ERR_INVALID, "a session id that forges logs"},
	};
	char *bytes = xmalloc(HANDOVER_LEFTOVER_MAX + 1);

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct handover h = sample(), out;
		struct buf b = BUF_UNBOUNDED;
		enum err err;

		memset(bytes, rows[i].fill, HANDOVER_LEFTOVER_MAX + 1);
		h.tag = str_of(bytes, rows[i].tag);
		h.session = str_of(bytes, rows[i].session);
		h.leftover = str_of(bytes, rows[i].leftover);
		handover_encode(&h, &b);
		err = handover_decode(buf_str(&b), &out);
		if (err != rows[i].expected)
			fail_msg("%s: %s", rows[i].why, err_words(err));
		buf_fini(&b);
	}
	free(bytes);
}

static void test_too_many_id_fields(void **unused)
{
	struct handover h = sample(), out;
	struct buf b = BUF_UNBOUNDED;

	(void)unused;
	h.id_count = 0;
	handover_encode(&h, &b);
	assert_int_equal(b.p[b.n - 1], 0);
	b.p[b.n - 1] = HANDOVER_ID_MAX + 1;
	for (int i = 0; i < 3 * (HANDOVER_ID_MAX + 1); i++)
		buf_add_byte(&b, 0);
	assert_int_equal(handover_decode(buf_str(&b), &out), ERR_INVALID);
	buf_fini(&b);
}

static void test_way_back(void **unused)
{
	const struct handback in = {.protocol = STR("imap"),
		.session = STR("kx7Q2v"),
		.remote = STR("192.0.2.1:40312"),
		.leftover = STR("a2 LOGIN a b\r\n")};
	struct buf b = BUF_UNBOUNDED;
	struct handback out;

	(void)unused;
	handback_encode(&in, &b);
	assert_ok(handback_decode(buf_str(&b), &out));
	assert_str(out.protocol, "imap");
	assert_str(out.session, "kx7Q2v");
	assert_str(out.remote, "192.0.2.1:40312");
	assert_str(out.leftover, "a2 LOGIN a b\r\n");
	for (size_t n = 0; n < b.n; n++)
		assert_int_equal(
			handback_decode(str_take(buf_str(&b), n), &out),
			ERR_INVALID);
	buf_add_byte(&b, 0);
	assert_int_equal(handback_decode(buf_str(&b), &out), ERR_INVALID);
	b.p[0] = 9;
	assert_int_equal(handback_decode(buf_str(&b), &out), ERR_VERSION);
	buf_fini(&b);
}

static void test_bounds_of_the_way_back(void **unused)
{
	static const struct {
		size_t session, leftover;
		char fill;
		enum err expected;
		const char *why;
	} rows[] = {
		{32, HANDOVER_LEFTOVER_MAX, 'x', OK, "all at their limits"},
		{33, 0, 'x', ERR_INVALID, "long session id"},
		{1, HANDOVER_LEFTOVER_MAX + 1, 'x', ERR_INVALID,
			"too much left over"},
		{1, 0, '\n', ERR_INVALID, "a session id that forges logs"},
	};
	char *bytes = xmalloc(HANDOVER_LEFTOVER_MAX + 1);

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct handback out;
		struct buf b = BUF_UNBOUNDED;
		enum err err;

		memset(bytes, rows[i].fill, HANDOVER_LEFTOVER_MAX + 1);
		handback_encode(
			&(struct handback){.protocol = STR("imap"),
				.session = str_of(bytes, rows[i].session),
				.remote = STR("-"),
				.leftover = str_of(bytes, rows[i].leftover)},
			&b);
		err = handback_decode(buf_str(&b), &out);
		if (err != rows[i].expected)
			fail_msg("%s: %s", rows[i].why, err_words(err));
		buf_fini(&b);
	}
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_cut_short),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_too_many_id_fields),
		cmocka_unit_test(test_way_back),
		cmocka_unit_test(test_bounds_of_the_way_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
