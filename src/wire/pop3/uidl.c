/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/pop3/uidl.h"
#include "base/cursor.h"

#include <inttypes.h>
#include <stdio.h>

/* One step of a format. */
struct piece {
	char letter; /* 'u', 'v', '%', or 0: a byte as it is */
	char byte;
	bool zeros, hex;
	unsigned width;
};

/* False at the end, and for what is no format (the cursor fails). */
static bool next(struct cursor *c, struct piece *p)
{
	*p = (struct piece){0};
	if (!cursor_ok(c) || cursor_done(c))
		return false;
	p->byte = (char)cursor_u8(c);
	if (p->byte != '%') {
		if (p->byte < 0x21 || p->byte > 0x7e)
			cursor_fail(c, ERR_INVALID, "printable characters");
		return cursor_ok(c);
	}
	p->zeros = cursor_accept(c, '0');
	while (cursor_peek(c) >= '0' && cursor_peek(c) <= '9' && p->width < 100)
		p->width = p->width * 10 + (unsigned)(cursor_u8(c) - '0');
	p->hex = cursor_accept(c, 'X');
	p->letter = (char)cursor_u8(c);
	if (p->letter != 'u' && p->letter != 'v' && p->letter != '%')
		cursor_fail(c, ERR_INVALID, "%u, %v or %%");
	if (p->letter == '%' && (p->zeros || p->width || p->hex))
		cursor_fail(c, ERR_INVALID, "%u, %v or %%");
	/* Dovecot cuts off what is wider; then two could be the same. */
	if (p->width && !p->zeros)
		cursor_fail(c, ERR_INVALID, "a width that begins with 0");
	return cursor_ok(c);
}

static void add_number(struct buf *out, const struct piece *p, uint32_t n)
{
	char text[112];

	snprintf(text, sizeof text, p->hex ? "%0*" PRIx32 : "%0*" PRIu32,
		(int)p->width, n);
	buf_add_c(out, text);
}

void pop3_uidl_add(struct buf *out, str format, uint32_t validity, uid_num uid)
{
	struct cursor c = cursor_of(format);
	struct piece p;

	while (next(&c, &p)) {
		if (p.letter == 'u')
			add_number(out, &p, uid);
		else if (p.letter == 'v')
			add_number(out, &p, validity);
		else
			buf_add_byte(out, p.byte);
	}
}

enum err pop3_uidl_check(str format, const char **why_r)
{
	struct cursor c = cursor_of(format);
	struct buf longest;
	bool has_uid = false;
	struct piece p;

	while (next(&c, &p))
		has_uid = has_uid || p.letter == 'u';
	*why_r = NULL;
	if (!cursor_ok(&c))
		*why_r = c.err_expected;
	else if (!has_uid)
		*why_r = "%u, so that no two messages have the same";
	if (*why_r)
		return ERR_INVALID;
	buf_init(&longest, POP3_UIDL_MAX);
	pop3_uidl_add(&longest, format, UINT32_MAX, UINT32_MAX);
	if (buf_err(&longest))
		*why_r = "at most 70 characters";
	buf_fini(&longest);
	return *why_r ? ERR_INVALID : OK;
}
