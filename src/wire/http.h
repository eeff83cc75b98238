/* SPDX-License-Identifier: Apache-2.0 */
/* http: a web page can make a browser send a request to any port, with commands
 * of ours in its body. The request's first line gives it away: whatever its
 * method is, it ends like no command. */
#ifndef WIRE_HTTP_H
#define WIRE_HTTP_H

#include "base/str.h"

/* Does the line, without its end, end with " HTTP/1.1" or the like? */
static inline bool http_is_request(str line)
{
	size_t at = str_find(line, STR(" HTTP/"));

	return at < line.n && at + 9 == line.n;
}

#endif
