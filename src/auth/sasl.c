/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/sasl.h"
#include "auth/text.h"
#include "base/alloc.h"
#include "base/cursor.h"

/* RFC 4616 section 2: each up to 255 octets must be accepted; passwords are as
 * long as a hash takes them. */
#define NAME_MAX_BYTES 255
#define PASSWORD_MAX_BYTES 511

/*
 * RFC 4616 section 2:
 *	message   = [authzid] UTF8NUL authcid UTF8NUL passwd
 *	authcid   = 1*SAFE ; MUST accept up to 255 octets
 *	authzid   = 1*SAFE ; MUST accept up to 255 octets
 *	passwd    = 1*SAFE ; MUST accept up to 255 octets
 */
static enum sasl_step plain_step(
	struct sasl *s, str response, struct buf *challenge)
{
	struct cursor c = cursor_of(response);
	str authzid, authcid, password;

	(void)challenge;
	if (str_is_none(response)) /* the client speaks first */
		return SASL_CHALLENGE;
	authzid = cursor_until(&c, '\0');
	cursor_expect(&c, '\0', "NUL after the authorization identity");
	authcid = cursor_until(&c, '\0');
	cursor_expect(&c, '\0', "NUL after the authentication identity");
	password = cursor_rest(&c);
	if (!cursor_ok(&c) || authcid.n == 0 || password.n == 0 ||
		authzid.n > NAME_MAX_BYTES || authcid.n > NAME_MAX_BYTES ||
		password.n > PASSWORD_MAX_BYTES ||
		str_find_byte(password, '\0') < password.n ||
		!text_is_utf8(response))
		return SASL_MALFORMED;
	buf_add(&s->authzid, authzid);
	buf_add(&s->authcid, authcid);
	s->password = secret_of(password);
	return SASL_VERIFY;
}

const struct sasl_mechanism sasl_mechanisms[] = {
	{"PLAIN", true, plain_step},
};
const size_t sasl_mechanism_count = COUNT_OF(sasl_mechanisms);

const struct sasl_mechanism *sasl_find(str name)
{
	for (size_t i = 0; i < COUNT_OF(sasl_mechanisms); i++)
		if (str_ieq_c(name, sasl_mechanisms[i].name))
			return &sasl_mechanisms[i];
	return NULL;
}

void sasl_init(struct sasl *s, const struct sasl_mechanism *mechanism)
{
	*s = (struct sasl){.mechanism = mechanism,
		.authzid = BUF_UNBOUNDED,
		.authcid = BUF_UNBOUNDED};
}

void sasl_fini(struct sasl *s)
{
	buf_fini(&s->authzid);
	buf_fini(&s->authcid);
	secret_fini(&s->password);
}

enum sasl_step sasl_step(struct sasl *s, str response, struct buf *challenge)
{
	enum sasl_step step;

	buf_reset(challenge);
	/* No mechanism takes that many; a client that was told to send its
	 * first response and did not, is done. */
	if (response.n > SASL_RESPONSE_MAX || s->round > 8 ||
		(s->round > 0 && str_is_none(response)))
		return SASL_MALFORMED;
	step = s->mechanism->step(s, response, challenge);
	s->round++;
	return step;
}
