/* SPDX-License-Identifier: Apache-2.0 */
#include "message/eol.h"

#define BLOCK 128

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

static bool has_eightbit(str run)
{
	uint64_t all = 0, word;
	size_t i = 0;

	for (; i + sizeof word <= run.n; i += sizeof word) {
		memcpy(&word, run.p + i, sizeof word);
		all |= word;
	}
	for (; i < run.n; i++)
		all |= (unsigned char)run.p[i] * 0x0101010101010101u;
	return all & 0x8080808080808080u;
}

/* Bytes of one line, without LF. */
static void count_run(struct eol_count *c, str run)
{
	if (run.n == 0)
		return;
	c->in_line = c->in_line || run.n > 1 || c->after_cr || run.p[0] != '\r';
	c->amid_line = true;
	c->after_cr = run.p[run.n - 1] == '\r';
	if (!c->in_body)
		c->eightbit = c->eightbit || has_eightbit(run);
}

static unsigned is_bare(const char *p)
{
	return (p[0] == '\n') & (p[-1] != '\r');
}

/* Of BLOCK bytes: in a form of which the compiler makes wide instructions. */
static unsigned count_block(const char *p)
{
	uint8_t n = 0;

	for (int i = 0; i < BLOCK; i++)
		n = (uint8_t)(n + is_bare(p + i));
	return n;
}

/* LFs without CR before them. */
static uint64_t count_bare(str lines, bool after_cr)
{
	uint64_t bare = lines.p[0] == '\n' && !after_cr;
	size_t at = 1;

	for (; at + BLOCK <= lines.n; at += BLOCK)
		bare += count_block(lines.p + at);
	for (; at < lines.n; at++)
		bare += is_bare(lines.p + at);
	return bare;
}

/* Behind the header nothing else is counted, and only the last line leaves
 * something behind. */
static size_t count_body_lines(struct eol_count *c, str bytes)
{
	const char *lf = memrchr(bytes.p, '\n', bytes.n);
	size_t n = lf ? (size_t)(lf - bytes.p) + 1 : 0;

	if (!n)
		return 0;
	c->bare += count_bare(str_take(bytes, n), c->after_cr);
	c->after_cr = c->amid_line = c->in_line = false;
	return n;
}

void eol_count(struct eol_count *c, str bytes)
{
	while (bytes.n) {
		str run;

		if (c->in_body)
			bytes = str_skip(bytes, count_body_lines(c, bytes));
		run = str_take(bytes, str_find_byte(bytes, '\n'));
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
