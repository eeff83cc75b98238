/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/lmtp/parser.h"

/* xchar = any ASCII CHAR between "!" (33) and "~" (126) inclusive, except for
 * "+" and "=" */
static void put_xtext(struct buf *out, str text)
{
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];

		if (c > ' ' && c < 127 && c != '+' && c != '=')
			buf_add_byte(out, (char)c);
		else
			buf_addf(out, "+%02X", c);
	}
}

static void put_mail(struct buf *out, const struct lmtp_mail *mail)
{
	static const char *const bodies[] = {
		"", " BODY=7BIT", " BODY=8BITMIME", " BODY=BINARYMIME"};
	static const char *const rets[] = {"", " RET=FULL", " RET=HDRS"};

	buf_add_c(out, " FROM:<");
	lmtp_print_path(out, &mail->from);
	buf_add_byte(out, '>');
	if (mail->has_size)
		buf_addf(out, " SIZE=%llu", (unsigned long long)mail->size);
	buf_add_c(out, bodies[mail->body]);
	buf_add_c(out, mail->smtputf8 ? " SMTPUTF8" : "");
	buf_add_c(out, rets[mail->ret]);
	if (!str_is_none(mail->envid)) {
		buf_add_c(out, " ENVID=");
		put_xtext(out, mail->envid);
	}
	if (!str_is_none(mail->auth)) {
		buf_add_c(out, " AUTH=");
		put_xtext(out, mail->auth);
	}
}

static void put_rcpt(struct buf *out, const struct lmtp_rcpt *rcpt)
{
	static const char *const words[] = {
		"NEVER", "SUCCESS", "FAILURE", "DELAY"};
	char before = '=';

	buf_add_c(out, " TO:<");
	lmtp_print_path(out, &rcpt->to);
	buf_add_byte(out, '>');
	if (rcpt->notify)
		buf_add_c(out, " NOTIFY");
	for (unsigned i = 0; i < sizeof words / sizeof *words; i++) {
		if (!(rcpt->notify & 1u << i))
			continue;
		buf_addf(out, "%c%s", before, words[i]);
		before = ',';
	}
	if (!str_is_none(rcpt->orcpt_type)) {
		buf_addf(out, " ORCPT=%.*s;", STR_ARG(rcpt->orcpt_type));
		put_xtext(out, rcpt->orcpt);
	}
}

static void put_xclient(struct buf *out, const struct lmtp_xclient *x)
{
	for (unsigned i = 0; i < LMTP_XCLIENT_COUNT; i++) {
		str value = x->value[i];

		if (str_is_none(value))
			continue;
		buf_addf(out, " %s=", lmtp_xclient_names[i]);
		if (i == LMTP_XCLIENT_ADDR &&
			str_find_byte(value, ':') < value.n)
			buf_add_c(out, "IPV6:");
		put_xtext(out, value.n ? value : STR("[UNAVAILABLE]"));
	}
}

void lmtp_print(struct buf *out, const struct lmtp_command *cmd)
{
	buf_add(out, lmtp_command_table[cmd->verb].name);
	switch (cmd->verb) {
	case LMTP_MAIL:
		put_mail(out, &cmd->mail);
		break;
	case LMTP_RCPT:
		put_rcpt(out, &cmd->rcpt);
		break;
	case LMTP_BDAT:
		buf_addf(out, " %llu%s", (unsigned long long)cmd->bdat.size,
			cmd->bdat.last ? " LAST" : "");
		break;
	case LMTP_XCLIENT:
		put_xclient(out, &cmd->xclient);
		break;
	default:
		if (cmd->text.n)
			buf_addf(out, " %.*s", STR_ARG(cmd->text));
		break;
	}
}
