/* SPDX-License-Identifier: Apache-2.0 */
/* ask: a new password, from the terminal or standard input. */
#ifndef CLI_ASK_H
#define CLI_ASK_H

#include "base/secret.h"
#include "cli/cli.h"

/*
 * from_stdin: its first line, without the line's end. Else from the terminal,
 * without echo, twice; an empty one there means that one is made up, and shown.
 * CLI_OK, or an exit code after saying what is wrong.
 */
int ask_password(struct cli *, const char *account, bool from_stdin,
	struct secret *password_r);

#endif
