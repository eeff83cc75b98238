/* SPDX-License-Identifier: Apache-2.0 */
#include "message/imap_string.h"

/* NULs are left out; these stand behind a backslash when it is quoted. */
static bool is_quotable(str s, size_t *nuls_r, size_t *escaped_r)
{
	size_t nuls = 0, escaped = 0;
	bool quotable = true;

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		nuls += c == '\0';
		escaped += c == '"' || c == '\\';
		quotable &= c != '\r' && c != '\n' && c < 0x80;
	}
	*nuls_r = nuls;
	*escaped_r = escaped;
	return quotable;
}

/* n: how long it becomes. */
static void add_quoted(struct buf *b, str s, size_t n, bool upper)
{
	char *at = buf_reserve(b, n);

	if (!at)
		return;
	*at++ = '"';
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c == '"' || c == '\\')
			*at++ = '\\';
		if (c)
			*at++ = upper ? ascii_upper(c) : c;
	}
	*at = '"';
	buf_added(b, n);
}

static void add_string(struct buf *b, str s, bool upper)
{
	size_t nuls, escaped;

	if (is_quotable(s, &nuls, &escaped)) {
		add_quoted(b, s, s.n - nuls + escaped + 2, upper);
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
