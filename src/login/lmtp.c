/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LMTP before the hand-over. Nobody logs in: auth says by the address alone
 * who may deliver, and mail greets. So the client hears nothing from here
 * unless it has to go (RFC 5321 section 3.1: "a 421 ... code" may stand in
 * place of the greeting).
 */
#include "login/login.h"
#include "wire/lmtp/reply.h"

static void begin(struct login *l)
{
	l->mechanism[0] = 0;
}

static void greet(struct login *l, struct buf *out)
{
	(void)l;
	(void)out;
}

static bool step(struct login *l, struct buf *out, enum login_want *want_r)
{
	(void)out;
	/* What the client says before the greeting is mail's to read. */
	if (l->end)
		*want_r = LOGIN_CLOSE;
	else if (l->exchange)
		*want_r = LOGIN_MORE;
	else
		*want_r = LOGIN_AUTH;
	l->exchange += *want_r == LOGIN_AUTH;
	return true;
}

static void fail(struct login *l, enum err err, str reason, struct buf *out)
{
	bool unavailable = err == ERR_UNAVAILABLE;

	/* The words are for whoever reads the sender's log: ours will do. */
	(void)reason;
	lmtp_put(out,
		unavailable ? LMTP_SAY_END_UNAVAILABLE : LMTP_SAY_END_REFUSED);
	l->end = unavailable ? "cannot be served now" : "may not deliver";
}

/* There is nothing that auth could ask. */
static void challenge(struct login *l, str bytes, struct buf *out)
{
	(void)bytes;
	fail(l, ERR_UNAVAILABLE, STR(""), out);
}

static void bye(struct login *l, enum login_bye why, struct buf *out)
{
	static const enum lmtp_say says[] = {
		[LOGIN_BYE_SHUTDOWN] = LMTP_SAY_END_STOPPING,
		[LOGIN_BYE_SLOW] = LMTP_SAY_END_UNAVAILABLE,
		[LOGIN_BYE_TOO_MANY] = LMTP_SAY_END_BUSY,
		[LOGIN_BYE_TOO_MANY_OF_PEER] = LMTP_SAY_END_BUSY,
	};

	(void)l;
	lmtp_put(out, says[why]);
}

const struct login_protocol login_lmtp = {
	.name = "lmtp",
	.many = true,
	.begin = begin,
	.greet = greet,
	.step = step,
	.challenge = challenge,
	.fail = fail,
	.bye = bye,
};
