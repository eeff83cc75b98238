/* SPDX-License-Identifier: Apache-2.0 */
/* mail_role: what the mail role's administrative commands work on. */
#ifndef SERVER_MAIL_ROLE_H
#define SERVER_MAIL_ROLE_H

#include "net/scoreboard.h"
#include "server/control.h"

struct mail_service {
	struct store *store;
	struct mail *mail;
	struct session_service *sessions;
	struct scoreboard *board;
};

/* control_mail.c: the table; each command's ctx is the mail_service. */
extern const struct control_command mail_commands[];
extern const size_t mail_commands_count;

#endif
