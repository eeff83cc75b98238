/* SPDX-License-Identifier: Apache-2.0 */
/*
 * eol: mail on the wire and in the store has CRLF at line ends; files have a
 * bare LF mostly. A bare LF becomes CRLF; CRLF stays, and so does a lone CR,
 * which is part of a line. For streams in pieces of any size.
 */
#ifndef MESSAGE_EOL_H
#define MESSAGE_EOL_H

#include "base/buf.h"

struct eol {
	bool after_cr; /* the last byte so far was CR */
};

/* Appends at most twice as many bytes as it is given. */
void eol_add(struct eol *, struct buf *out, str bytes);

#endif
