/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/pop3/dots.h"

void pop3_dots_init(struct pop3_dots *d)
{
	*d = (struct pop3_dots){0};
}

void pop3_dots_init_top(struct pop3_dots *d, uint32_t lines)
{
	*d = (struct pop3_dots){.top = true, .lines = lines};
}

static void end_line(struct pop3_dots *d, struct buf *out)
{
	buf_add_c(out, d->after_cr ? "\n" : "\r\n");
	d->octets += d->after_cr ? 1 : 2;
	d->after_cr = false;
}

/* A line is over; `empty`: it had no bytes. */
static void count_line(struct pop3_dots *d, bool empty)
{
	if (d->in_body && d->top)
		d->lines--;
	if (empty)
		d->in_body = true;
	d->full = d->top && d->in_body && d->lines == 0;
}

/* Bytes of one line, without LF. */
static void add_run(struct pop3_dots *d, struct buf *out, str run)
{
	if (run.n == 0)
		return;
	if (!d->amid_line && run.p[0] == '.')
		buf_add_byte(out, '.');
	buf_add(out, run);
	d->octets += run.n;
	d->after_cr = run.p[run.n - 1] == '\r';
	/* A CR alone may be the beginning of an empty line's end. */
	d->amid_line = d->amid_line || run.n > 1 || !d->after_cr;
}

/* Bytes of whole lines that are sent as they are. */
static size_t plain_lines(str bytes)
{
	size_t at = 0;

	while (at < bytes.n && bytes.p[at] != '.') {
		const char *lf = memchr(bytes.p + at, '\n', bytes.n - at);

		if (!lf || lf == bytes.p + at || lf[-1] != '\r')
			break;
		at = (size_t)(lf - bytes.p) + 1;
	}
	return at;
}

void pop3_dots_feed(struct pop3_dots *d, struct buf *out, str bytes)
{
	while (bytes.n && !d->full) {
		bool plain = !d->top && !d->amid_line && !d->after_cr;
		size_t lines = plain ? plain_lines(bytes) : 0;
		str run;

		buf_add(out, str_take(bytes, lines));
		d->octets += lines;
		bytes = str_skip(bytes, lines);
		run = str_take(bytes, str_find_byte(bytes, '\n'));

		/* What was no end of a line is a byte of it. */
		if (run.n && d->after_cr)
			d->amid_line = true;
		add_run(d, out, run);
		bytes = str_skip(bytes, run.n);
		if (bytes.n) {
			bool empty = !d->amid_line;

			end_line(d, out);
			d->amid_line = false;
			count_line(d, empty);
			bytes = str_skip(bytes, 1);
		}
	}
}

/* Where the first line begins that has a dot there; or the end. */
static size_t find_dotted(const struct pop3_dots *d, str bytes)
{
	if (bytes.n && bytes.p[0] == '.' && !d->amid_line)
		return 0;
	for (size_t at = 1; at < bytes.n; at++) {
		at += str_find_byte(str_skip(bytes, at), '.');
		if (at < bytes.n && bytes.p[at - 1] == '\n')
			return at;
	}
	return bytes.n;
}

static void add_doubled(struct pop3_dots *d, struct buf *out, str bytes)
{
	while (bytes.n) {
		size_t at = find_dotted(d, bytes);

		buf_add(out, str_take(bytes, at));
		if (at < bytes.n)
			buf_add(out, STR(".."));
		d->amid_line = at < bytes.n || bytes.p[bytes.n - 1] != '\n';
		bytes = str_skip(bytes, at + 1);
	}
}

void pop3_dots_double(struct pop3_dots *d, struct buf *out, size_t from)
{
	str bytes = str_skip(buf_str(out), from);
	size_t at = find_dotted(d, bytes);
	struct buf rest = BUF_UNBOUNDED;

	d->octets += bytes.n;
	if (at == bytes.n) {
		if (at)
			d->amid_line = bytes.p[at - 1] != '\n';
		return;
	}
	buf_add(&rest, str_skip(bytes, at));
	buf_truncate(out, from + at);
	if (at)
		d->amid_line = false;
	add_doubled(d, out, buf_str(&rest));
	buf_fini(&rest);
}

void pop3_dots_finish(struct pop3_dots *d, struct buf *out)
{
	if (d->amid_line || d->after_cr) {
		/* A CR that nothing followed is no end of a line. */
		d->after_cr = false;
		end_line(d, out);
	}
	buf_add_c(out, ".\r\n");
}
