/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The header fields of a delivery. Return-Path fields that the message has
 * already are left: RFC 5321 section 4.4 lets a final server remove them ("MAY
 * remove Return-path header fields before adding their own"), ours is the first
 * and so the one that counts, and what is stored stays what was sent, byte for
 * byte. Bytes above ASCII in a header without SMTPUTF8 are let pass, too: such
 * mail exists, it is readable, and to refuse it here would lose it to its
 * reader.
 */
#include "lmtp/private.h"
#include "message/date.h"

/* "127.0.0.1:1143", "[::1]:1143", or "-" */
static str without_port(str remote)
{
	size_t n = remote.n;

	if (str_eq_c(remote, "-"))
		return STR("");
	if (remote.n && remote.p[0] == '[')
		return str_take(
			str_skip(remote, 1), str_find_byte(remote, ']') - 1);
	while (n && remote.p[n - 1] != ':')
		n--;
	return n ? str_take(remote, n - 1) : remote;
}

str lmtp_client_address(const struct lmtp *s)
{
	const char *told = s->told[LMTP_XCLIENT_ADDR];

	return told ? str_c(told) : without_port(str_c(s->session.remote));
}

/* address-literal of RFC 5321 section 4.1.3 */
static void put_literal(struct buf *out, str address)
{
	bool v6 = str_find_byte(address, ':') < address.n;

	buf_addf(out, "[%s%.*s]", v6 ? "IPv6:" : "", STR_ARG(address));
}

/* From-domain = "FROM" FWS Extended-Domain
 * Extended-Domain = Domain / ( Domain FWS "(" TCP-info ")" )
 * TCP-info = address-literal / ( Domain FWS address-literal ) */
static void put_from(struct buf *out, const struct lmtp *s)
{
	const char *helo = s->told[LMTP_XCLIENT_HELO];
	const char *name = s->told[LMTP_XCLIENT_NAME];
	str address = lmtp_client_address(s);

	if (!helo || !*helo)
		helo = s->helo;
	buf_addf(out, "Received: from %s",
		lmtp_is_host(str_c(helo)) ? helo : "unknown");
	if (address.n) {
		buf_addf(out, " (%s%s", name ? name : "",
			name && *name ? " " : "");
		put_literal(out, address);
		buf_add_byte(out, ')');
	}
	buf_add_c(out, "\r\n");
}

/* Time-stamp-line. RFC 6531 section 4.3 has UTF8LMTP. "for" would tell one
 * recipient of the others (RFC 5321 section 7.2). */
static void put_received(
	struct buf *out, const struct lmtp *s, str host, int64_t now)
{
	const struct lmtp_transaction *t = &s->t;

	put_from(out, s);
	buf_addf(out, "\tby %.*s with %s id %s", STR_ARG(host),
		t->utf8 ? "UTF8LMTP" : "LMTP", s->session.id);
	if (t->recipient_count == 1)
		buf_addf(out, "\r\n\tfor <%.*s>",
			STR_ARG(t->recipients->address));
	buf_add_c(out, ";\r\n\t");
	date_print_rfc5322(out, (struct date){now, 0});
	buf_add_c(out, "\r\n");
}

void lmtp_put_trace(struct buf *out, const struct lmtp *s,
	const struct lmtp_account *a, str host, int64_t now)
{
	buf_addf(out, "Return-Path: <%.*s>\r\n", STR_ARG(s->t.sender));
	for (const struct lmtp_address *at = a->addresses; at; at = at->next)
		buf_addf(out, "Delivered-To: %.*s\r\n", STR_ARG(at->address));
	put_received(out, s, host, now);
}
