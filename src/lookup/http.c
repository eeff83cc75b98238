/* SPDX-License-Identifier: Apache-2.0 */
#include "lookup/http.h"
#include "base/alloc.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct http {
	CURL *curl;
	char why[CURL_ERROR_SIZE];
};

static void begin_curl(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

struct http *http_new(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct http *http = xcalloc(1, sizeof *http);

	pthread_once(&once, begin_curl);
	http->curl = curl_easy_init();
	if (!http->curl)
		abort(); /* out of memory */
	return http;
}

void http_free(void *arg)
{
	struct http *http = arg;

	curl_easy_cleanup(http->curl);
	free(http);
}

/* A shorter count than given ends the transfer. */
static size_t take(char *bytes, size_t size, size_t count, void *arg)
{
	struct buf *body = arg;

	buf_add(body, str_of(bytes, size * count));
	return buf_err(body) ? 0 : size * count;
}

static bool is_https(const char *url)
{
	return str_istarts(str_c(url), STR("https://"));
}

static CURLcode set_options(
	CURL *curl, const struct http_request *q, struct buf *body_r)
{
	CURLcode r = curl_easy_setopt(curl, CURLOPT_URL, q->url);

#define SET(option, value)                                                     \
	do {                                                                   \
		if (!r)                                                        \
			r = curl_easy_setopt(curl, option, value);             \
	} while (0)
	SET(CURLOPT_PROTOCOLS_STR, is_https(q->url) ? "https" : "http");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_TIMEOUT_MS, (long)q->timeout_ms);
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (*q->ca)
		SET(CURLOPT_CAINFO, q->ca);
	SET(CURLOPT_USERAGENT, "culver");
	SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)body_r->max);
	SET(CURLOPT_WRITEFUNCTION, take);
	SET(CURLOPT_WRITEDATA, body_r);
	if (q->account) {
		SET(CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
		SET(CURLOPT_USERPWD, q->account);
	}
	if (q->form)
		SET(CURLOPT_POSTFIELDS, q->form);
#undef SET
	return r;
}

enum err http_ask(struct http *http, const struct http_request *q,
	struct buf *body_r, const char **why_r)
{
	CURLcode r;
	long status = 0;

	/* Keeps connections, not options. */
	curl_easy_reset(http->curl);
	http->why[0] = '\0';
	curl_easy_setopt(http->curl, CURLOPT_ERRORBUFFER, http->why);
	r = set_options(http->curl, q, body_r);
	if (!r)
		r = curl_easy_perform(http->curl);
	if (!r)
		curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &status);
	*why_r = http->why;
	if (r && !http->why[0])
		*why_r = curl_easy_strerror(r);
	if (!r && status != 200)
		snprintf(http->why, sizeof http->why, "status %ld", status);
	/* What was sent may be a secret; it is the caller's. */
	curl_easy_reset(http->curl);
	return !r && status == 200 ? OK : ERR_UNAVAILABLE;
}

void http_add_urlencoded(struct buf *out, str text)
{
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (ascii_is_alpha(c) || ascii_is_digit(c) ||
			(c && strchr("-._~", c)))
			buf_add_byte(out, c);
		else
			buf_addf(out, "%%%02X", (unsigned char)c);
	}
}
