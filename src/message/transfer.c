/* SPDX-License-Identifier: Apache-2.0 */
#include "message/transfer.h"

#include "message/lex.h"

/* Names of encodings, the misspelt ones that real mail carries included. */
static const struct {
	str name;
	enum transfer kind;
} names[] = {
	{STR_LIT("7bit"), TRANSFER_IDENTITY},
	{STR_LIT("8bit"), TRANSFER_IDENTITY},
	{STR_LIT("binary"), TRANSFER_IDENTITY},
	{STR_LIT("base64"), TRANSFER_BASE64},
	{STR_LIT("quoted-printable"), TRANSFER_QP},
	{STR_LIT("x-uuencode"), TRANSFER_UUENCODE},
	{STR_LIT("uuencode"), TRANSFER_UUENCODE},
	{STR_LIT("x-uue"), TRANSFER_UUENCODE},
	{STR_LIT("7-bit"), TRANSFER_IDENTITY},
	{STR_LIT("8-bit"), TRANSFER_IDENTITY},
	{STR_LIT("7bits"), TRANSFER_IDENTITY},
	{STR_LIT("8bits"), TRANSFER_IDENTITY},
};

enum err transfer_parse(str value, enum transfer *transfer_r)
{
	size_t from = lex_skip_cfws(value, 0), to;

	*transfer_r = TRANSFER_IDENTITY;
	if (from < value.n && value.p[from] == '"')
		from++;
	for (to = from; to < value.n; to++)
		if (strchr(" \t\r\n(;\"", value.p[to]))
			break;
	str name = str_take(str_skip(value, from), to - from);
	if (!name.n)
		return OK;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (!str_ieq(name, names[i].name))
			continue;
		*transfer_r = names[i].kind;
		return OK;
	}
	return ERR_CTE;
}

/* ---- base64 ---- */

enum { B64_NONE = 64, B64_BLANK, B64_PAD };

/* RFC 4648 table 1; everything else by what it is to a decoder. */
static unsigned char digit_of(char c)
{
	enum { N = B64_NONE, S = B64_BLANK, P = B64_PAD };
	/* clang-format off */
	static const unsigned char digits[128] = {
		N, N, N, N, N, N, N, N, N, S, S, N, N, S, N, N,
		N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N,
		S, N, N, N, N, N, N, N, N, N, N, 62, N, N, N, 63,
		52, 53, 54, 55, 56, 57, 58, 59, 60, 61, N, N, N, P, N, N,
		N, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
		15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, N, N, N, N, N,
		N, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
		41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, N, N, N, N, N,
	};
	/* clang-format on */

	return (unsigned char)c < 128 ? digits[(unsigned char)c] : N;
}

/* The whole bytes of a group that ends early. */
static char *base64_flush(struct transfer_decoder *d, char *o)
{
	uint32_t bits = d->bits << (6 * (4 - d->digits));

	if (d->digits >= 2)
		*o++ = (char)(bits >> 16);
	if (d->digits == 3)
		*o++ = (char)(bits >> 8);
	d->bits = 0;
	d->digits = 0;
	return o;
}

/* Padding: state counts the "=" that this group may still have. */
static char *base64_pad(struct transfer_decoder *d, char *o)
{
	if (d->digits >= 2) {
		d->state = (unsigned char)(3 - d->digits);
		return base64_flush(d, o);
	}
	if (d->state && !d->digits)
		d->state--;
	else
		d->damage++;
	return base64_flush(d, o);
}

static char *base64_feed(struct transfer_decoder *d, str in, char *o)
{
	for (size_t i = 0; i < in.n; i++) {
		unsigned char digit = digit_of(in.p[i]);

		if (digit == B64_PAD) {
			o = base64_pad(d, o);
		} else if (digit >= B64_NONE) {
			d->damage += digit == B64_NONE;
		} else {
			d->bits = d->bits << 6 | digit;
			if (++d->digits < 4)
				continue;
			*o++ = (char)(d->bits >> 16);
			*o++ = (char)(d->bits >> 8);
			*o++ = (char)d->bits;
			d->bits = 0;
			d->digits = 0;
			d->state = 0;
		}
	}
	return o;
}

static char *base64_finish(struct transfer_decoder *d, char *o)
{
	d->damage += d->digits || d->state;
	return base64_flush(d, o);
}

/* ---- quoted-printable ---- */

/* What `held` is, in transfer_decoder.state. */
enum {
	QP_TEXT,  /* blanks, which count only if the line goes on */
	QP_EQUAL, /* "=" */
	QP_HEX,	  /* "=" and one hex digit */
	QP_SOFT,  /* "=" and blanks: a soft line break if the line ends now */
	QP_CR,	  /* "=", blanks, CR */
};

static char *qp_flush(struct transfer_decoder *d, char *o)
{
	memcpy(o, d->held, d->held_n);
	o += d->held_n;
	d->held_n = 0;
	d->state = QP_TEXT;
	return o;
}

static char *qp_hold(struct transfer_decoder *d, char c, char *o)
{
	if (d->held_n == sizeof d->held)
		o = qp_flush(d, o);
	d->held[d->held_n++] = c;
	return o;
}

static void qp_drop(struct transfer_decoder *d)
{
	d->held_n = 0;
	d->state = QP_TEXT;
}

static char *qp_text(struct transfer_decoder *d, char c, char *o)
{
	if (lex_is_blank(c))
		return qp_hold(d, c, o);
	if (c == '\r' || c == '\n')
		qp_drop(d);
	o = qp_flush(d, o);
	if (c == '=') {
		d->state = QP_EQUAL;
		return qp_hold(d, c, o);
	}
	*o++ = c;
	return o;
}

/* After "=": a byte that cannot go on makes it text after all. */
static char *qp_escape(struct transfer_decoder *d, char c, char *o)
{
	if (d->state == QP_HEX && lex_hex_value(c) >= 0) {
		*o++ = (char)(lex_hex_value(d->held[1]) << 4 |
			      lex_hex_value(c));
		qp_drop(d);
	} else if (d->state == QP_EQUAL && lex_hex_value(c) >= 0) {
		d->state = QP_HEX;
		o = qp_hold(d, c, o);
	} else if (c == '\n' && d->state != QP_HEX) {
		qp_drop(d);
	} else if (d->state == QP_CR) {
		qp_drop(d); /* a lone CR is a line end, too */
		o = qp_text(d, c, o);
	} else if (c == '\r' && d->state != QP_HEX) {
		d->state = QP_CR;
	} else if (lex_is_blank(c) && d->state != QP_HEX &&
		   d->held_n < sizeof d->held) {
		d->state = QP_SOFT;
		o = qp_hold(d, c, o);
	} else {
		d->damage++;
		o = qp_flush(d, o);
		o = qp_text(d, c, o);
	}
	return o;
}

static char *qp_feed(struct transfer_decoder *d, str in, char *o)
{
	for (size_t i = 0; i < in.n; i++) {
		char c = in.p[i];

		if (d->state != QP_TEXT)
			o = qp_escape(d, c, o);
		else if (d->held_n || c == '=' || c == '\r' || c == '\n' ||
			 lex_is_blank(c))
			o = qp_text(d, c, o);
		else
			*o++ = c;
	}
	return o;
}

/* "=" at the very end is a soft line break; blanks there go. */
static char *qp_finish(struct transfer_decoder *d, char *o)
{
	if (d->state == QP_HEX) {
		d->damage++;
		o = qp_flush(d, o);
	}
	qp_drop(d);
	return o;
}

/* ---- uuencode ---- */

enum { UU_BEFORE, UU_DATA, UU_AFTER };

static unsigned uu_digit(str line, size_t i)
{
	/* A missing digit is a blank that was stripped. */
	return i < line.n ? ((unsigned)(unsigned char)line.p[i] - 32) & 63 : 0;
}

/* A line is its length in bytes, then groups of four digits. It never gives
 * more than the groups that it has, complete or not. */
static char *uu_data(struct transfer_decoder *d, str line, char *o)
{
	size_t n = line.n ? uu_digit(line, 0) : 0;
	size_t have = line.n ? (line.n + 2) / 4 * 3 : 0;

	d->damage += n > have;
	n = n < have ? n : have;
	for (size_t i = 1; n > 0; i += 4) {
		unsigned bits = 0;

		for (size_t k = 0; k < 4; k++)
			bits = bits << 6 | uu_digit(line, i + k);
		for (int shift = 16; shift >= 0 && n > 0; shift -= 8, n--)
			*o++ = (char)(bits >> shift);
	}
	return o;
}

static char *uu_line(struct transfer_decoder *d, char *o)
{
	str line = str_of(d->held, d->held_n);

	while (line.n && line.p[line.n - 1] == '\r')
		line.n--;
	d->held_n = 0;
	if (d->state == UU_BEFORE && str_starts(line, STR("begin ")))
		d->state = UU_DATA;
	else if (d->state == UU_DATA && str_eq(str_trim(line), STR("end")))
		d->state = UU_AFTER;
	else if (d->state == UU_DATA)
		o = uu_data(d, line, o);
	return o;
}

static char *uu_feed(struct transfer_decoder *d, str in, char *o)
{
	for (size_t i = 0; i < in.n; i++) {
		if (in.p[i] == '\n')
			o = uu_line(d, o);
		else if (d->held_n < sizeof d->held)
			d->held[d->held_n++] = in.p[i];
		else
			d->damage++;
	}
	return o;
}

static char *uu_finish(struct transfer_decoder *d, char *o)
{
	o = uu_line(d, o);
	d->damage += d->state != UU_AFTER;
	return o;
}

/* ---- all ---- */

void transfer_decoder_init(struct transfer_decoder *d, enum transfer kind)
{
	*d = (struct transfer_decoder){.kind = kind};
}

/* No decoder writes more than it read plus what it held. */
static char *room_for(struct buf *out, size_t n)
{
	return buf_reserve(out, n + TRANSFER_HELD);
}

void transfer_decoder_feed(struct transfer_decoder *d, str in, struct buf *out)
{
	char *start, *o;

	/* In pieces, so that the room asked for stays small. */
	for (size_t at = 0; at < in.n; at += 4096) {
		str piece = str_take(str_skip(in, at), 4096);

		if (d->kind == TRANSFER_IDENTITY) {
			buf_add(out, piece);
			continue;
		}
		start = o = room_for(out, piece.n);
		if (!o)
			return;
		if (d->kind == TRANSFER_BASE64)
			o = base64_feed(d, piece, o);
		else if (d->kind == TRANSFER_QP)
			o = qp_feed(d, piece, o);
		else
			o = uu_feed(d, piece, o);
		buf_added(out, (size_t)(o - start));
	}
}

void transfer_decoder_finish(struct transfer_decoder *d, struct buf *out)
{
	uint64_t damage;
	char *start, *o;

	start = o = room_for(out, 0);
	if (o) {
		if (d->kind == TRANSFER_BASE64)
			o = base64_finish(d, o);
		else if (d->kind == TRANSFER_QP)
			o = qp_finish(d, o);
		else if (d->kind == TRANSFER_UUENCODE)
			o = uu_finish(d, o);
		buf_added(out, (size_t)(o - start));
	}
	damage = d->damage;
	transfer_decoder_init(d, d->kind);
	d->damage = damage;
}
