/* SPDX-License-Identifier: Apache-2.0 */
/*
 * print: a command tree as the text that parses to it. For fuzzing (parsing,
 * printing and parsing again must give the same text) and for logs.
 */
#ifndef WIRE_IMAP_PRINT_H
#define WIRE_IMAP_PRINT_H

#include "wire/imap/command.h"

/* Appends the command without a line end, in one way of all that mean the
 * same: upper case, macros and repetitions resolved, strings as atoms where
 * they can be, CHARSET UTF-8 for any other. Not for IMAP_UNKNOWN. A secret is
 * printed too: see IMAP_SECRET. dialect: enum imap_dialect (parse.h). */
void imap_print_command(
	struct buf *, const struct imap_command *, unsigned dialect);

#endif
