/* SPDX-License-Identifier: Apache-2.0 */
/*
 * imap: the execution of IMAP (RFC 9051 and RFC 3501) after login. The only
 * thing that others see is the protocol's descriptor.
 *
 * driver.c moves bytes: framer, parser, one command at a time, its answer.
 * dispatch.c has the table of executors. cmd/ has a file per concern: read,
 * check, act, answer. sync.c tells a session what changed in its mailbox.
 */
#ifndef IMAP_IMAP_H
#define IMAP_IMAP_H

#include "session/session.h"

extern const struct session_protocol imap_protocol;

#endif
