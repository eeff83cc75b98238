/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lmtp: delivery by LMTP (RFC 2033). The only thing that others see is the
 * protocol's descriptor.
 *
 * driver.c moves bytes: lines, the message of DATA, the chunks of BDAT.
 * command.c executes commands. recipient.c asks auth whose an address is.
 * message.c takes the message, and answers each recipient. trace.c makes the
 * header fields that are put before it.
 *
 * A session belongs to no account: its ticket says that it may deliver to any.
 */
#ifndef LMTP_LMTP_H
#define LMTP_LMTP_H

#include "session/session.h"

extern const struct session_protocol lmtp_protocol;

#endif
