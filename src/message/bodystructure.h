/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bodystructure: the texts of BODY and BODYSTRUCTURE (RFC 9051 section 7.5.2
 * and "body" in section 9), part by part as they are parsed. What a header
 * says is written in two pieces, because the sizes that stand between them are
 * known only at the part's end:
 *
 *	leaf, message   ( HEAD SP octets [SP envelope SP body] [SP lines] TAIL )
 *	multipart       ( body... SP HEAD TAIL )
 *
 * TAIL is the extension data, which BODY has not. Names (types, encodings,
 * parameters) are in upper case.
 */
#ifndef MESSAGE_BODYSTRUCTURE_H
#define MESSAGE_BODYSTRUCTURE_H

#include "base/arena.h"
#include "message/digest.h"
#include "message/header.h"
#include "message/param.h"

/* What a part is, from its header and its place. */
struct bodystructure {
	enum digest_kind kind;
	str type, subtype;
	/* Of Content-Type, as written; NULL when it was not followed. */
	const struct param *params;
	str encoding; /* the token; absent when there is none */
	struct param_value disposition;
};

/* Both append. Without `details`, as if the header had only a type and an
 * encoding: for what is over the budget. */
void bodystructure_print_head(struct arena *, const struct bodystructure *,
	const struct header *, bool details, struct buf *out);
void bodystructure_print_tail(struct arena *, const struct bodystructure *,
	const struct header *, bool details, struct buf *out);

#endif
