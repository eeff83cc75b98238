/* SPDX-License-Identifier: Apache-2.0 */
/* LIST (RFC 9051 section 6.3.9, RFC 5258, RFC 5819, RFC 6154), LSUB,
 * STATUS. */
#include "message/mailbox_name.h"
#include "wire/imap/parser.h"

/* "(" status-att *(SP status-att) ")" */
unsigned imap_status_atts(struct imap_parser *p)
{
	unsigned items = 0;

	imap_open(p);
	do
		items |= imap_one_of(p, imap_status_names, "a STATUS item");
	while (imap_next_item(p));
	return items;
}

/* status = "STATUS" SP mailbox SP "(" status-att *(SP status-att) ")" */
void imap_parse_status(struct imap_parser *p, struct imap_command *cmd)
{
	imap_sp(p);
	cmd->status.mailbox = imap_mailbox(p);
	imap_sp(p);
	cmd->status.items = imap_status_atts(p);
}

/* A list-select-mod-opt needs a list-select-base-opt; SPECIAL-USE is an
 * independent one (RFC 6154 section 6). */
static bool selection_is_allowed(unsigned select)
{
	return !(select & IMAP_LIST_RECURSIVEMATCH) ||
	       (select & IMAP_LIST_SUBSCRIBED);
}

/* list-select-opts = "(" [list-select-opt *(SP list-select-opt)] ")" */
static unsigned list_select_opts(struct imap_parser *p)
{
	unsigned select = 0;

	if (!imap_open_some(p))
		return 0;
	do
		select |= imap_one_of(
			p, imap_list_select_names, "a selection option");
	while (imap_next_item(p));
	if (!selection_is_allowed(select))
		imap_expected(p, "SUBSCRIBED with RECURSIVEMATCH");
	return select;
}

/* return-option = "SUBSCRIBED" / "CHILDREN" / status-option /
 *                 "METADATA" SP "(" entry *(SP entry) ")" /
 *                 option-extension
 * status-option = "STATUS" SP "(" status-att *(SP status-att) ")" */
static void return_option(struct imap_parser *p, struct imap_list *list)
{
	unsigned option =
		imap_one_of(p, imap_list_return_names, "a return option");

	list->returns |= option;
	if (option == IMAP_RETURN_STATUS) {
		imap_sp(p);
		list->status |= imap_status_atts(p);
	} else if (option == IMAP_RETURN_METADATA) {
		imap_sp(p);
		list->metadata = imap_entry_list(p, true);
	}
}

/* list-return-opts = "RETURN" SP "(" [return-option *(SP return-option)] ")" */
static void list_return_opts(struct imap_parser *p, struct imap_list *list)
{
	list->extended = true;
	if (!cursor_accept_istr(&p->c, STR("RETURN")))
		imap_expected(p, "RETURN");
	imap_sp(p);
	if (imap_open_some(p))
		do
			return_option(p, list);
		while (imap_next_item(p));
}

static struct imap_pattern *pattern(
	struct imap_parser *p, const struct imap_list *list)
{
	struct imap_pattern *pattern = ARENA_NEW(p->arena, struct imap_pattern);
	str reference, utf8;

	pattern->raw = imap_list_mailbox(p);
	if (!imap_ok(p) || imap_decode_name(p, list->reference, &reference) ||
		imap_decode_name(p, pattern->raw, &utf8) ||
		mailbox_pattern_canonical(
			p->arena, reference, utf8, &pattern->pattern))
		pattern->pattern = str_none();
	return pattern;
}

/* mbox-or-pat = list-mailbox / patterns
 * patterns = "(" list-mailbox *(SP list-mailbox) ")" */
static void mbox_or_pat(struct imap_parser *p, struct imap_list *list)
{
	struct imap_pattern **end = &list->patterns;

	if (cursor_peek(&p->c) != '(') {
		*end = pattern(p, list);
		return;
	}
	list->extended = true;
	imap_open(p);
	do {
		*end = pattern(p, list);
		end = &(*end)->next;
	} while (imap_next_item(p));
}

/* list = "LIST" [SP list-select-opts] SP mailbox SP mbox-or-pat
 *        [SP list-return-opts] */
void imap_parse_list(struct imap_parser *p, struct imap_command *cmd)
{
	struct imap_list *list = &cmd->list;

	imap_sp(p);
	if (cursor_peek(&p->c) == '(') {
		list->extended = true;
		list->select = list_select_opts(p);
		imap_sp(p);
	}
	list->reference = imap_astring(p, "a reference");
	imap_sp(p);
	mbox_or_pat(p, list);
	if (imap_accept_sp(p))
		list_return_opts(p, list);
}

/* lsub = "LSUB" SP mailbox SP list-mailbox (RFC 3501) */
void imap_parse_lsub(struct imap_parser *p, struct imap_command *cmd)
{
	imap_sp(p);
	cmd->list.reference = imap_astring(p, "a reference");
	imap_sp(p);
	cmd->list.patterns = pattern(p, &cmd->list);
}
