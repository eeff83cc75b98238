/* SPDX-License-Identifier: Apache-2.0 */
/*
 * template: how the name of who is asked for gets into an LDAP filter and an
 * SQL query. What an administrator wrote is checked when it is loaded; what
 * somebody typed as a name can only ever be a value. Pure; the configuration
 * is checked with it too.
 */
#ifndef LOOKUP_TEMPLATE_H
#define LOOKUP_TEMPLATE_H

#include "base/buf.h"

/* "bob" and "example.org" of bob@example.org; without "@" the whole name and
 * an empty domain. The last "@" counts (RFC 5321 section 4.1.2). */
struct name_parts {
	str name, local, domain;
};
struct name_parts name_parts_of(str name);

/*
 * A filter of RFC 4515 with
 *
 *	%u	the name	%n	its local part	%d	its domain
 *
 * each in place of a value or a piece of one, at least one of them. A literal
 * percent sign is written \25. ERR_INVALID; `why` gets what is wrong and what
 * to write instead.
 */
MUST enum err template_check_filter(str filter, struct buf *why);
/* Of a filter that was checked. Every byte of the name but letters, digits and
 * @ . - _ is escaped (RFC 4515 section 3), so that it has no meaning. */
void template_fill_filter(str filter, str name, struct buf *out);

/* A statement with $1 (the name), $2 (its local part) and $3 (its domain), at
 * least one of them. No percent signs, which other servers splice values in
 * with. ERR_INVALID as above. */
MUST enum err template_check_query(str query, struct buf *why);
/* Whether $number stands in it. */
bool template_query_uses(str query, char number);

#endif
