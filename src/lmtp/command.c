/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"
#include "base/log.h"
#include "lmtp/private.h"

#include <stdlib.h>

static void replace(char **at, str text)
{
	free(*at);
	*at = xstrndup(text.p, text.n);
}

/* RFC 5321 section 4.1.4: LHLO forgets a transaction, as RSET does. */
static void do_lhlo(struct lmtp *s, const struct lmtp_command *cmd)
{
	struct session_limits limits =
		session_service_limits(s->session.service);

	lmtp_transaction_end(s);
	s->state = LMTP_READY;
	replace(&s->helo, cmd->text);
	lmtp_put_extensions(lmtp_out(s), str_c(limits.host), limits.literal,
		s->session.rights & TICKET_MAY_XCLIENT);
}

/* Of the parameters only SIZE, BODY and SMTPUTF8 mean something here. RET,
 * ENVID and AUTH are a relay's matter: nothing is sent on, and reports about
 * what fails here are made by who asked for the delivery (RFC 2033 section 3).
 */
static void do_mail(struct lmtp *s, const struct lmtp_command *cmd)
{
	const struct lmtp_mail *mail = &cmd->mail;
	uint64_t most = session_service_limits(s->session.service).literal;

	if (mail->has_size && mail->size > most) {
		lmtp_say(s, LMTP_SAY_TOO_BIG);
		return;
	}
	lmtp_transaction_begin(s, mail);
	lmtp_say(s, LMTP_SAY_SENDER_OK);
}

static void do_rcpt(struct lmtp *s, const struct lmtp_command *cmd)
{
	struct session_limits limits =
		session_service_limits(s->session.service);

	if (s->t.recipient_count >= limits.recipients)
		lmtp_say(s, LMTP_SAY_TOO_MANY_RECIPIENTS);
	else
		lmtp_ask(s, cmd->rcpt.to.address);
}

static void do_data(struct lmtp *s, const struct lmtp_command *cmd)
{
	(void)cmd;
	/* RFC 3030 section 3: "BINARYMIME cannot be used with the DATA
	 * command." */
	if (s->t.binary) {
		lmtp_say(s, LMTP_SAY_NEEDS_BDAT);
		return;
	}
	lmtp_message_begin(s);
	s->dot = (struct lmtp_dot){0};
	s->doing = LMTP_DOING_DATA;
	lmtp_say(s, LMTP_SAY_GO_AHEAD);
}

/* Also out of order: its bytes come all the same. */
static void take_bdat(
	struct lmtp *s, const struct lmtp_command *cmd, enum lmtp_say wrong)
{
	s->wrong = wrong;
	s->left = cmd->bdat.size;
	s->last = cmd->bdat.last;
	s->doing = LMTP_DOING_CHUNK;
	if (wrong || s->state == LMTP_SENDER)
		return;
	if (s->state == LMTP_RECIPIENTS)
		lmtp_message_begin(s);
	s->state = LMTP_CHUNKS;
}

static void do_rset(struct lmtp *s, const struct lmtp_command *cmd)
{
	(void)cmd;
	lmtp_transaction_end(s);
	lmtp_say(s, LMTP_SAY_RESET);
}

static void do_noop(struct lmtp *s, const struct lmtp_command *cmd)
{
	(void)cmd;
	lmtp_say(s, LMTP_SAY_OK);
}

static void do_quit(struct lmtp *s, const struct lmtp_command *cmd)
{
	(void)cmd;
	lmtp_say(s, LMTP_SAY_BYE);
	s->ended = true;
}

/* RFC 5321 section 7.3: no telling who exists, but by RCPT. */
static void do_vrfy(struct lmtp *s, const struct lmtp_command *cmd)
{
	(void)cmd;
	lmtp_say(s, LMTP_SAY_NOT_VERIFIED);
}

static void do_help(struct lmtp *s, const struct lmtp_command *cmd)
{
	(void)cmd;
	lmtp_put_help(lmtp_out(s));
}

/* What was told holds from here on, and the session begins anew; who may say
 * XCLIENT stays whom the connection comes from. */
static void do_xclient(struct lmtp *s, const struct lmtp_command *cmd)
{
	struct session_limits limits =
		session_service_limits(s->session.service);

	for (size_t i = 0; i < LMTP_XCLIENT_COUNT; i++)
		if (!str_is_none(cmd->xclient.value[i]))
			replace(&s->told[i], cmd->xclient.value[i]);
	log_info("lmtp", "speaks for another", LOG_C("session", s->session.id),
		LOG_C("remote", s->session.remote),
		LOG_STR("client", lmtp_client_address(s)));
	lmtp_transaction_end(s);
	s->state = LMTP_NEW;
	lmtp_put_greeting(lmtp_out(s), str_c(limits.host));
}

static void (*const executors[LMTP_VERB_COUNT])(
	struct lmtp *, const struct lmtp_command *) = {
	[LMTP_LHLO] = do_lhlo,
	[LMTP_MAIL] = do_mail,
	[LMTP_RCPT] = do_rcpt,
	[LMTP_DATA] = do_data,
	[LMTP_RSET] = do_rset,
	[LMTP_NOOP] = do_noop,
	[LMTP_QUIT] = do_quit,
	[LMTP_VRFY] = do_vrfy,
	[LMTP_HELP] = do_help,
	[LMTP_XCLIENT] = do_xclient,
};

/* A size that cannot be read: where the next command begins is unknown, and
 * nothing of a message may be taken for one. */
static void lose_step(struct lmtp *s, enum lmtp_say say)
{
	lmtp_say(s, say);
	lmtp_put(lmtp_out(s), LMTP_SAY_END_LOST);
	lmtp_transaction_end(s);
	s->doing = LMTP_DOING_LEAVE;
}

static void execute(
	struct lmtp *s, const struct lmtp_command *cmd, enum lmtp_say wrong)
{
	if (cmd->verb == LMTP_XCLIENT &&
		!(s->session.rights & TICKET_MAY_XCLIENT))
		wrong = LMTP_SAY_NO_XCLIENT;
	if (wrong && cmd->verb == LMTP_BDAT) {
		lose_step(s, wrong);
		return;
	}
	if (!wrong)
		wrong = lmtp_out_of_order(cmd->verb, s->state);
	if (cmd->verb == LMTP_BDAT)
		take_bdat(s, cmd, wrong);
	else if (wrong)
		lmtp_say(s, wrong);
	else
		executors[cmd->verb](s, cmd);
}

void lmtp_execute(struct lmtp *s, str line)
{
	struct arena *arena = &s->session.arena;
	struct lmtp_command cmd;
	enum lmtp_say wrong = lmtp_parse(arena, line, s->t.utf8, &cmd);

	log_debug("lmtp", "command", LOG_C("session", s->session.id),
		LOG_STR("verb", lmtp_command_table[cmd.verb].name));
	execute(s, &cmd, wrong);
	arena_reset(arena);
}
