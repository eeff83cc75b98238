/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parser: the tokens that all commands are made of, for the parse_*.c files
 * only. Each function is an ABNF rule of RFC 9051 section 9 (or the RFC that
 * its comment names) and takes what it describes from the cursor. The error
 * sticks in the cursor: after it all of them do nothing and give nothing, so
 * loops over input end when imap_ok() says so.
 */
#ifndef WIRE_IMAP_PARSER_H
#define WIRE_IMAP_PARSER_H

#include "base/cursor.h"
#include "wire/imap/command.h"

struct imap_parser {
	struct cursor c;
	struct arena *arena;
	/* Quoted strings may be UTF-8; mailbox names are. */
	bool utf8;
	/* Quoted strings may be UTF-8 all the same: see tolerate_utf8_quoted
	 * in parser.c. */
	bool utf8_quoted;
	bool utf8_alone; /* as in enum imap_dialect */
	unsigned depth;
	unsigned keys; /* of SEARCH, so far */
	str charset;   /* of SEARCH */
};

struct imap_parser imap_parser_of(struct arena *, str text, unsigned dialect);

/* No error yet, and the arena has not passed its budget. */
bool imap_ok(struct imap_parser *);
void imap_expected(struct imap_parser *, const char *what);
/* Guards recursion: fails beyond max; imap_leave when it was true. */
bool imap_enter(struct imap_parser *, unsigned max);
void imap_leave(struct imap_parser *);

bool imap_is_atom_char(char);
bool imap_is_astring_char(char);

/* The longest run of such bytes; one at least. */
str imap_take_while(
	struct imap_parser *, bool (*belongs)(char), const char *what);
void imap_sp(struct imap_parser *);
/* SP when it is there, and something other than the line's end behind it. */
bool imap_accept_sp(struct imap_parser *);
/* Items of a list in parentheses: imap_open, then the first item, and further
 * ones while imap_next_item() (which takes SP or ")"). imap_open_some: false
 * for "()". */
void imap_open(struct imap_parser *);
bool imap_open_some(struct imap_parser *);
bool imap_next_item(struct imap_parser *);

str imap_tag(struct imap_parser *);
str imap_atom(struct imap_parser *, const char *what);
/* Letters, digits and dots: the names of fetch items, sections. */
str imap_word(struct imap_parser *);
str imap_astring(struct imap_parser *, const char *what);
str imap_quoted(struct imap_parser *);
str imap_string(struct imap_parser *, const char *what);
str imap_nstring(struct imap_parser *, const char *what);
/* nstring / literal8 */
str imap_nstring8(struct imap_parser *, const char *what);
/* "(" entry *(SP entry) ")" (RFC 5464). whole: not what can only be above
 * others. */
struct imap_entry *imap_entry_list(struct imap_parser *, bool whole);
uint64_t imap_number64(struct imap_parser *);
uint64_t imap_nz_number64(struct imap_parser *);
uint32_t imap_nz_number(struct imap_parser *);
struct seqset imap_sequence_set(struct imap_parser *);
struct imap_mailbox imap_mailbox(struct imap_parser *);
str imap_list_mailbox(struct imap_parser *);
/* raw in the dialect, as UTF-8. */
MUST enum err imap_decode_name(struct imap_parser *, str raw, str *utf8_r);
void imap_flag(struct imap_parser *, struct flag_list *);
struct flag_list imap_flag_list(struct imap_parser *);
struct date imap_date_time(struct imap_parser *);
int32_t imap_date(struct imap_parser *);
/* A word and the space behind it, of which the word is taken. */
bool imap_accept_word(struct imap_parser *, str word);
/* "{310+}" or "~{310}", without a line end: only at the text's end. */
void imap_announcement(struct imap_parser *, struct imap_append *);
/* One of a table's words, read as an atom: its bit. ERR_UNSUPPORTED for any
 * other. */
unsigned imap_one_of(
	struct imap_parser *, const struct imap_name *, const char *what);
/* "(" param *(SP param) ")", without the SP before it (RFC 4466). */
struct imap_param *imap_params(struct imap_parser *);
/* What the parameters of these mean; fails for those that are not known. */
void imap_read_select_params(struct imap_parser *, struct imap_select *);
void imap_read_fetch_modifiers(
	struct imap_parser *, struct imap_fetch *, bool uid);
void imap_read_store_modifiers(struct imap_parser *, struct imap_store *);
/* fetch-att *(SP fetch-att) ")": a list, behind its "(". */
void imap_fetch_att_list(struct imap_parser *, struct imap_fetch *);
/* section-spec = section-msgtext / (section-part ["." section-text]) */
void imap_section_spec(struct imap_parser *, struct imap_section *);
/* filter-mailboxes (RFC 5465, RFC 7377), but for those of `except`. */
void imap_filter_mailboxes(
	struct imap_parser *, struct imap_notify_group *, unsigned except);
/* partial-range (RFC 9394) */
struct imap_partial imap_partial_range(struct imap_parser *);
/* "(" status-att *(SP status-att) ")" */
unsigned imap_status_atts(struct imap_parser *);

/* Argument functions of the command table. */
void imap_parse_id(struct imap_parser *, struct imap_command *);
void imap_parse_authenticate(struct imap_parser *, struct imap_command *);
void imap_parse_login(struct imap_parser *, struct imap_command *);
void imap_parse_compress(struct imap_parser *, struct imap_command *);
void imap_parse_enable(struct imap_parser *, struct imap_command *);
void imap_parse_select(struct imap_parser *, struct imap_command *);
void imap_parse_mailbox(struct imap_parser *, struct imap_command *);
void imap_parse_create(struct imap_parser *, struct imap_command *);
void imap_parse_rename(struct imap_parser *, struct imap_command *);
void imap_parse_list(struct imap_parser *, struct imap_command *);
void imap_parse_lsub(struct imap_parser *, struct imap_command *);
void imap_parse_status(struct imap_parser *, struct imap_command *);
void imap_parse_notify(struct imap_parser *, struct imap_command *);
void imap_parse_append(struct imap_parser *, struct imap_command *);
void imap_parse_getmetadata(struct imap_parser *, struct imap_command *);
void imap_parse_setmetadata(struct imap_parser *, struct imap_command *);
void imap_parse_replace(struct imap_parser *, struct imap_command *);
void imap_parse_expunge(struct imap_parser *, struct imap_command *);
void imap_parse_search(struct imap_parser *, struct imap_command *);
void imap_parse_esearch(struct imap_parser *, struct imap_command *);
void imap_parse_cancelupdate(struct imap_parser *, struct imap_command *);
void imap_parse_sort(struct imap_parser *, struct imap_command *);
void imap_parse_thread(struct imap_parser *, struct imap_command *);
void imap_parse_fetch(struct imap_parser *, struct imap_command *);
void imap_parse_store(struct imap_parser *, struct imap_command *);
void imap_parse_copy(struct imap_parser *, struct imap_command *);

#endif
