/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MESSAGELIMIT and SAVELIMIT: RFC 9738. A command that names more messages than
 * it may process does so with those of the highest UIDs, from high to low, and
 * says which was the last; or with none, where it is all or nothing.
 */
#include "imap/private.h"

/* The lowest of the highest n. */
static uid_num lowest_of(const struct uidset *uids, uint32_t n)
{
	return uidset_select(uids, uidset_count(uids) - n + 1);
}

void imap_limit(struct imap *s, struct uidset *uids)
{
	uint32_t n = session_service_limits(s->session.service).messages;

	if (!n || uidset_count(uids) <= n)
		return;
	s->limit = n;
	s->lowest = lowest_of(uids, n);
	uidset_remove_range(uids, 1, s->lowest - 1);
}

enum err imap_limit_all(struct imap *s, const struct uidset *uids)
{
	uint32_t n = session_service_limits(s->session.service).messages;

	if (!n || uidset_count(uids) <= n)
		return OK;
	s->limit = n;
	return ERR_LIMIT;
}

/* Section 3.1: which would have been the lowest of as many as are allowed. */
enum err imap_limit_copy(struct imap *s, const struct uidset *uids)
{
	struct session_limits limits =
		session_service_limits(s->session.service);
	uint32_t soft = limits.messages ? limits.messages : limits.save;
	uint32_t hard =
		!limits.messages && limits.copy > soft ? limits.copy : soft;

	if (!soft || uidset_count(uids) <= hard)
		return OK;
	s->limit = soft;
	s->lowest = lowest_of(uids, soft);
	return ERR_LIMIT;
}

uint32_t imap_limit_append(struct imap *s)
{
	struct session_limits limits =
		session_service_limits(s->session.service);

	return limits.messages ? limits.messages : limits.save;
}

static void put_code(const struct imap *s, struct buf *out)
{
	buf_addf(out, "[MESSAGELIMIT %u", s->limit);
	if (s->lowest)
		buf_addf(out, " %u", s->lowest);
	buf_add_c(out, "] ");
}

/* One answer has one code: others come first, as EXPUNGEISSUED does in section
 * 3.1. */
void imap_tell_limit(struct imap *s, enum err e, struct imap_reply *reply)
{
	bool others = reply->code.n || reply->highest;

	if (!s->limit || reply->bad)
		return;
	if (others || (e && e != ERR_LIMIT)) {
		buf_add_c(imap_out(s), "* NO ");
		put_code(s, imap_out(s));
		buf_add_c(imap_out(s), "Only the last messages\r\n");
		return;
	}
	put_code(s, &reply->code);
	reply->no = e != OK;
	reply->text = e ? "Too many messages, try a smaller subset"
			: "Done with the last messages";
}
