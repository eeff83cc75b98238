/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far a command is that takes long: RFC 9585. What reads many messages
 * tells between batches, with no transaction open. What changes many is one
 * write, which tells from within (struct mail_progress): into the output
 * buffer, of which the socket takes at once what it takes. Nobody waits for the
 * client there. While the messages of an APPEND come nothing is told: their
 * sender knows how far he is; of what is read from URLs (CATENATE) he does not.
 */
#include "base/clock.h"
#include "imap/private.h"

#define EVERY_MS 12000
/* What waits for a client that does not read. */
#define WAITS_MAX 4096

static bool is_due(struct imap *s)
{
	int64_t every = session_service_limits(s->session.service).progress_ms;
	uint64_t now;

	if (imap_out(s)->n - s->session.out_at >= WAITS_MAX)
		return false;
	now = clock_monotonic_ms();
	if (every == 0)
		every = EVERY_MS;
	if (every > 0 && now - s->progress_at < (uint64_t)every)
		return false;
	s->progress_at = now;
	return true;
}

void imap_tell_progress(struct imap *s, uint32_t done, uint32_t of)
{
	struct buf *out = imap_out(s);
	str tag;

	if (!s->command || done >= of || !is_due(s))
		return;
	tag = s->command->tag;
	buf_add_c(out, "* OK [INPROGRESS (");
	if (str_find_byte(tag, ']') < tag.n)
		buf_add_c(out, "NIL");
	else
		imap_put_string(out, tag, false);
	buf_addf(out, " %u %u)] Still working\r\n", done, of);
	/* An error is remembered by the session. */
	(void)!session_flush(&s->session);
}

static void tell(struct mail_progress *progress, uint32_t done, uint32_t of)
{
	struct imap *s = LOOP_OWNER(progress, struct imap, progress);

	if (!s->fetch_is_news)
		imap_tell_progress(s, done, of);
}

void imap_progress_begin(struct imap *s)
{
	s->progress.tell = tell;
	s->session.user.progress = &s->progress;
	if (s->selected)
		s->selected->ref.progress = &s->progress;
	s->progress_at = clock_monotonic_ms();
}
