/* SPDX-License-Identifier: Apache-2.0 */
/* account: what the commands about accounts share. Functions that give an int
 * give an exit code, and have said what is wrong. */
#ifndef CLI_ACCOUNT_H
#define CLI_ACCOUNT_H

#include "cli/client.h"

/* {"cmd":…, "name":…}; may be NULL, which client_send tells. */
json_t *account_request(const char *command, const char *name);
/* The command's only operand. */
int account_take_name(struct cli *, const char **name_r);
/* Operands from that one on, KEY=VALUE, as members. */
int account_take_settings(struct cli *, int from, json_t *object);

#endif
