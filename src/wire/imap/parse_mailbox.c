/* SPDX-License-Identifier: Apache-2.0 */
/* SELECT, EXAMINE, CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE. */
#include "wire/imap/parser.h"

/* delete = "DELETE" SP mailbox
 * subscribe = "SUBSCRIBE" SP mailbox
 * unsubscribe = "UNSUBSCRIBE" SP mailbox */
void imap_parse_mailbox(struct imap_parser *p, struct imap_command *cmd)
{
	imap_sp(p);
	cmd->select.mailbox = imap_mailbox(p);
}

/* select = "SELECT" SP mailbox [select-params]
 * examine = "EXAMINE" SP mailbox [select-params] (RFC 4466) */
void imap_parse_select(struct imap_parser *p, struct imap_command *cmd)
{
	imap_parse_mailbox(p, cmd);
	if (imap_accept_sp(p))
		cmd->select.params = imap_params(p);
	imap_read_select_params(p, &cmd->select);
}

/* rename = "RENAME" SP mailbox SP mailbox */
void imap_parse_rename(struct imap_parser *p, struct imap_command *cmd)
{
	imap_sp(p);
	cmd->rename.from = imap_mailbox(p);
	imap_sp(p);
	cmd->rename.to = imap_mailbox(p);
}

/* use-attr = "\All" / "\Archive" / ... / use-attr-ext
 * use-attr-ext = "\" atom (RFC 6154) */
static unsigned use_attr(struct imap_parser *p)
{
	const char *start = p->c.at;
	unsigned bit;

	cursor_expect(&p->c, '\\', "a special use");
	imap_atom(p, "a special use");
	bit = imap_name_bit(imap_special_use_names,
		str_of(start, (size_t)(p->c.at - start)));
	return bit ? bit : IMAP_USE_UNKNOWN;
}

/* "(" [use-attr *(SP use-attr)] ")" */
static unsigned use_attrs(struct imap_parser *p)
{
	unsigned uses = 0;

	if (imap_open_some(p))
		do
			uses |= use_attr(p);
		while (imap_next_item(p));
	return uses;
}

/* create-params = SP "(" create-param *( SP create-param) ")" (RFC 4466)
 * create-param =/ "USE" SP "(" [use-attr *(SP use-attr)] ")" (RFC 6154)
 * There are no others yet. */
static void create_params(struct imap_parser *p, struct imap_create *create)
{
	imap_open(p);
	do {
		struct cursor before = p->c;
		str name = imap_atom(p, "the name of a parameter");

		if (cursor_ok(&p->c) && !str_ieq_c(name, "USE")) {
			p->c = before;
			cursor_fail(&p->c, ERR_UNSUPPORTED, "USE");
		}
		imap_sp(p);
		create->use |= use_attrs(p);
	} while (imap_next_item(p));
}

/* create = "CREATE" SP mailbox [create-params] */
void imap_parse_create(struct imap_parser *p, struct imap_command *cmd)
{
	imap_sp(p);
	cmd->create.mailbox = imap_mailbox(p);
	if (imap_accept_sp(p))
		create_params(p, &cmd->create);
}
