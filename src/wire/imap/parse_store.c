/* SPDX-License-Identifier: Apache-2.0 */
/* STORE, COPY, MOVE, UID EXPUNGE. */
#include "wire/imap/parser.h"

/* ["+" / "-"] "FLAGS" [".SILENT"] */
static void store_att(struct imap_parser *p, struct imap_store *store)
{
	if (cursor_accept(&p->c, '+'))
		store->op = IMAP_STORE_ADD;
	else if (cursor_accept(&p->c, '-'))
		store->op = IMAP_STORE_REMOVE;
	if (!cursor_accept_istr(&p->c, STR("FLAGS")))
		imap_expected(p, "FLAGS");
	store->silent = cursor_accept_istr(&p->c, STR(".SILENT"));
}

/* store-att-flags = (["+" / "-"] "FLAGS" [".SILENT"]) SP
 *                   (flag-list / (flag *(SP flag))) */
static void store_att_flags(struct imap_parser *p, struct imap_store *store)
{
	struct cursor before;

	store_att(p, store);
	imap_sp(p);
	before = p->c;
	if (cursor_peek(&p->c) == '(')
		store->flags = imap_flag_list(p);
	else
		do
			imap_flag(p, &store->flags);
		while (imap_ok(p) && imap_accept_sp(p));
	if (store->flags.recent && cursor_ok(&p->c)) {
		p->c = before;
		imap_expected(p, "flags without \\Recent");
	}
}

/* store = "STORE" SP sequence-set [store-modifiers] SP store-att-flags
 * store-modifiers = SP "(" store-modifier *(SP store-modifier) ")"
 * (RFC 4466) */
void imap_parse_store(struct imap_parser *p, struct imap_command *cmd)
{
	imap_sp(p);
	cmd->store.set = imap_sequence_set(p);
	imap_sp(p);
	if (cursor_peek(&p->c) == '(') {
		cmd->store.modifiers = imap_params(p);
		imap_read_store_modifiers(p, &cmd->store);
		imap_sp(p);
	}
	store_att_flags(p, &cmd->store);
}

/* copy = "COPY" SP sequence-set SP mailbox
 * move = "MOVE" SP sequence-set SP mailbox */
void imap_parse_copy(struct imap_parser *p, struct imap_command *cmd)
{
	imap_sp(p);
	cmd->copy.set = imap_sequence_set(p);
	imap_sp(p);
	cmd->copy.mailbox = imap_mailbox(p);
}

/* uid-expunge = "EXPUNGE" SP sequence-set */
void imap_parse_expunge(struct imap_parser *p, struct imap_command *cmd)
{
	imap_sp(p);
	cmd->expunge = imap_sequence_set(p);
}
