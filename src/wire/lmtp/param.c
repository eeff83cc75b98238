/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters of MAIL and RCPT: RFC 1870, 6152, 3030, 6531, 3461, 4954. */
#include "message/utf8.h"
#include "wire/lmtp/parser.h"

struct param_row {
	str name;
	bool has_value;
	/* False: the value is none of its values. */
	bool (*take)(struct lmtp_parser *, str value, void *into);
};

/* ------------------------------------------------------------------ xtext */

static int hex_of(char c)
{
	if (ascii_is_digit(c))
		return c - '0';
	/* hexchar: "ASCII "+" immediately followed by two upper case
	 * hexadecimal digits" */
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

str lmtp_parse_xtext(struct arena *arena, str text)
{
	char *to = arena_alloc(arena, text.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (c == '+') {
			int high = i + 2 < text.n ? hex_of(text.p[i + 1]) : -1;
			int low = high < 0 ? -1 : hex_of(text.p[i + 2]);

			if (low < 0)
				return str_none();
			c = (char)(high << 4 | low);
			i += 2;
		} else if (c <= ' ' || c == '=' || c == 127) {
			/* What is not ASCII is < 0 here and passes: RFC 6533
			 * has UTF-8 where RFC 3461 has ASCII. */
			if (c >= 0)
				return str_none();
		}
		to[n++] = c;
	}
	return str_of(to, n);
}

/* "xtext ... MUST consist entirely of printable (graphic and white space)
 * characters from the US-ASCII repertoire", RFC 3461 sections 4.2 and 4.4;
 * RFC 6533 lets addresses be UTF-8. */
static bool is_printable(str text)
{
	for (size_t i = 0; i < text.n; i++)
		if ((unsigned char)text.p[i] < ' ' || text.p[i] == 127)
			return false;
	return utf8_is_valid(text);
}

static bool take_xtext(struct lmtp_parser *p, str value, str *text_r)
{
	*text_r = lmtp_parse_xtext(p->arena, value);
	return !str_is_none(*text_r) && is_printable(*text_r);
}

/* ------------------------------------------------------------------- MAIL */

/* size-value ::= 1*20DIGIT */
static bool take_size(struct lmtp_parser *p, str value, void *into)
{
	struct lmtp_mail *mail = into;
	bool twice = mail->has_size;

	(void)p;
	mail->has_size = true;
	if (value.n > 20)
		return false;
	/* Digits that pass 2^64 say a size, too. */
	if (str_to_u64(value, UINT64_MAX, &mail->size)) {
		for (size_t i = 0; i < value.n; i++)
			if (!ascii_is_digit(value.p[i]))
				return false;
		mail->size = UINT64_MAX;
	}
	return value.n && !twice;
}

/* body-value ::= "7BIT" / "8BITMIME" / "BINARYMIME" */
static bool take_body(struct lmtp_parser *p, str value, void *into)
{
	struct lmtp_mail *mail = into;
	bool twice = mail->body;

	(void)p;
	if (str_ieq_c(value, "7BIT"))
		mail->body = LMTP_BODY_7BIT;
	else if (str_ieq_c(value, "8BITMIME"))
		mail->body = LMTP_BODY_8BITMIME;
	else if (str_ieq_c(value, "BINARYMIME"))
		mail->body = LMTP_BODY_BINARYMIME;
	else
		return false;
	return !twice;
}

static bool take_smtputf8(struct lmtp_parser *p, str value, void *into)
{
	struct lmtp_mail *mail = into;
	bool twice = mail->smtputf8;

	(void)p;
	(void)value;
	mail->smtputf8 = true;
	return !twice;
}

/* ret-value = "FULL" / "HDRS" */
static bool take_ret(struct lmtp_parser *p, str value, void *into)
{
	struct lmtp_mail *mail = into;
	bool twice = mail->ret;

	(void)p;
	if (str_ieq_c(value, "FULL"))
		mail->ret = LMTP_RET_FULL;
	else if (str_ieq_c(value, "HDRS"))
		mail->ret = LMTP_RET_HDRS;
	else
		return false;
	return !twice;
}

static bool take_envid(struct lmtp_parser *p, str value, void *into)
{
	struct lmtp_mail *mail = into;

	return str_is_none(mail->envid) && take_xtext(p, value, &mail->envid);
}

/* Not announced, and of no use here; a relay that got it passes it on (RFC 4954
 * section 5). */
static bool take_auth(struct lmtp_parser *p, str value, void *into)
{
	struct lmtp_mail *mail = into;

	return str_is_none(mail->auth) && take_xtext(p, value, &mail->auth);
}

static const struct param_row mail_params[] = {
	{STR_LIT("SIZE"), true, take_size},
	{STR_LIT("BODY"), true, take_body},
	{STR_LIT("SMTPUTF8"), false, take_smtputf8},
	{STR_LIT("RET"), true, take_ret},
	{STR_LIT("ENVID"), true, take_envid},
	{STR_LIT("AUTH"), true, take_auth},
	{STR_LIT(""), false, NULL},
};

/* ------------------------------------------------------------------- RCPT */

static unsigned notify_bit(str word)
{
	static const char *const words[] = {
		"NEVER", "SUCCESS", "FAILURE", "DELAY"};

	for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
		if (str_ieq_c(word, words[i]))
			return 1u << i;
	return 0;
}

/* notify-esmtp-value = "NEVER" / 1#notify-list-element */
static bool take_notify(struct lmtp_parser *p, str value, void *into)
{
	struct lmtp_rcpt *rcpt = into;
	bool twice = rcpt->notify;

	(void)p;
	for (;;) {
		size_t n = str_find_byte(value, ',');
		unsigned bit = notify_bit(str_take(value, n));

		if (!bit)
			return false;
		rcpt->notify |= bit;
		if (n == value.n)
			break;
		value = str_skip(value, n + 1);
	}
	/* "the NEVER keyword MUST appear by itself" */
	return !twice && (!(rcpt->notify & LMTP_NOTIFY_NEVER) ||
				 rcpt->notify == LMTP_NOTIFY_NEVER);
}

static bool is_atom(str text)
{
	for (size_t i = 0; i < text.n; i++)
		if (!ascii_is_alpha(text.p[i]) && !ascii_is_digit(text.p[i]) &&
			!strchr("!#$%&'*-/?^_`{|}~.", text.p[i]))
			return false;
	return text.n > 0;
}

/* original-recipient-address = addr-type ";" xtext */
static bool take_orcpt(struct lmtp_parser *p, str value, void *into)
{
	struct lmtp_rcpt *rcpt = into;
	size_t n = str_find_byte(value, ';');

	if (!str_is_none(rcpt->orcpt_type) || n == value.n)
		return false;
	rcpt->orcpt_type = str_take(value, n);
	return is_atom(rcpt->orcpt_type) &&
	       take_xtext(p, str_skip(value, n + 1), &rcpt->orcpt);
}

static const struct param_row rcpt_params[] = {
	{STR_LIT("NOTIFY"), true, take_notify},
	{STR_LIT("ORCPT"), true, take_orcpt},
	{STR_LIT(""), false, NULL},
};

/* ------------------------------------------------------------------- both */

static void take_param(struct lmtp_parser *p, const struct param_row *row,
	str param, void *into)
{
	size_t n = str_find_byte(param, '=');
	str name = str_take(param, n), value = str_skip(param, n + 1);
	bool has_value = n < param.n;

	while (row->take && !str_ieq(name, row->name))
		row++;
	if (!row->take)
		lmtp_fail(p, LMTP_SAY_UNKNOWN_PARAMETER);
	else if (has_value != row->has_value || (has_value && !value.n) ||
		 !row->take(p, value, into))
		lmtp_fail(p, LMTP_SAY_BAD_PARAMETER);
}

/* esmtp-param *(SP esmtp-param). More than one space between them is let
 * pass: it means nothing else. */
static void take_params(
	struct lmtp_parser *p, const struct param_row *rows, void *into)
{
	while (lmtp_ok(p) && !cursor_done(&p->c)) {
		cursor_expect(&p->c, ' ', "a space");
		if (!cursor_ok(&p->c)) {
			lmtp_fail(p, LMTP_SAY_BAD_PARAMETER);
		} else if (cursor_peek(&p->c) != ' ') {
			take_param(p, rows, cursor_until(&p->c, ' '), into);
		}
	}
}

void lmtp_parse_mail_params(struct lmtp_parser *p, struct lmtp_mail *mail)
{
	take_params(p, mail_params, mail);
}

void lmtp_parse_rcpt_params(struct lmtp_parser *p, struct lmtp_rcpt *rcpt)
{
	take_params(p, rcpt_params, rcpt);
}
