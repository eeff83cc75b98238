/* SPDX-License-Identifier: Apache-2.0 */
/* LOGIN, AUTHENTICATE, ENABLE, ID. */
#include "wire/imap/parser.h"

static bool is_base64_char(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c) || c == '+' || c == '/' ||
	       c == '=';
}

/* initial-resp = (base64 / "="); whether it is good base64 is for whoever
 * decodes it. */
static str initial_resp(struct imap_parser *p)
{
	str s = imap_astring(p, "base64");

	for (size_t i = 0; i < s.n; i++)
		if (!is_base64_char(s.p[i])) {
			imap_expected(p, "base64");
			break;
		}
	return s;
}

/* authenticate = "AUTHENTICATE" SP auth-type [SP initial-resp]
 *                *(CRLF base64) */
void imap_parse_authenticate(struct imap_parser *p, struct imap_command *cmd)
{
	imap_sp(p);
	cmd->authenticate.mechanism = imap_atom(p, "a SASL mechanism");
	if (imap_accept_sp(p))
		cmd->authenticate.initial = initial_resp(p);
}

/* login = "LOGIN" SP userid SP password */
void imap_parse_login(struct imap_parser *p, struct imap_command *cmd)
{
	p->utf8_quoted = true;
	imap_sp(p);
	cmd->login.user = imap_astring(p, "a user name");
	imap_sp(p);
	cmd->login.password = imap_astring(p, "a password");
}

/* enable = "ENABLE" 1*(SP capability) */
void imap_parse_enable(struct imap_parser *p, struct imap_command *cmd)
{
	struct imap_atom **end = &cmd->enable;

	imap_sp(p);
	do {
		*end = ARENA_NEW(p->arena, struct imap_atom);
		(*end)->text = imap_atom(p, "a capability");
		end = &(*end)->next;
	} while (imap_ok(p) && imap_accept_sp(p));
}

/* id = "ID" SP id_params_list
 * id_params_list = "(" #(string SPACE nstring) ")" / nil (RFC 2971) */
void imap_parse_id(struct imap_parser *p, struct imap_command *cmd)
{
	struct imap_id **end = &cmd->id;

	p->utf8_quoted = true;
	imap_sp(p);
	if (cursor_accept_istr(&p->c, STR("NIL")) || !imap_open_some(p))
		return;
	do {
		*end = ARENA_NEW(p->arena, struct imap_id);
		(*end)->field = imap_string(p, "the name of a field");
		imap_sp(p);
		(*end)->value = imap_nstring(p, "a string or NIL");
		end = &(*end)->next;
	} while (imap_next_item(p));
}

/* compress = "COMPRESS" SP algorithm (RFC 4978) */
void imap_parse_compress(struct imap_parser *p, struct imap_command *cmd)
{
	imap_sp(p);
	cmd->compress = imap_atom(p, "a compression mechanism");
}
