/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/sasl.h"
#include "auth/sasl_steps.h"
#include "auth/text.h"
#include "base/alloc.h"

#include <assert.h>
#include <stdlib.h>

/* More than any mechanism takes. */
#define ROUNDS_MAX 8

static sasl_step_fn *const steps[MECHANISM_COUNT] = {
	[MECHANISM_NUMBER_EXTERNAL] = sasl_external_step,
	[MECHANISM_NUMBER_SCRAM_SHA_256_PLUS] = sasl_scram_step,
	[MECHANISM_NUMBER_SCRAM_SHA_256] = sasl_scram_step,
	[MECHANISM_NUMBER_SCRAM_SHA_1_PLUS] = sasl_scram_step,
	[MECHANISM_NUMBER_SCRAM_SHA_1] = sasl_scram_step,
	[MECHANISM_NUMBER_OAUTHBEARER] = sasl_oauthbearer_step,
	[MECHANISM_NUMBER_XOAUTH2] = sasl_xoauth2_step,
	[MECHANISM_NUMBER_PLAIN] = sasl_plain_step,
	[MECHANISM_NUMBER_LOGIN] = sasl_login_step,
	[MECHANISM_NUMBER_ANONYMOUS] = sasl_anonymous_step,
	[MECHANISM_NUMBER_APOP] = sasl_apop_step,
};

static str copy_of(str s)
{
	return str_of(xstrndup(s.p ? s.p : "", s.n), s.n);
}

void sasl_init(struct sasl *s, const struct mechanism_row *mechanism,
	const struct sasl_facts *facts)
{
	*s = (struct sasl){.mechanism = mechanism,
		.authzid = BUF_UNBOUNDED,
		.authcid = BUF_UNBOUNDED,
		.trace = BUF_UNBOUNDED,
		.stamp = BUF_UNBOUNDED,
		.reason = "",
		.facts = *facts};
	if (s->facts.binding_count > SASL_BINDINGS_MAX)
		s->facts.binding_count = SASL_BINDINGS_MAX;
	for (size_t i = 0; i < s->facts.binding_count; i++)
		s->bindings[i] =
			(struct sasl_binding){copy_of(facts->bindings[i].name),
				copy_of(facts->bindings[i].data)};
	s->facts.bindings = s->bindings;
	s->facts.certificate = copy_of(facts->certificate);
}

void sasl_fini(struct sasl *s)
{
	for (size_t i = 0; i < s->facts.binding_count; i++) {
		free((char *)(uintptr_t)s->bindings[i].name.p);
		free((char *)(uintptr_t)s->bindings[i].data.p);
	}
	free((char *)(uintptr_t)s->facts.certificate.p);
	buf_fini(&s->authzid);
	buf_fini(&s->authcid);
	buf_fini(&s->trace);
	buf_fini(&s->stamp);
	secret_fini(&s->password);
	secret_fini(&s->token);
	sasl_scram_fini(s);
}

enum sasl_step sasl_malformed(struct sasl *s, const char *reason)
{
	s->reason = reason;
	return SASL_MALFORMED;
}

enum sasl_step sasl_wrong(struct sasl *s, const char *reason)
{
	s->reason = reason;
	return SASL_WRONG;
}

/* What ends the exchange, and what may come after. */
static enum sasl_step note(
	struct sasl *s, enum sasl_step step, const struct buf *challenge)
{
	if (step == SASL_WRONG && challenge->n > 0)
		s->refused = true;
	s->over = step != SASL_CHALLENGE && step != SASL_KEYS &&
		  (step != SASL_WRONG || challenge->n == 0);
	return step;
}

static enum sasl_step step_once(
	struct sasl *s, str response, struct buf *challenge)
{
	if (s->over)
		return sasl_malformed(s, "exchange is over");
	if (s->refused) /* the reason stands */
		return SASL_REFUSED;
	if (response.n > SASL_RESPONSE_MAX)
		return sasl_malformed(s, "response is too long");
	if (s->round > ROUNDS_MAX)
		return sasl_malformed(s, "too many responses");
	/* A client that was told to send its first response and did not. */
	if (s->round > 0 && str_is_none(response))
		return sasl_malformed(s, "no response");
	return steps[s->mechanism - mechanisms](s, response, challenge);
}

enum sasl_step sasl_step(struct sasl *s, str response, struct buf *challenge)
{
	enum sasl_step step;

	buf_reset(challenge);
	step = note(s, step_once(s, response, challenge), challenge);
	s->round++;
	return step;
}

/* RFC 4422 appendix A.2:
 *	external-initial-response = *( UTF8-char-no-nul )
 */
enum sasl_step sasl_external_step(
	struct sasl *s, str response, struct buf *challenge)
{
	(void)challenge;
	if (s->facts.certificate.n == 0)
		return sasl_malformed(s, "no client certificate");
	if (str_is_none(response))
		return SASL_CHALLENGE;
	if (response.n > SASL_NAME_MAX || !text_is_utf8(response) ||
		memchr(response.p, '\0', response.n))
		return sasl_malformed(s, "malformed authorization identity");
	buf_add(&s->authzid, response);
	buf_add(&s->authcid, s->facts.certificate);
	return SASL_DONE;
}

/* RFC 4505 section 2, in octets. */
#define TRACE_MAX 1020

/* Section 3, the "trace" profile: no control characters. It is not prepared
 * further: nothing is compared with it. */
static bool is_trace(str s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c < 0x20 || c == 0x7f)
			return false;
		if (c == 0xc2 && i + 1 < s.n &&
			(unsigned char)s.p[i + 1] < 0xa0) /* U+0080..9F */
			return false;
	}
	return s.n <= TRACE_MAX && text_is_utf8(s);
}

/* RFC 4505 section 2:
 *	message = [ email / token ]
 */
enum sasl_step sasl_anonymous_step(
	struct sasl *s, str response, struct buf *challenge)
{
	(void)challenge;
	if (str_is_none(response))
		return SASL_CHALLENGE;
	if (!is_trace(response))
		return sasl_malformed(s, "malformed trace");
	buf_add(&s->trace, response);
	return SASL_DONE;
}
