/* SPDX-License-Identifier: Apache-2.0 */
#include "message/msgid.h"

/* One id's characters, from after "<" up to ">", which is taken too. */
static bool take_id(str *rest, struct buf *id)
{
	bool quoted = false;
	for (size_t i = 0; i < rest->n; i++) {
		char c = rest->p[i];
		if (c == '>' && !quoted) {
			*rest = str_skip(*rest, i + 1);
			return true;
		}
		if (c == '"') {
			quoted = !quoted;
			continue;
		}
		if (c == '\\' && quoted && i + 1 < rest->n)
			c = rest->p[++i];
		else if (memchr(" \t\r\n", c, 4) && !quoted)
			continue;
		buf_add_byte(id, c);
	}
	return false;
}

bool msgid_next(str *rest, struct buf *id)
{
	size_t before = id->n;
	for (;;) {
		*rest = str_skip(*rest, str_find_byte(*rest, '<'));
		if (!rest->n)
			return false;
		*rest = str_skip(*rest, 1);
		if (!take_id(rest, id)) { /* not closed: no more ids */
			*rest = STR("");
			buf_truncate(id, before);
			return false;
		}
		if (id->n > before)
			return true;
	}
}

void msgid_add(struct buf *out, str value)
{
	str rest = value;
	if (msgid_next(&rest, out))
		return;
	value = str_trim(value);
	if (str_find_byte(value, '<') == value.n &&
		str_find_byte(value, ' ') == value.n)
		buf_add(out, value);
}
