/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/lmtp/dot.h"

/* How far bytes go as they are: to the dot of a line, or all the way. */
static size_t scan(struct lmtp_dot *d, str in)
{
	size_t i = 0;

	while (i < in.n && d->state != LMTP_DOT_DOT) {
		switch (d->state) {
		case LMTP_DOT_LINE:
			d->state =
				in.p[i] == '.' ? LMTP_DOT_DOT : LMTP_DOT_INSIDE;
			break;
		case LMTP_DOT_CR:
			if (in.p[i] == '\n') {
				d->state = LMTP_DOT_LINE;
				i++;
			} else {
				d->state = LMTP_DOT_INSIDE;
			}
			break;
		default:
			i += str_find_byte(str_skip(in, i), '\r') + 1;
			d->state = i > in.n ? LMTP_DOT_INSIDE : LMTP_DOT_CR;
			break;
		}
	}
	return i < in.n ? i : in.n;
}

struct lmtp_dot_piece lmtp_dot_step(struct lmtp_dot *d, str in)
{
	struct lmtp_dot_piece piece = {0, STR_LIT(""), false};

	if (in.n == 0)
		return piece;
	if (d->state == LMTP_DOT_DOT) {
		/* The dot is gone; was it alone on its line? */
		piece.n = in.p[0] == '\r';
		d->state = piece.n ? LMTP_DOT_DOT_CR : LMTP_DOT_INSIDE;
	} else if (d->state == LMTP_DOT_DOT_CR) {
		piece.end = in.p[0] == '\n';
		piece.n = piece.end;
		if (!piece.end) {
			piece.bytes = STR("\r");
			d->state = LMTP_DOT_CR;
		}
	} else {
		size_t n = scan(d, in);

		piece.bytes = str_take(in, n);
		piece.n = n + (d->state == LMTP_DOT_DOT);
	}
	return piece;
}
