/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"

#include "message/digest.h"
#include "message/mime.h"

#include <stdlib.h>

static const char message[] =
	"Date: Wed, 17 Jul 1996 02:23:25 -0700\r\nFrom: a@b\r\nTo: c@d\r\n"
	"Subject: Re: s\r\nMessage-ID: <i@d>\r\nReferences: <r@1> <r@2>\r\n"
	"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
	"--b\r\n\r\nhello\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n"
	"Subject: in\r\n\r\nworld\r\n--b--\r\n";

static void test_round_trip(void **state)
{
	(void)state;
	struct buf first = BUF_UNBOUNDED, second = BUF_UNBOUNDED;
	struct digest d;
	mime_parse(str_c(message), &first);
	assert_ok(digest_decode(buf_str(&first), &d));
	assert_int_equal(d.part_count, 4);
	digest_encode(&d, &second);
	assert_true(str_eq(buf_str(&first), buf_str(&second)));
	buf_fini(&first);
	buf_fini(&second);
}

static void test_dates(void **state)
{
	(void)state;
	static const int64_t dates[] = {0, 1, -1, 837595405, -62167219200,
		253402300799, INT64_MAX, INT64_MIN};
	char part[DIGEST_PART_BYTES] = {0};
	for (size_t i = 0; i < COUNT_OF(dates); i++) {
		struct buf b = BUF_UNBOUNDED;
		struct digest d = {
			.date = dates[i], .parts = str_of(part, sizeof part)};
		digest_encode(&d, &b);
		assert_ok(digest_decode(buf_str(&b), &d));
		assert_true(d.date == dates[i]);
		buf_fini(&b);
	}
}

static void test_version(void **state)
{
	(void)state;
	struct buf b = BUF_UNBOUNDED;
	struct digest d;
	mime_parse(str_c(message), &b);
	b.p[0]++;
	assert_int_equal(digest_decode(buf_str(&b), &d), ERR_VERSION);
	assert_int_equal(digest_decode(STR(""), &d), ERR_CORRUPT);
	buf_fini(&b);
}

/* Reads all there is; what it gives is worth nothing here. */
static void use(const struct digest *d)
{
	str rest = d->references, id;
	while (digest_reference_next(&rest, &id))
		;
	for (uint32_t i = 0; i < d->part_count; i++) {
		struct digest_part part;
		uint32_t child;
		if (digest_part(d, i, &part))
			continue;
		assert_true(part.body_at + part.body_n <= d->size);
		assert_true(part.header_at + part.header_n <= d->size);
		for (uint32_t n = 0; n <= part.children && n < 9; n++)
			if (!digest_child(d, i, n, &child))
				assert_true(child > i && child < d->part_count);
	}
}

static void test_every_prefix_is_corrupt(void **state)
{
	(void)state;
	struct buf b = BUF_UNBOUNDED;
	struct digest d;
	mime_parse(str_c(message), &b);
	for (size_t n = 0; n < b.n; n++) {
		char *copy = xmalloc(n + 1); /* so that overreads are seen */
		memcpy(copy, b.p, n);
		assert_int_equal(
			digest_decode(str_of(copy, n), &d), ERR_CORRUPT);
		free(copy);
	}
	buf_add_byte(&b, 0);
	assert_int_equal(digest_decode(buf_str(&b), &d), ERR_CORRUPT);
	buf_fini(&b);
}

static void test_every_damaged_byte_is_harmless(void **state)
{
	(void)state;
	static const unsigned char masks[] = {0x01, 0x80, 0xff};
	struct buf b = BUF_UNBOUNDED;
	struct digest d;
	size_t decoded = 0;
	mime_parse(str_c(message), &b);
	for (size_t i = 1; i < b.n; i++) {
		for (size_t m = 0; m < COUNT_OF(masks); m++) {
			b.p[i] = (char)(b.p[i] ^ masks[m]);
			if (digest_decode(buf_str(&b), &d) == OK) {
				use(&d);
				decoded++;
			}
			b.p[i] = (char)(b.p[i] ^ masks[m]);
		}
	}
	assert_true(decoded > 100); /* the part table was reached */
	buf_fini(&b);
}

/* Records that lead outside the table or the message. */
static void test_bad_parts(void **state)
{
	(void)state;
	static const struct {
		struct digest_part part;
		const char *why;
	} rows[] = {
		{{.subtree = 0}, "not even itself"},
		{{.subtree = 2}, "more parts than there are"},
		{{.subtree = 1, .parent = 1}, "a root with a parent"},
		{{.subtree = 1, .kind = DIGEST_MULTIPART, .children = 1},
			"a child that is not there"},
		{{.subtree = 1, .kind = DIGEST_MULTIPART},
			"a multipart without children"},
		{{.subtree = 1, .header_at = 11}, "after the end"},
		{{.subtree = 1, .header_at = 5, .header_n = 6}, "too long"},
		{{.subtree = 1, .body_at = 1, .body_n = UINT64_MAX},
			"overflow"},
		{{.subtree = 1, .type = {"abcd", 4}}, "not in the pool"},
		{{.subtree = 1, .kind = (enum digest_kind)3}, "no kind"},
		{{.subtree = 1, .encoding = (enum digest_encoding)99},
			"no encoding"},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buf parts = BUF_UNBOUNDED;
		struct digest_part part;
		digest_part_encode(&rows[i].part, 0, &parts);
		struct digest d = {.size = 10,
			.pool = STR("abc"),
			.parts = buf_str(&parts),
			.part_count = 1};
		if (digest_part(&d, 0, &part) != ERR_CORRUPT)
			fail_msg("%s", rows[i].why);
		assert_int_equal(digest_part(&d, 1, &part), ERR_NOTFOUND);
		buf_fini(&parts);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_dates),
		cmocka_unit_test(test_version),
		cmocka_unit_test(test_every_prefix_is_corrupt),
		cmocka_unit_test(test_every_damaged_byte_is_harmless),
		cmocka_unit_test(test_bad_parts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
