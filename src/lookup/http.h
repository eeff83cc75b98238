/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http: one request and its answer, over HTTPS with a certificate that is
 * verified (or plain HTTP, if the URL says so; the configuration lets it only
 * for this machine). No redirects, no cookies, no proxies, nothing from the
 * environment. Blocks until the timeout.
 */
#ifndef LOOKUP_HTTP_H
#define LOOKUP_HTTP_H

#include "base/buf.h"

struct http; /* keeps a connection open; of one thread at a time */

struct http_request {
	const char *url;
	const char *ca;	     /* file of certificates; "": the system's */
	const char *form;    /* body of a POST, urlencoded; NULL: GET */
	const char *account; /* "user:password" of HTTP Basic; NULL: none */
	unsigned timeout_ms; /* for all of it */
};

struct http *http_new(void);
void http_free(void *http);

/* body_r is initialised with its bound. ERR_UNAVAILABLE with *why_r (valid
 * until the next request): no answer, one too long, or another status than
 * 200. */
MUST enum err http_ask(struct http *, const struct http_request *,
	struct buf *body_r, const char **why_r);

/* application/x-www-form-urlencoded (RFC 6749 appendix B). */
void http_add_urlencoded(struct buf *, str);

#endif
