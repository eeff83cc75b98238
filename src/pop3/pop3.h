/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pop3: the execution of POP3 (RFC 1939 and its extensions) after login. The
 * only thing that others see is the protocol's descriptor.
 *
 * driver.c moves bytes: a line at a time, its command, its answer; and has the
 * table of executors. maildrop.c is the snapshot that a session works on;
 * list.c, retr.c and update.c are the commands: what is there, messages, and
 * what changes.
 */
#ifndef POP3_POP3_H
#define POP3_POP3_H

#include "session/session.h"

extern const struct session_protocol pop3_protocol;

#endif
