/* SPDX-License-Identifier: Apache-2.0 */
/* XCLIENT: Postfix's XCLIENT_README; there is no RFC. */
#include "wire/lmtp/parser.h"

const char *const lmtp_xclient_names[LMTP_XCLIENT_COUNT] = {
	[LMTP_XCLIENT_NAME] = "NAME",
	[LMTP_XCLIENT_ADDR] = "ADDR",
	[LMTP_XCLIENT_PORT] = "PORT",
	[LMTP_XCLIENT_PROTO] = "PROTO",
	[LMTP_XCLIENT_HELO] = "HELO",
};

static bool is_unavailable(str value)
{
	return str_ieq_c(value, "[UNAVAILABLE]") ||
	       str_ieq_c(value, "[TEMPUNAVAIL]");
}

static bool take_addr(str *value)
{
	if (!str_istarts(*value, STR("IPV6:")))
		return lmtp_is_address(*value, false);
	*value = str_skip(*value, 5);
	return lmtp_is_address(*value, true);
}

static bool is_right(enum lmtp_xclient_name name, str *value)
{
	uint64_t port;

	switch (name) {
	case LMTP_XCLIENT_ADDR:
		return take_addr(value);
	case LMTP_XCLIENT_PORT:
		return str_to_u64(*value, 65535, &port) == OK;
	case LMTP_XCLIENT_PROTO:
		return str_ieq_c(*value, "SMTP") ||
		       str_ieq_c(*value, "ESMTP") || str_ieq_c(*value, "LMTP");
	default:
		return lmtp_is_host(*value);
	}
}

static void take_attribute(
	struct lmtp_parser *p, str attribute, struct lmtp_xclient *x)
{
	size_t n = str_find_byte(attribute, '=');
	str name = str_take(attribute, n);
	str value = lmtp_parse_xtext(p->arena, str_skip(attribute, n + 1));

	for (unsigned i = 0; i < LMTP_XCLIENT_COUNT; i++) {
		if (!str_ieq_c(name, lmtp_xclient_names[i]))
			continue;
		if (is_unavailable(value))
			value = STR("");
		else if (!value.n ||
			 !is_right((enum lmtp_xclient_name)i, &value))
			lmtp_fail(p, LMTP_SAY_BAD_PARAMETER);
		x->value[i] = value;
		return;
	}
	lmtp_fail(p, LMTP_SAY_UNKNOWN_PARAMETER);
}

/* xclient-command = XCLIENT 1*( SP attribute-name"="attribute-value ) */
void lmtp_parse_xclient(struct lmtp_parser *p, struct lmtp_command *cmd)
{
	cmd->xclient = (struct lmtp_xclient){0};
	if (cursor_done(&p->c))
		lmtp_fail(p, LMTP_SAY_BAD_ARGUMENT);
	while (lmtp_ok(p) && !cursor_done(&p->c)) {
		cursor_expect(&p->c, ' ', "a space");
		take_attribute(p, cursor_until(&p->c, ' '), &cmd->xclient);
	}
}
