/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth_commands: the administrator's commands of the auth role, on threads of
 * control.
 *
 *	auth_commands.c		the table, status
 *	auth_account.c		accounts
 *	auth_app_password.c	their app passwords
 *	auth_alias.c		addresses
 */
#ifndef SERVER_AUTH_COMMANDS_H
#define SERVER_AUTH_COMMANDS_H

#include "server/auth_role.h"

control_fn auth_account_add, auth_account_list, auth_account_show,
	auth_account_set, auth_account_password, auth_account_remove;
control_fn auth_app_password_add, auth_app_password_list,
	auth_app_password_remove;
control_fn auth_alias_add, auth_alias_list, auth_alias_remove;

/* auth_account.c */

/* The account that the request's "name" means; account_fini it whatever comes
 * back. The error's words are said. */
MUST enum err auth_wanted_account(
	struct control_call *, struct auth_context *, struct account *);
/* Words for what an operation on an account gave; returns e. */
MUST enum err auth_fail_account(
	struct control_call *, enum err e, const char *name);

/* auth_app_password.c: an item for each. */
MUST enum err auth_app_passwords_tell(
	struct control_call *, struct auth_context *, uint64_t account);
/* auth_alias.c: an item for each of an account or address; NULL: all. */
MUST enum err auth_aliases_tell(
	struct control_call *, struct auth_context *, const char *whose);

#endif
