/* SPDX-License-Identifier: Apache-2.0 */
/* APPEND and REPLACE, whose message the parser never sees. */
#include "wire/imap/parse.h"
#include "wire/imap/parser.h"

/* \Recent among the flags of a message to be appended is ignored. For imapsync
 * and other movers, which repeat the flags that FETCH gave them. */
static void tolerate_recent(struct flag_list *flags)
{
	flags->recent = false;
}

/* append-opts = [SP flag-list] [SP date-time] (RFC 4466), and the SP before
 * append-data. */
static void append_opts(struct imap_parser *p, struct imap_append *a)
{
	imap_sp(p);
	if (cursor_peek(&p->c) == '(') {
		a->flags = imap_flag_list(p);
		tolerate_recent(&a->flags);
		imap_sp(p);
	}
	if (cursor_peek(&p->c) == '"') {
		a->date = imap_date_time(p);
		a->has_date = cursor_ok(&p->c);
		imap_sp(p);
	}
}

/* append = "APPEND" SP mailbox [SP flag-list] [SP date-time] SP literal */
void imap_parse_append(struct imap_parser *p, struct imap_command *cmd)
{
	imap_sp(p);
	cmd->append.mailbox = imap_mailbox(p);
	append_opts(p, &cmd->append);
	imap_announcement(p, &cmd->append);
}

/* seq-number = nz-number / "*" */
static struct seqset seq_number(struct imap_parser *p)
{
	struct cursor before = p->c;
	struct seqset set = imap_sequence_set(p);

	if (cursor_ok(&p->c) &&
		(set.saved || set.count != 1 ||
			set.ranges[0].from != set.ranges[0].to)) {
		p->c = before;
		imap_expected(p, "one message");
	}
	return set;
}

/* replace = "REPLACE" SP seq-number SP mailbox append-message (RFC 8508) */
void imap_parse_replace(struct imap_parser *p, struct imap_command *cmd)
{
	imap_sp(p);
	cmd->append.replaced = seq_number(p);
	imap_parse_append(p, cmd);
}

enum err imap_parse_append_next(
	struct arena *arena, str text, struct imap_append *append_r)
{
	struct imap_parser p = imap_parser_of(arena, text, false);

	append_r->flags = (struct flag_list){0};
	append_r->has_date = false;
	append_opts(&p, append_r);
	imap_announcement(&p, append_r);
	return imap_ok(&p) ? OK : p.c.err;
}

/* Enough for the flags and the mailbox's name, a few times over. */
static void scratch_init(struct arena *scratch, str text)
{
	arena_init(scratch, 65536 + text.n * 8);
}

/* "APPEND" / ["UID" SP] "REPLACE" SP seq-number */
static void verb(struct imap_parser *p)
{
	if (cursor_accept_istr(&p->c, STR("APPEND")))
		return;
	(void)cursor_accept_istr(&p->c, STR("UID "));
	if (!cursor_accept_istr(&p->c, STR("REPLACE")))
		imap_expected(p, "APPEND or REPLACE");
	imap_sp(p);
	seq_number(p);
}

enum imap_append_expects imap_append_expects(str text)
{
	struct arena scratch;
	struct imap_parser p;
	struct imap_append append;
	enum imap_append_expects expects = IMAP_APPEND_NOTHING;

	scratch_init(&scratch, text);
	p = imap_parser_of(&scratch, text, true);
	imap_tag(&p);
	imap_sp(&p);
	verb(&p);
	imap_sp(&p);
	if (cursor_ok(&p.c) && cursor_done(&p.c)) {
		expects = IMAP_APPEND_MAILBOX;
	} else {
		imap_mailbox(&p);
		append_opts(&p, &append);
		if (imap_ok(&p) && cursor_done(&p.c))
			expects = IMAP_APPEND_MESSAGE;
	}
	arena_fini(&scratch);
	return expects;
}

enum imap_append_expects imap_append_next_expects(str text)
{
	struct arena scratch;
	struct imap_parser p;
	struct imap_append append;
	bool complete;

	scratch_init(&scratch, text);
	p = imap_parser_of(&scratch, text, true);
	append_opts(&p, &append);
	complete = imap_ok(&p) && cursor_done(&p.c);
	arena_fini(&scratch);
	return complete ? IMAP_APPEND_MESSAGE : IMAP_APPEND_NOTHING;
}
