/* SPDX-License-Identifier: Apache-2.0 */
#include "message/eol.h"

void eol_add(struct eol *eol, struct buf *out, str bytes)
{
	while (bytes.n) {
		size_t n = str_find_byte(bytes, '\n');
		bool has_cr = n ? bytes.p[n - 1] == '\r' : eol->after_cr;

		buf_add(out, str_take(bytes, n));
		eol->after_cr = has_cr && n == bytes.n;
		if (n < bytes.n) {
			buf_add(out, has_cr ? STR("\n") : STR("\r\n"));
			n++;
		}
		bytes = str_skip(bytes, n);
	}
}

/* Bytes of one line, without LF. */
static void count_run(struct eol_count *c, str run)
{
	if (run.n == 0)
		return;
	c->in_line = c->in_line || run.n > 1 || c->after_cr || run.p[0] != '\r';
	c->amid_line = true;
	c->after_cr = run.p[run.n - 1] == '\r';
	for (size_t i = 0; !c->in_body && !c->eightbit && i < run.n; i++)
		c->eightbit = run.p[i] & '\x80';
}

void eol_count(struct eol_count *c, str bytes)
{
	while (bytes.n) {
		str run = str_take(bytes, str_find_byte(bytes, '\n'));

		count_run(c, run);
		bytes = str_skip(bytes, run.n);
		if (bytes.n == 0)
			return;
		c->bare += !c->after_cr;
		c->in_body = c->in_body || !c->in_line;
		c->after_cr = c->amid_line = c->in_line = false;
		bytes = str_skip(bytes, 1);
	}
}

uint64_t eol_growth(const struct eol_count *c)
{
	return c->bare + (c->amid_line ? 2 : 0);
}
