/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/sasl_steps.h"
#include "auth/text.h"
#include "base/cursor.h"

enum sasl_step sasl_scram_step(
	struct sasl *s, str response, struct buf *challenge)
{
	(void)response;
	(void)challenge;
	return sasl_malformed(s, "not there yet");
}

enum sasl_step sasl_set_keys(
	struct sasl *s, const struct scram_keys *keys, struct buf *challenge)
{
	(void)keys;
	(void)challenge;
	return sasl_malformed(s, "not there yet");
}

void sasl_scram_fini(struct sasl *s)
{
	(void)s;
}

enum scram_hash sasl_scram_hash(const struct sasl *s)
{
	return s->mechanism->bit == MECHANISM_SCRAM_SHA_1 ||
			       s->mechanism->bit == MECHANISM_SCRAM_SHA_1_PLUS
		       ? SCRAM_SHA_1
		       : SCRAM_SHA_256;
}

/* saslname = 1*(value-safe-char / "=2C" / "=3D") */
bool sasl_read_saslname(str s, struct buf *name_r)
{
	struct cursor c = cursor_of(s);
	size_t start = name_r->n;

	while (!cursor_done(&c)) {
		if (cursor_accept_str(&c, STR("=2C")))
			buf_add_byte(name_r, ',');
		else if (cursor_accept_str(&c, STR("=3D")))
			buf_add_byte(name_r, '=');
		else if (strchr("=,", *c.at)) /* NUL as well */
			return false;
		else
			buf_add_byte(name_r, *c.at++);
	}
	s = str_skip(buf_str(name_r), start);
	return s.n > 0 && s.n <= SASL_NAME_MAX && text_is_utf8(s);
}
