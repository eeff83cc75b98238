/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dialogues before login. Each is run three ways, which must come to the same:
 * a line at a time, a byte at a time, and all at once (pipelined).
 *
 *	C: a line of the client		S: a line of the server
 *	= how it ends: more, close, handover, starttls
 *
 * The auth of these tests knows anna with the password "secret"; "away" finds
 * it unavailable, "old" has an expired password, "other" may not log in, and
 * "asked" is asked one question more, to which the answer is "yes".
 */
#include "base/test.h"
#include "base/base64.h"
#include "base/buf.h"
#include "base/mechanism.h"
#include "login/login.h"

#include <stdlib.h>

enum mode { BY_LINE, BY_BYTE, AT_ONCE, MODES };

enum { PLAIN = 1, TLS = 2, NO_CERTIFICATE = 4 };

#define CAPABILITIES_ALWAYS                                                    \
	"IMAP4rev2 IMAP4rev1 LITERAL+ SASL-IR ID ENABLE IDLE"
#define CAPABILITIES_CLEAR CAPABILITIES_ALWAYS " STARTTLS LOGINDISABLED"
#define CAPABILITIES_TLS CAPABILITIES_ALWAYS " AUTH=PLAIN"

static const struct {
	const char *why;
	unsigned flags;
	const char *script;
} dialogues[] = {
	{"the commands of any state", TLS,
		"C: a CAPABILITY\n"
		"S: * CAPABILITY " CAPABILITIES_TLS "\n"
		"S: a OK CAPABILITY completed\n"
		"C: b noop\n"
		"S: b OK NOOP completed\n"
		"C: c LOGOUT\n"
		"S: * BYE Logging out\n"
		"S: c OK LOGOUT completed\n"
		"= close\n"},
	{"LOGIN", TLS,
		"C: a LOGIN anna secret\n"
		"= handover\n"},
	{"LOGIN with quotes and escapes", TLS,
		"C: a LOGIN \"anna\" \"s\\ecret\"\n"
		"S: a BAD Expected *\n"
		"C: a LOGIN \"anna\" \"secret\"\n"
		"= handover\n"},
	{"LOGIN with literals, RFC 9051 section 4.3", TLS,
		"C: a LOGIN {4}\n"
		"C: anna {6+}\n"
		"C: secret\n"
		"= handover\n"},
	{"a wrong password", TLS,
		"C: a LOGIN anna wrong\n"
		"S: a NO [AUTHENTICATIONFAILED] Authentication failed\n"
		"C: b NOOP\n"
		"S: b OK NOOP completed\n"
		"= more\n"},
	{"too many wrong passwords; what follows is not executed", TLS,
		"C: a LOGIN anna wrong\n"
		"S: a NO [AUTHENTICATIONFAILED] Authentication failed\n"
		"C: b LOGIN anna wrong\n"
		"S: b NO [AUTHENTICATIONFAILED] Authentication failed\n"
		"C: c LOGIN anna wrong\n"
		"S: c NO [AUTHENTICATIONFAILED] Authentication failed\n"
		"S: * BYE Too many failed logins\n"
		"= close\n"},
	{"auth's other answers", TLS,
		"C: a LOGIN old x\n"
		"S: a NO [EXPIRED] Change your password\n"
		"C: b LOGIN other x\n"
		"S: b NO [AUTHORIZATIONFAILED] Authentication failed\n"
		"= more\n"},
	{"auth is away: not the client's fault", TLS,
		"C: a LOGIN away x\n"
		"S: a NO [UNAVAILABLE] Logins are not possible just now\n"
		"C: b LOGIN away x\n"
		"S: b NO [UNAVAILABLE] Logins are not possible just now\n"
		"C: c LOGIN away x\n"
		"S: c NO [UNAVAILABLE] Logins are not possible just now\n"
		"C: d LOGIN away x\n"
		"S: d NO [UNAVAILABLE] Logins are not possible just now\n"
		"= more\n"},
	{"AUTHENTICATE PLAIN, RFC 4616", TLS,
		"C: a AUTHENTICATE PLAIN\n"
		"S: + \n"
		"C: AGFubmEAc2VjcmV0\n"
		"= handover\n"},
	{"AUTHENTICATE PLAIN with initial response, RFC 4959", TLS,
		"C: a authenticate plain AGFubmEAc2VjcmV0\n"
		"= handover\n"},
	{"an empty initial response", TLS,
		"C: a AUTHENTICATE PLAIN =\n"
		"S: a NO [AUTHENTICATIONFAILED] Authentication failed\n"
		"= more\n"},
	{"an empty response", TLS,
		"C: a AUTHENTICATE PLAIN\n"
		"S: + \n"
		"C: \n"
		"S: a NO [AUTHENTICATIONFAILED] Authentication failed\n"
		"= more\n"},
	{"the client cancels, RFC 9051 section 6.2.2", TLS,
		"C: a AUTHENTICATE PLAIN\n"
		"S: + \n"
		"C: *\n"
		"S: a BAD AUTHENTICATE cancelled\n"
		"C: b NOOP\n"
		"S: b OK NOOP completed\n"
		"= more\n"},
	{"a response that is not base64", TLS,
		"C: a AUTHENTICATE PLAIN\n"
		"S: + \n"
		"C: {5}\n"
		"S: a BAD Not base64\n"
		"C: b AUTHENTICATE PLAIN AGFub\n"
		"S: b BAD Not base64\n"
		"C: c NOOP\n"
		"S: c OK NOOP completed\n"
		"= more\n"},
	{"a second challenge", TLS,
		"C: a AUTHENTICATE PLAIN AGFza2VkAHg=\n"
		"S: + c3VyZT8=\n"
		"C: eWVz\n"
		"= handover\n"},
	{"a second challenge, cancelled", TLS,
		"C: a AUTHENTICATE PLAIN AGFza2VkAHg=\n"
		"S: + c3VyZT8=\n"
		"C: *\n"
		"S: a BAD AUTHENTICATE cancelled\n"
		"C: b AUTHENTICATE PLAIN AGFubmEAc2VjcmV0\n"
		"= handover\n"},
	{"a mechanism that is not known", TLS,
		"C: a AUTHENTICATE CRAM-MD5\n"
		"S: a NO Authentication mechanism not supported\n"
		"= more\n"},
	{"no passwords in clear", 0,
		"C: a CAPABILITY\n"
		"S: * CAPABILITY " CAPABILITIES_CLEAR "\n"
		"S: a OK CAPABILITY completed\n"
		"C: b LOGIN anna secret\n"
		"S: b NO [PRIVACYREQUIRED] Begin TLS first\n"
		"C: c AUTHENTICATE PLAIN\n"
		"S: c NO [PRIVACYREQUIRED] Begin TLS first\n"
		"C: d AUTHENTICATE PLAIN AGFubmEAc2VjcmV0\n"
		"S: d NO [PRIVACYREQUIRED] Begin TLS first\n"
		"= more\n"},
	{"passwords in clear, when they are allowed", PLAIN,
		"C: a CAPABILITY\n"
		"S: * CAPABILITY " CAPABILITIES_ALWAYS " STARTTLS AUTH=PLAIN\n"
		"S: a OK CAPABILITY completed\n"
		"C: b LOGIN anna secret\n"
		"= handover\n"},
	{"STARTTLS", 0,
		"C: a STARTTLS\n"
		"S: a OK Begin TLS\n"
		"= starttls\n"},
	{"STARTTLS under TLS", TLS,
		"C: a STARTTLS\n"
		"S: a BAD TLS is active already\n"
		"= more\n"},
	{"STARTTLS without a certificate", NO_CERTIFICATE,
		"C: a CAPABILITY\n"
		"S: * CAPABILITY " CAPABILITIES_ALWAYS " LOGINDISABLED\n"
		"S: a OK CAPABILITY completed\n"
		"C: b STARTTLS\n"
		"S: b NO [UNAVAILABLE] TLS is not configured\n"
		"= more\n"},
	{"ID, RFC 2971", TLS,
		"C: a ID (\"name\" \"mutt\" \"os\" NIL)\n"
		"S: * ID (\"name\" \"Culver\")\n"
		"S: a OK ID completed\n"
		"C: b ID NIL\n"
		"S: * ID (\"name\" \"Culver\")\n"
		"S: b OK ID completed\n"
		"= more\n"},
	{"commands of later states", TLS,
		"C: a SELECT INBOX\n"
		"S: a BAD Log in first\n"
		"C: b FETCH nonsense\n"
		"S: b BAD Log in first\n"
		"C: c APPEND INBOX {5}\n"
		"C: hello\n"
		"S: c BAD Log in first\n"
		"C: d ENABLE IMAP4rev2\n"
		"S: d BAD Log in first\n"
		"= more\n"},
	{"ten wrong commands", TLS,
		"C: a XYZZY\n"
		"S: a BAD Unknown command\n"
		"C: a LOGIN\n"
		"S: a BAD Expected *\n"
		"C: )\n"
		"S: * BAD Expected *\n"
		"C: \n"
		"S: * BAD Expected *\n"
		"C: a NOOP x\n"
		"S: a BAD Expected *\n"
		"C: a XYZZY\n"
		"S: a BAD Unknown command\n"
		"C: a XYZZY\n"
		"S: a BAD Unknown command\n"
		"C: a XYZZY\n"
		"S: a BAD Unknown command\n"
		"C: a XYZZY\n"
		"S: a BAD Unknown command\n"
		"C: a XYZZY\n"
		"S: a BAD Unknown command\n"
		"S: * BYE Too many wrong commands\n"
		"= close\n"},
	{"a browser", 0,
		"C: POST / HTTP/1.1\n"
		"S: * BYE This is not a web server\n"
		"= close\n"},
};

/* ----------------------------------------------------------------- runner */

struct run {
	struct login login;
	struct buf out;
	enum login_want want;
	bool handed_over;
};

static enum login_want answer_auth(struct run *r)
{
	struct login *l = &r->login;
	str response = login_response(l);
	bool ok = str_eq(response, STR("\0anna\0secret"));

	assert_string_equal(l->mechanism, "PLAIN");
	if (l->exchange == 2)
		ok = str_eq(response, STR("yes"));
	if (ok) {
		r->handed_over = true;
		return LOGIN_CLOSE;
	}
	if (str_starts(response, STR("\0asked")))
		return login_challenge(l, STR("sure?"), &r->out);
	if (str_starts(response, STR("\0away")))
		return login_fail(l, ERR_UNAVAILABLE, STR(""), &r->out);
	if (str_starts(response, STR("\0old")))
		return login_fail(
			l, ERR_EXPIRED, STR("Change your\npassword"), &r->out);
	if (str_starts(response, STR("\0other")))
		return login_fail(l, ERR_DENIED, STR(""), &r->out);
	return login_fail(l, ERR_AUTH, STR(""), &r->out);
}

static void feed(struct run *r, str bytes)
{
	r->want = login_feed(&r->login, bytes, &r->out);
	for (;;) {
		if (r->want == LOGIN_AUTH)
			r->want = answer_auth(r);
		else if (r->want == LOGIN_CANCEL)
			r->want = login_go_on(&r->login, &r->out);
		else
			return;
	}
}

static void feed_in_pieces(struct run *r, str bytes, size_t piece)
{
	while (bytes.n && r->want == LOGIN_MORE) {
		feed(r, str_take(bytes, piece));
		bytes = str_skip(bytes, piece);
	}
}

static const char *ending(const struct run *r)
{
	if (r->handed_over)
		return "handover";
	switch (r->want) {
	case LOGIN_MORE:
		return "more";
	case LOGIN_CLOSE:
		return "close";
	case LOGIN_STARTTLS:
		return "starttls";
	default:
		return "?";
	}
}

/* A pattern that ends with "*" is a prefix. Whether "+ OK" is said depends on
 * what has come already. */
static bool next_line(str *out, str *line)
{
	do {
		size_t n = str_find(*out, STR("\r\n"));

		if (n == out->n)
			return false;
		*line = str_take(*out, n);
		*out = str_skip(*out, n + 2);
	} while (str_eq_c(*line, "+ OK"));
	return true;
}

static bool matches(str line, str pattern)
{
	if (str_ends(pattern, STR("*")))
		return str_starts(line, str_take(pattern, pattern.n - 1));
	return str_eq(line, pattern);
}

static void check(struct run *r, const char *script, const char *why)
{
	str rest = str_c(script), out = buf_str(&r->out), line;

	while (rest.n) {
		size_t n = str_find_byte(rest, '\n');
		str step = str_take(rest, n);

		rest = str_skip(rest, n + 1);
		if (str_starts(step, STR("S: ")) &&
			(!next_line(&out, &line) ||
				!matches(line, str_skip(step, 3))))
			fail_msg("%s: expected \"%.*s\", got:\n%.*s", why,
				STR_ARG(step), STR_ARG(buf_str(&r->out)));
		if (str_starts(step, STR("= ")) &&
			!str_eq_c(str_skip(step, 2), ending(r)))
			fail_msg("%s: ends with %s", why, ending(r));
	}
	if (next_line(&out, &line))
		fail_msg("%s: unexpected \"%.*s\"", why, STR_ARG(line));
}

static struct login_settings settings_of(unsigned flags)
{
	return (struct login_settings){
		.tls_available = !(flags & NO_CERTIFICATE),
		.plaintext = flags & PLAIN,
		.offered = MECHANISM_PLAIN,
		.failures_max = 3,
		.id_name = "Culver"};
}

static void play(size_t row, enum mode mode)
{
	struct login_settings settings = settings_of(dialogues[row].flags);
	str rest = str_c(dialogues[row].script);
	struct buf input = BUF_UNBOUNDED;
	struct run r = {.want = LOGIN_MORE, .out = BUF_UNBOUNDED};

	login_init(
		&r.login, &login_imap, &settings, dialogues[row].flags & TLS);
	while (rest.n) {
		size_t n = str_find_byte(rest, '\n');
		str step = str_take(rest, n);

		rest = str_skip(rest, n + 1);
		if (!str_starts(step, STR("C: ")))
			continue;
		buf_add(&input, str_skip(step, 3));
		buf_add_c(&input, "\r\n");
		if (mode == BY_LINE) {
			feed(&r, buf_str(&input));
			buf_reset(&input);
		}
	}
	feed_in_pieces(&r, buf_str(&input), mode == BY_BYTE ? 1 : LOGIN_CHUNK);
	check(&r, dialogues[row].script, dialogues[row].why);
	login_fini(&r.login);
	buf_fini(&r.out);
	buf_fini(&input);
}

static void test_dialogues(void **unused)
{
	(void)unused;
	for (size_t row = 0; row < COUNT_OF(dialogues); row++) {
		for (int mode = 0; mode < MODES; mode++)
			play(row, (enum mode)mode);
	}
}

/* ------------------------------------------------------------ other tests */

static struct login_settings tls_settings;

static struct run begin(unsigned flags)
{
	struct run r = {.want = LOGIN_MORE, .out = BUF_UNBOUNDED};

	tls_settings = settings_of(flags);
	login_init(&r.login, &login_imap, &tls_settings, flags & TLS);
	return r;
}

static void finish(struct run *r)
{
	login_fini(&r->login);
	buf_fini(&r->out);
}

static void test_greeting(void **unused)
{
	struct run r = begin(0);

	(void)unused;
	login_greet(&r.login, &r.out);
	assert_str(buf_str(&r.out),
		"* OK [CAPABILITY " CAPABILITIES_CLEAR "] Culver ready\r\n");
	finish(&r);
}

/* What mail is told: the tag, the ID, and what was pipelined behind. */
static void test_hand_over(void **unused)
{
	struct run r = begin(TLS);
	struct handover h = {0};

	(void)unused;
	feed(&r, STR("a ID (\"name\" \"mutt\" \"os\" NIL)\r\n"
		     "t1 LOGIN anna secret\r\n"
		     "t2 SELECT INBOX\r\nt3 FET"));
	assert_true(r.handed_over);
	login_hand_over(&r.login, &h);
	assert_str(h.protocol, "imap");
	assert_str(h.tag, "t1");
	assert_str(h.leftover, "t2 SELECT INBOX\r\nt3 FET");
	assert_int_equal(h.id_count, 2);
	assert_str(h.id[0].name, "name");
	assert_str(h.id[0].value, "mutt");
	assert_true(str_is_none(h.id[1].value));
	finish(&r);
}

/* Whatever the client said, mail takes the hand-over. */
static void test_hand_over_bounds(void **unused)
{
	static const struct {
		size_t tag, name, value;
		bool handed_over;
		size_t ids;
	} rows[] = {
		{HANDOVER_TAG_MAX, 4, 4, true, 2},
		{HANDOVER_TAG_MAX + 1, 4, 4, false, 0},
		{2000, 4, 4, false, 0},
		{1, HANDOVER_ID_FIELD_MAX, 4, true, 2},
		{1, HANDOVER_ID_FIELD_MAX + 1, 4, true, 1},
		{1, 4, HANDOVER_ID_FIELD_MAX, true, 2},
		{1, 4, HANDOVER_ID_FIELD_MAX + 1, true, 1},
		{1, 4, 2040, true, 1},
	};
	char xs[2048];

	(void)unused;
	memset(xs, 'x', sizeof xs);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct run r = begin(TLS);
		struct buf line = BUF_UNBOUNDED, payload = BUF_UNBOUNDED;
		struct handover h = {.session = STR("s")};

		buf_addf(&line, "a ID (\"%.*s\" \"%.*s\" \"os\" NIL)\r\n",
			(int)rows[i].name, xs, (int)rows[i].value, xs);
		buf_addf(&line, "%.*s LOGIN anna secret\r\n", (int)rows[i].tag,
			xs);
		feed(&r, buf_str(&line));
		assert_int_equal(r.handed_over, rows[i].handed_over);
		if (r.handed_over) {
			login_hand_over(&r.login, &h);
			handover_encode(&h, &payload);
			assert_ok(handover_decode(buf_str(&payload), &h));
			assert_int_equal(h.tag.n, rows[i].tag);
			assert_int_equal(h.id_count, rows[i].ids);
		} else {
			assert_true(str_ends(buf_str(&r.out),
				STR("x BAD The tag is too long\r\n")));
		}
		buf_fini(&line);
		buf_fini(&payload);
		finish(&r);
	}
}

/* RFC 9051 section 6.2.1: nothing that came in clear is taken for a command
 * that came under TLS. */
static void test_starttls_injection(void **unused)
{
	struct run r = begin(0);

	(void)unused;
	feed(&r, STR("a STARTTLS\r\nb LOGIN anna secret\r\n"));
	assert_int_equal(r.want, LOGIN_CLOSE);
	assert_str(buf_str(&r.out), "* BYE Bytes in clear after STARTTLS\r\n");
	finish(&r);
	/* The beginning of TLS itself may follow at once. */
	r = begin(0);
	feed(&r, STR("a STARTTLS\r\n\x16\x03\x01"));
	assert_int_equal(r.want, LOGIN_STARTTLS);
	assert_str(login_leftover(&r.login), "\x16\x03\x01");
	login_secured(&r.login);
	assert_int_equal(login_leftover(&r.login).n, 0);
	finish(&r);
}

/* All that was said in clear is forgotten. */
static void test_secured(void **unused)
{
	struct run r = begin(0);
	struct handover h = {0};

	(void)unused;
	feed(&r, STR("a ID (\"name\" \"mutt\")\r\nb STARTTLS\r\n"));
	assert_int_equal(r.want, LOGIN_STARTTLS);
	login_secured(&r.login);
	buf_reset(&r.out);
	feed(&r, STR("c CAPABILITY\r\n"));
	assert_str(buf_str(&r.out), "* CAPABILITY " CAPABILITIES_TLS
				    "\r\nc OK CAPABILITY completed\r\n");
	login_hand_over(&r.login, &h);
	assert_int_equal(h.id_count, 0);
	finish(&r);
}

static void test_bounds(void **unused)
{
	static const struct {
		const char *start, *repeated, *why;
	} rows[] = {
		{"a LOGIN ", "x", "a line without end"},
		{"a LOGIN \"", "\\\\", "a string without end"},
		{"a LOGIN {1024+}\r\n", "y", "a literal, then the same"},
		{"", "\r\n", "empty lines"},
		{"", "a LOGIN {0+}\r\n", "many literals"},
		{"", "\xff", "binary"},
		{"a ID (", "\"x\" NIL ", "a long ID"},
		{"a AUTHENTICATE PLAIN\r\n", "QUFB", "a response without end"},
	};

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct run r = begin(TLS);
		size_t sent = 0;

		r.out.max = 65536;
		feed(&r, str_c(rows[i].start));
		while (r.want == LOGIN_MORE && sent < 200000) {
			feed(&r, str_c(rows[i].repeated));
			sent += strlen(rows[i].repeated);
			assert_true(r.login.room <= 16384);
		}
		if (r.want != LOGIN_CLOSE || buf_err(&r.out))
			fail_msg("%s: goes on after %zu bytes", rows[i].why,
				sent);
		finish(&r);
	}
}

/* No byte of a password stays behind. */
static void test_wiped(void **unused)
{
	static const char *const rows[] = {
		"a LOGIN anna sesame\r\nb NOOP\r\nc ",
		"a LOGIN {4+}\r\nanna {6+}\r\nsesame\r\nb NO",
		"a LOGIN anna sesame sesame\r\nb NO",
		"a BADCOMMAND sesame\r\nb NO",
	};

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct run r = begin(TLS);

		feed(&r, str_c(rows[i]));
		assert_int_equal(r.want, LOGIN_MORE);
		assert_non_null(r.login.in);
		assert_int_equal(
			str_find(str_of(r.login.in, r.login.n), STR("sesame")),
			r.login.n);
		assert_null(r.login.response.p);
		finish(&r);
	}
}

static void test_idle_costs_nothing(void **unused)
{
	struct run r = begin(TLS);

	(void)unused;
	feed(&r, STR("a NOOP\r\n"));
	assert_null(r.login.in);
	feed(&r, STR("a"));
	assert_true(r.login.room <= 512);
	finish(&r);
}

static void test_bye(void **unused)
{
	struct run r = begin(0);

	(void)unused;
	login_bye(&r.login, LOGIN_BYE_TOO_MANY, &r.out);
	assert_str(buf_str(&r.out),
		"* BYE [UNAVAILABLE] too many connections\r\n");
	finish(&r);
}

/* ------------------------------------------------------------- mechanisms */

enum { CERTIFICATE = 8 };

static struct run begin_with(unsigned offered, unsigned flags)
{
	struct run r = begin(flags);

	tls_settings.offered = offered;
	login_fini(&r.login);
	login_init(&r.login, &login_imap, &tls_settings, flags & TLS);
	r.login.has_certificate = flags & CERTIFICATE;
	return r;
}

#define ALL_MECHANISMS ((1u << MECHANISM_COUNT) - 1)

/* In the table's order, the strongest first. */
static void test_announced(void **unused)
{
	static const struct {
		unsigned offered, flags;
		const char *announced;
	} rows[] = {
		{ALL_MECHANISMS, TLS,
			" AUTH=SCRAM-SHA-256-PLUS AUTH=SCRAM-SHA-256"
			" AUTH=SCRAM-SHA-1-PLUS AUTH=SCRAM-SHA-1"
			" AUTH=OAUTHBEARER AUTH=XOAUTH2 AUTH=PLAIN AUTH=LOGIN"
			" AUTH=ANONYMOUS"},
		{ALL_MECHANISMS, 0,
			" STARTTLS LOGINDISABLED AUTH=SCRAM-SHA-256"
			" AUTH=SCRAM-SHA-1 AUTH=ANONYMOUS"},
		{ALL_MECHANISMS, PLAIN,
			" STARTTLS AUTH=SCRAM-SHA-256 AUTH=SCRAM-SHA-1"
			" AUTH=OAUTHBEARER AUTH=XOAUTH2 AUTH=PLAIN AUTH=LOGIN"
			" AUTH=ANONYMOUS"},
		{MECHANISM_EXTERNAL | MECHANISM_PLAIN, TLS, " AUTH=PLAIN"},
		{MECHANISM_EXTERNAL | MECHANISM_PLAIN, TLS | CERTIFICATE,
			" AUTH=EXTERNAL AUTH=PLAIN"},
		{MECHANISM_SCRAM_SHA_256, TLS,
			" LOGINDISABLED AUTH=SCRAM-SHA-256"},
		{0, TLS, " LOGINDISABLED"},
	};

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct run r = begin_with(rows[i].offered, rows[i].flags);
		char expected[512];

		feed(&r, STR("a CAPABILITY\r\n"));
		snprintf(expected, sizeof expected,
			"* CAPABILITY " CAPABILITIES_ALWAYS
			"%s\r\na OK CAPABILITY completed\r\n",
			rows[i].announced);
		assert_str(buf_str(&r.out), expected);
		finish(&r);
	}
}

/* Without answering for auth. */
static void give(struct run *r, const char *line)
{
	buf_reset(&r->out);
	r->want = login_feed(&r->login, str_c(line), &r->out);
}

static void expect_asked(struct run *r, bool has_response, const char *response)
{
	assert_int_equal(r->want, LOGIN_AUTH);
	assert_int_equal(r->login.has_response, has_response);
	assert_str(login_response(&r->login), response);
}

static void test_server_first(void **unused)
{
	struct run r = begin_with(MECHANISM_LOGIN, TLS);

	(void)unused;
	give(&r, "a AUTHENTICATE LOGIN YW5uYQ==\r\n");
	expect_asked(&r, true, "anna"); /* curl */
	r.want = login_challenge(&r.login, STR("Password:"), &r.out);
	assert_str(buf_str(&r.out), "+ UGFzc3dvcmQ6\r\n");
	give(&r, "*\r\n");
	r.want = login_go_on(&r.login, &r.out);
	give(&r, "b AUTHENTICATE login\r\n");
	expect_asked(&r, false, "");
	assert_string_equal(r.login.mechanism, "LOGIN");
	assert_int_equal(r.out.n, 0);
	r.want = login_challenge(&r.login, STR("Username:"), &r.out);
	assert_int_equal(r.want, LOGIN_MORE);
	assert_str(buf_str(&r.out), "+ VXNlcm5hbWU6\r\n");
	give(&r, "YW5uYQ==\r\n");
	expect_asked(&r, true, "anna");
	r.want = login_challenge(&r.login, STR("Password:"), &r.out);
	give(&r, "*\r\n");
	assert_int_equal(r.want, LOGIN_CANCEL);
	finish(&r);
}

/* SCRAM's last word of the server is a challenge with an empty answer. */
static void test_empty_responses(void **unused)
{
	struct run r = begin_with(MECHANISM_SCRAM_SHA_256, TLS);

	(void)unused;
	give(&r, "a AUTHENTICATE SCRAM-SHA-256\r\n");
	assert_str(buf_str(&r.out), "+ \r\n");
	give(&r, "bixhLGI=\r\n");
	expect_asked(&r, true, "n,a,b");
	r.want = login_challenge(&r.login, STR("v=x"), &r.out);
	give(&r, "\r\n");
	expect_asked(&r, true, "");
	assert_int_equal(r.login.exchange, 2);
	finish(&r);
	r = begin_with(MECHANISM_EXTERNAL, TLS | CERTIFICATE);
	give(&r, "a AUTHENTICATE EXTERNAL =\r\n");
	expect_asked(&r, true, "");
	finish(&r);
}

static void test_not_for_this_connection(void **unused)
{
	static const struct {
		unsigned offered, flags;
		const char *line, *answer;
	} rows[] = {
		{MECHANISM_EXTERNAL, TLS, "a AUTHENTICATE EXTERNAL =\r\n",
			"a NO Authentication mechanism not supported\r\n"},
		{MECHANISM_SCRAM_SHA_256_PLUS, 0,
			"a AUTHENTICATE SCRAM-SHA-256-PLUS\r\n",
			"a NO [PRIVACYREQUIRED] Begin TLS first\r\n"},
		{MECHANISM_SCRAM_SHA_256, TLS, "a AUTHENTICATE PLAIN\r\n",
			"a NO Authentication mechanism not supported\r\n"},
		{MECHANISM_SCRAM_SHA_256, TLS, "a LOGIN anna secret\r\n",
			"a NO Authentication mechanism not supported\r\n"},
	};

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct run r = begin_with(rows[i].offered, rows[i].flags);

		give(&r, rows[i].line);
		assert_int_equal(r.want, LOGIN_MORE);
		assert_str(buf_str(&r.out), rows[i].answer);
		finish(&r);
	}
}

/* Tokens are long (RFC 7628), and only where they may be sent. */
static void test_tokens(void **unused)
{
	static const struct {
		unsigned offered;
		size_t size;
		bool taken;
	} rows[] = {
		{MECHANISM_PLAIN, 6000, true},
		{MECHANISM_PLAIN, 7000, false},
		{MECHANISM_PLAIN | MECHANISM_XOAUTH2, LOGIN_RESPONSE_MAX, true},
		{MECHANISM_PLAIN | MECHANISM_OAUTHBEARER, LOGIN_RESPONSE_MAX,
			true},
		{MECHANISM_PLAIN | MECHANISM_OAUTHBEARER,
			LOGIN_RESPONSE_MAX + 1, false},
		{MECHANISM_PLAIN | MECHANISM_OAUTHBEARER, 30000, false},
	};
	char token[30000];

	(void)unused;
	memset(token, 'x', sizeof token);
	for (size_t i = 0; i < 2 * COUNT_OF(rows); i++) {
		struct run r = begin_with(rows[i / 2].offered, TLS);
		struct buf line = BUF_UNBOUNDED;
		size_t size = rows[i / 2].size;

		buf_add_c(&line, "a AUTHENTICATE PLAIN");
		buf_add_c(&line, i % 2 ? "\r\n" : " ");
		base64_add(&line, str_of(token, size));
		buf_add_c(&line, "\r\n");
		for (str rest = buf_str(&line);
			rest.n && r.want == LOGIN_MORE;) {
			r.want = login_feed(
				&r.login, str_take(rest, 4096), &r.out);
			rest = str_skip(rest, 4096);
			assert_true(r.login.room <= 32768);
		}
		assert_int_equal(r.want == LOGIN_AUTH, rows[i / 2].taken);
		if (rows[i / 2].taken)
			assert_int_equal(login_response(&r.login).n, size);
		buf_fini(&line);
		finish(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dialogues),
		cmocka_unit_test(test_greeting),
		cmocka_unit_test(test_hand_over),
		cmocka_unit_test(test_hand_over_bounds),
		cmocka_unit_test(test_starttls_injection),
		cmocka_unit_test(test_secured),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_wiped),
		cmocka_unit_test(test_idle_costs_nothing),
		cmocka_unit_test(test_bye),
		cmocka_unit_test(test_announced),
		cmocka_unit_test(test_server_first),
		cmocka_unit_test(test_empty_responses),
		cmocka_unit_test(test_not_for_this_connection),
		cmocka_unit_test(test_tokens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
