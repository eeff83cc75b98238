/* SPDX-License-Identifier: Apache-2.0 */
/* Commands of any state, and those that are about the session itself. */
#include "base/log.h"
#include "imap/private.h"
#include "wire/imap/capability.h"

void imap_tell_capabilities(struct imap *s)
{
	struct session_limits limits =
		session_service_limits(s->session.service);
	struct imap_capability_view view = {
		.authenticated = true,
		.tls = s->session.tls,
		.literal_minus = s->limits.nonsync == IMAP_LITERAL_MINUS,
		.append_limit = s->limits.body,
		.save_limit = limits.save,
		.message_limit = limits.messages,
		.unauthenticate = limits.unauthenticate,
	};

	imap_put_capabilities(imap_out(s), &view);
}

enum err imap_capability(
	struct imap *s, struct imap_command *c, struct imap_reply *reply)
{
	(void)c;
	(void)reply;
	buf_add_c(imap_out(s), "* CAPABILITY ");
	imap_tell_capabilities(s);
	buf_add_c(imap_out(s), "\r\n");
	return OK;
}

/* The dispatcher tells what is new. */
enum err imap_noop(
	struct imap *s, struct imap_command *c, struct imap_reply *reply)
{
	(void)s;
	(void)c;
	(void)reply;
	return OK;
}

enum err imap_check(
	struct imap *s, struct imap_command *c, struct imap_reply *reply)
{
	/* Everything is on stable storage already. */
	return imap_noop(s, c, reply);
}

enum err imap_logout(
	struct imap *s, struct imap_command *c, struct imap_reply *reply)
{
	(void)c;
	imap_unselect(s);
	buf_add_c(imap_out(s), "* BYE Logging out\r\n");
	s->logged_out = true;
	reply->no_sync = true;
	return OK;
}

/* RFC 2971: what the client is goes to the log, at debug level. */
enum err imap_id(
	struct imap *s, struct imap_command *c, struct imap_reply *reply)
{
	struct session_limits limits =
		session_service_limits(s->session.service);

	(void)reply;
	for (const struct imap_id *id = c->id; id; id = id->next)
		if (!str_is_none(id->value))
			log_debug("imap", "client",
				LOG_C("session", s->session.id),
				LOG_STR("field", id->field),
				LOG_STR("value", id->value));
	imap_put_id(imap_out(s), limits.id_name,
		limits.id_version ? CULVER_VERSION : NULL);
	return OK;
}

/* True when it is one, and not on already. */
static bool enable(struct imap *s, str name)
{
	bool rev2 = str_ieq_c(name, "IMAP4rev2") && !s->rev2;
	bool qresync = str_ieq_c(name, "QRESYNC") && !s->qresync;
	bool uidonly = str_ieq_c(name, "UIDONLY") && !s->uidonly;
	bool metadata = str_ieq_c(name, "METADATA") && !s->metadata;
	/* May be on because of some other command. */
	bool condstore = str_ieq_c(name, "CONDSTORE");
	bool accept = str_ieq_c(name, "UTF8=ACCEPT") && !s->accept;

	s->rev2 = s->rev2 || rev2;
	s->accept = s->accept || accept;
	s->utf8 = s->rev2 || s->accept;
	s->qresync = s->qresync || qresync;
	s->uidonly = s->uidonly || uidonly;
	s->metadata = s->metadata || metadata;
	if (uidonly)
		imap_contexts_end_numbers(s);
	if (condstore || qresync)
		imap_enable_condstore(s);
	if (metadata)
		imap_notify_annotations(s);
	return rev2 || qresync || condstore || uidonly || metadata || accept;
}

/* RFC 5161 and RFC 9051 section 6.3.1: unknown ones are ignored. */
enum err imap_enable(
	struct imap *s, struct imap_command *c, struct imap_reply *reply)
{
	struct buf enabled = BUF_UNBOUNDED;

	(void)reply;
	for (const struct imap_atom *a = c->enable; a; a = a->next)
		if (enable(s, a->text))
			buf_addf(&enabled, " %.*s", STR_ARG(a->text));
	buf_addf(imap_out(s), "* ENABLED%.*s\r\n", STR_ARG(buf_str(&enabled)));
	buf_fini(&enabled);
	return OK;
}

/* RFC 2342. */
enum err imap_namespace(
	struct imap *s, struct imap_command *c, struct imap_reply *reply)
{
	(void)c;
	(void)reply;
	buf_add_c(imap_out(s), "* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n");
	return OK;
}

/* RFC 2177: news come as they happen, until DONE. */
enum err imap_idle(
	struct imap *s, struct imap_command *c, struct imap_reply *reply)
{
	(void)c;
	(void)reply;
	buf_add_c(imap_out(s), "+ idling\r\n");
	imap_framer_set_line_mode(&s->framer, true);
	s->doing = IMAP_DOING_IDLE;
	/* First this, so that no change falls between. */
	s->idling = true;
	/* A FETCH response in IDLE has the UID (RFC 9051 section 6.3.13). */
	if (s->selected && imap_sync(s, true, true))
		log_warn("imap", "cannot tell changes",
			LOG_C("session", s->session.id));
	return ERR_AGAIN;
}

/* RFC 4978: all that follows the tagged answer. */
enum err imap_compress(
	struct imap *s, struct imap_command *c, struct imap_reply *reply)
{
	if (s->session.zip)
		return ERR_INUSE;
	if (!str_ieq_c(c->compress, "DEFLATE"))
		return ERR_UNSUPPORTED;
	s->compress_next = true;
	reply->text = "DEFLATE active";
	return OK;
}

/* RFC 8437: all of the session ends, and the client may log in again. What it
 * had selected is left without a word. */
enum err imap_unauthenticate(
	struct imap *s, struct imap_command *c, struct imap_reply *reply)
{
	(void)c;
	if (!session_service_limits(s->session.service).unauthenticate) {
		reply->bad = true;
		reply->text = "Not allowed here";
		return OK;
	}
	imap_unselect(s);
	s->leaving = true;
	reply->no_sync = true;
	return OK;
}

enum err imap_idle_line(struct imap *s, str line)
{
	s->idling = false;
	imap_framer_set_line_mode(&s->framer, false);
	return str_ieq_c(line, "DONE") ? OK : ERR_INVALID;
}
