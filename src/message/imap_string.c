/* SPDX-License-Identifier: Apache-2.0 */
#include "message/imap_string.h"

static bool is_quotable(str s, size_t *nuls_r)
{
	bool quotable = true;
	*nuls_r = 0;
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c == '\0')
			++*nuls_r;
		else if (c == '\r' || c == '\n' || c > 127)
			quotable = false;
	}
	return quotable;
}

static void add_quoted(struct buf *b, str s, bool upper)
{
	buf_add_byte(b, '"');
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (c == '"' || c == '\\')
			buf_add_byte(b, '\\');
		if (c)
			buf_add_byte(b, upper ? ascii_upper(c) : c);
	}
	buf_add_byte(b, '"');
}

static void add_string(struct buf *b, str s, bool upper)
{
	size_t nuls;
	if (is_quotable(s, &nuls)) {
		add_quoted(b, s, upper);
		return;
	}
	buf_addf(b, "{%zu}\r\n", s.n - nuls);
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i])
			buf_add_byte(b, upper ? ascii_upper(s.p[i]) : s.p[i]);
}

void imap_string_add(struct buf *b, str s)
{
	add_string(b, s, false);
}

void imap_nstring_add(struct buf *b, str s)
{
	if (str_is_none(s))
		buf_add_c(b, "NIL");
	else
		add_string(b, s, false);
}

void imap_string_add_upper(struct buf *b, str s)
{
	add_string(b, s, true);
}
