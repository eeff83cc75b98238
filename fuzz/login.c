/* SPDX-License-Identifier: Apache-2.0 */
/* IMAP and POP3 before login: whatever comes, memory is bounded, what is said
 * does not depend on how the input was split, and a hand-over can be read
 * again. The first byte says what the connection is. */
#include "base/buf.h"
#include "base/mechanism.h"
#include "login/login.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Of the first byte; three bits of it are the size of pieces. */
enum { TLS = 1, PLAINTEXT = 2, CERTIFICATE = 32, ALL = 64, POP3 = 128 };

static void check_hand_over(struct login *l)
{
	struct handover h = {0}, copy;
	struct buf out = BUF_UNBOUNDED;

	login_hand_over(l, &h);
	handover_encode(&h, &out);
	if (handover_decode(buf_str(&out), &copy) || !str_eq(h.tag, copy.tag) ||
		!str_eq(h.state, copy.state))
		abort();
	buf_fini(&out);
}

/* The last byte of a response decides; 'o': it is right. */
static enum login_want answer_auth(struct login *l, struct buf *out)
{
	str response = login_response(l);

	switch (response.n ? response.p[response.n - 1] : 0) {
	case 'o':
		check_hand_over(l);
		return LOGIN_CLOSE;
	case 'c':
		return login_challenge(l, response, out);
	case 'u':
		return login_fail(l, ERR_UNAVAILABLE, STR(""), out);
	default:
		return login_fail(l, ERR_AUTH, response, out);
	}
}

/* "+ OK" asks for what may be there already. */
static void add_but_continue(struct buf *said, str out)
{
	static const str go_on = STR_LIT("+ OK\r\n");

	while (out.n) {
		size_t n = str_find_byte(out, '\n') + 1;

		if (!str_eq(str_take(out, n), go_on))
			buf_add(said, str_take(out, n));
		out = str_skip(out, n);
	}
}

static enum login_want run(
	str input, size_t piece, unsigned flags, struct buf *said)
{
	struct login_settings settings = {.plaintext = flags & PLAINTEXT,
		.offered = flags & ALL ? (1u << MECHANISM_COUNT) - 1
				       : MECHANISM_PLAIN,
		.failures_max = 5,
		.id_name = "Culver"};
	enum login_want want = LOGIN_MORE;
	struct login l;

	login_init(&l, flags & POP3 ? &login_pop3 : &login_imap, &settings,
		flags & TLS);
	l.has_certificate = flags & CERTIFICATE;
	while (input.n && want != LOGIN_CLOSE) {
		struct buf out = BUF_UNBOUNDED;

		want = login_feed(&l, str_take(input, piece), &out);
		input = str_skip(input, piece);
		while (want == LOGIN_AUTH || want == LOGIN_CANCEL)
			want = want == LOGIN_AUTH ? answer_auth(&l, &out)
						  : login_go_on(&l, &out);
		if (l.room > (flags & ALL ? 32768 : 16384))
			abort();
		add_but_continue(said, buf_str(&out));
		buf_fini(&out);
	}
	login_fini(&l);
	return want;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf whole = BUF_UNBOUNDED, split = BUF_UNBOUNDED;
	str input = str_of((const char *)data, size);
	unsigned flags = size ? data[0] : 0;

	input = str_skip(input, 1);
	if (run(input, LOGIN_CHUNK, flags, &whole) !=
			run(input, 1 + flags / 4 % 8, flags, &split) ||
		!str_eq(buf_str(&whole), buf_str(&split)))
		abort();
	buf_fini(&whole);
	buf_fini(&split);
	return 0;
}
