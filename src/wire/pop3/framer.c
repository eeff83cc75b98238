/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/pop3/framer.h"

void pop3_framer_init(struct pop3_framer *f, size_t limit)
{
	*f = (struct pop3_framer){.limit = limit};
}

static struct pop3_frame refuse(struct pop3_framer *f, size_t n, bool ended)
{
	bool told = f->skipping;

	f->skipping = !ended;
	f->seen = 0;
	return (struct pop3_frame){
		.kind = told ? POP3_FRAME_SKIP : POP3_FRAME_ERROR, .n = n};
}

struct pop3_frame pop3_framer_step(struct pop3_framer *f, str input)
{
	size_t at = f->seen + str_find_byte(str_skip(input, f->seen), '\n');
	bool ended = at < input.n;
	size_t n = ended ? at + 1 : input.n;
	str text;

	if (n > f->limit || (n == f->limit && !ended) || (f->skipping && n))
		return refuse(f, n, ended);
	if (!ended) {
		f->seen = input.n;
		return (struct pop3_frame){.kind = POP3_FRAME_MORE};
	}
	f->seen = 0;
	text = str_take(input, at);
	if (text.n && text.p[text.n - 1] == '\r')
		text.n--;
	return (struct pop3_frame){
		.kind = POP3_FRAME_LINE, .text = text, .n = n};
}
