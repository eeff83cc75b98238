/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oauth: tokens instead of passwords. Either a token is a JWT that its
 * issuer's keys verify (from a file, or fetched: hourly, and when a token names
 * a key that is not known, once a minute at most), or the issuer is asked
 * about each (RFC 7662).
 *
 * The account's name is one claim, that of oauth.claim, without a fallback: a
 * token without the claim must not log somebody in by another one, which at
 * some issuers people write themselves ("preferred_username", OpenID Connect
 * Core section 5.7).
 */
#include "auth/jwt.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "lookup/connections.h"
#include "lookup/http.h"
#include "lookup/person.h"
#include "lookup/sources.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define HOUR_MS (60 * 60 * 1000)
#define MINUTE_MS (60 * 1000)
#define SECOND_MS 1000
#define KEYS_OLD_MS (24 * HOUR_MS) /* then they are believed no more */
#define ANSWER_MAX (64 * 1024)	   /* of introspection */
#define LEEWAY_S 60

/* Keys of one fetching, for as long as somebody uses them. */
struct keyset {
	_Atomic unsigned users;
	struct jwt_keys *keys;
	uint64_t fetched; /* clock_monotonic_ms */
};

struct oauth {
	struct lookup_source source;
	struct connections connections; /* struct http */
	unsigned timeout_ms;
	char *file, *url, *introspection; /* one of them is not "" */
	char *ca, *issuer, *audience, *scope, *claim;
	char *account; /* for introspection, urlencoded; a secret */

	pthread_mutex_t lock; /* of the next two; never while waiting */
	struct keyset *keys;  /* NULL: none yet */
	struct stat seen;     /* the file they were read from */
	pthread_mutex_t fetching;
	uint64_t tried; /* when it was fetched last; with `fetching` */
};

static void log_failure(const char *what, const char *reason)
{
	log_error("auth", what, LOG_C("source", "oauth"),
		LOG_C("reason", reason));
}

/* -------- keys -------- */

static void release(struct keyset *set)
{
	if (!set || atomic_fetch_sub(&set->users, 1) != 1)
		return;
	jwt_keys_free(set->keys);
	free(set);
}

static struct keyset *hold(struct oauth *o)
{
	struct keyset *set;

	pthread_mutex_lock(&o->lock);
	set = o->keys;
	if (set)
		set->users++;
	pthread_mutex_unlock(&o->lock);
	return set;
}

static void install(struct oauth *o, struct keyset *set)
{
	struct keyset *old;

	pthread_mutex_lock(&o->lock);
	old = o->keys;
	o->keys = set;
	pthread_mutex_unlock(&o->lock);
	release(old);
}

static enum err parse_keys(str json, struct keyset **set_r)
{
	struct jwt_keys *keys;
	size_t skipped = 0;

	if (jwt_keys_parse(json, &keys, &skipped)) {
		log_failure("keys cannot be used", "not a JWK Set");
		return ERR_UNAVAILABLE;
	}
	if (jwt_keys_count(keys) == 0)
		log_failure("keys cannot be used", "none is for signatures");
	*set_r = xcalloc(1, sizeof **set_r);
	(*set_r)->users = 1;
	(*set_r)->keys = keys;
	(*set_r)->fetched = clock_monotonic_ms();
	return OK;
}

/* With `fetching` held. */
static enum err read_key_file(struct oauth *o, struct buf *json)
{
	int fd = open(o->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char *room = buf_reserve(json, JWT_KEYS_MAX + 1);
	ssize_t n = -1;

	if (fd >= 0 && fstat(fd, &o->seen) == 0)
		n = read(fd, room, JWT_KEYS_MAX + 1);
	if (n < 0)
		log_failure("oauth.jwks_file cannot be read", strerror(errno));
	else
		buf_added(json, (size_t)n);
	if (fd >= 0)
		close(fd);
	return n < 0 ? ERR_UNAVAILABLE : OK;
}

static struct http *take_http(struct oauth *o)
{
	struct http *http = connections_take(&o->connections);

	return http ? http : http_new();
}

static enum err fetch_url(struct oauth *o, struct buf *json)
{
	const struct http_request q = {
		.url = o->url, .ca = o->ca, .timeout_ms = o->timeout_ms};
	struct http *http = take_http(o);
	const char *why;
	enum err e = http_ask(http, &q, json, &why);

	if (e)
		log_failure("oauth.jwks_url cannot be fetched", why);
	connections_put(&o->connections, http);
	return e;
}

static void fetch(struct oauth *o)
{
	struct keyset *set = NULL;
	struct buf json;
	enum err e;

	buf_init(&json, JWT_KEYS_MAX + 1);
	o->tried = clock_monotonic_ms();
	e = *o->file ? read_key_file(o, &json) : fetch_url(o, &json);
	if (!e)
		e = parse_keys(buf_str(&json), &set);
	if (!e)
		install(o, set);
	buf_fini(&json);
}

static bool is_file_changed(const struct oauth *o)
{
	struct stat now;

	return *o->file && stat(o->file, &now) == 0 &&
	       (now.st_ino != o->seen.st_ino ||
		       now.st_size != o->seen.st_size ||
		       now.st_mtim.tv_sec != o->seen.st_mtim.tv_sec ||
		       now.st_mtim.tv_nsec != o->seen.st_mtim.tv_nsec);
}

/* Not within `rest_ms` of the last attempt, whoever made it. */
static void fetch_after(struct oauth *o, uint64_t rest_ms)
{
	pthread_mutex_lock(&o->fetching);
	if (!o->tried || clock_monotonic_ms() - o->tried >= rest_ms)
		fetch(o);
	pthread_mutex_unlock(&o->fetching);
}

/* While somebody fetches, others go on with the keys that are there. */
static void fetch_if_old(struct oauth *o, const struct keyset *set)
{
	uint64_t age = clock_monotonic_ms() - set->fetched;

	if (pthread_mutex_trylock(&o->fetching) != 0)
		return;
	if (is_file_changed(o) ||
		(age >= HOUR_MS &&
			clock_monotonic_ms() - o->tried >= MINUTE_MS))
		fetch(o);
	pthread_mutex_unlock(&o->fetching);
}

/* NULL: there are none. The caller releases them. */
static struct keyset *current_keys(struct oauth *o)
{
	struct keyset *set = hold(o);

	if (set)
		fetch_if_old(o, set);
	else
		fetch_after(o, SECOND_MS);
	release(set);
	set = hold(o);
	if (set && clock_monotonic_ms() - set->fetched > KEYS_OLD_MS) {
		log_failure("keys are too old", "not fetched for a day");
		release(set);
		set = NULL;
	}
	return set;
}

/* -------- tokens -------- */

static struct jwt_expected expected(const struct oauth *o)
{
	return (struct jwt_expected){.issuer = str_c(o->issuer),
		.audience = str_c(o->audience),
		.scope = str_c(o->scope),
		.name_claim = str_c(o->claim),
		.now = clock_wall_s(),
		.leeway = LEEWAY_S};
}

/* As jwt_verify, and ERR_UNAVAILABLE. */
static enum err verify_once(struct oauth *o, str token,
	struct jwt_claims *claims, const char **why_r)
{
	const struct jwt_expected x = expected(o);
	struct keyset *set = current_keys(o);
	enum err e;

	*why_r = "no keys";
	if (!set)
		return ERR_UNAVAILABLE;
	e = jwt_verify(token, set->keys, &x, claims, why_r);
	release(set);
	return e;
}

static enum err verify_jwt(struct oauth *o, str token,
	struct jwt_claims *claims, const char **why_r)
{
	enum err e = verify_once(o, token, claims, why_r);

	/* The issuer may have changed its keys. */
	if (e != ERR_NOTFOUND)
		return e;
	fetch_after(o, MINUTE_MS);
	return verify_once(o, token, claims, why_r);
}

/* RFC 7662 section 2.1. */
static enum err introspect(struct oauth *o, str token,
	struct jwt_claims *claims, const char **why_r)
{
	const struct jwt_expected x = expected(o);
	struct buf form = BUF_UNBOUNDED, answer;
	struct http *http = take_http(o);
	struct http_request q = {.url = o->introspection,
		.ca = o->ca,
		.account = *o->account ? o->account : NULL,
		.timeout_ms = o->timeout_ms};
	enum err e;

	buf_init(&answer, ANSWER_MAX);
	buf_reserve(&form, 64 + 3 * token.n);
	buf_add_c(&form, "token_type_hint=access_token&token=");
	http_add_urlencoded(&form, token);
	buf_add_byte(&form, '\0');
	q.form = form.p;
	e = http_ask(http, &q, &answer, why_r);
	if (e)
		log_failure("oauth.introspection_url cannot be asked", *why_r);
	else
		e = jwt_introspection_read(buf_str(&answer), &x, claims, why_r);
	secret_wipe(form.p, form.cap);
	buf_fini(&form);
	buf_fini(&answer);
	connections_put(&o->connections, http);
	return e;
}

/* Of what jwt.h says; that a token is for another scope or nobody is no
 * account's fault. */
static enum err verdict_of(enum err e)
{
	switch (e) {
	case OK:
	case ERR_EXPIRED:
	case ERR_UNAVAILABLE:
		return e;
	default:
		return ERR_AUTH;
	}
}

/* The name that came with the token must be its bearer's. */
static bool is_of(str asked, str name)
{
	struct buf prepared = BUF_UNBOUNDED;
	bool same =
		asked.n == 0 || (account_name_prepare(name, &prepared) == OK &&
					str_eq(asked, buf_str(&prepared)));

	buf_fini(&prepared);
	return same;
}

static enum err ask(struct lookup_source *source,
	const struct lookup_request *q, struct lookup_person *person_r)
{
	struct oauth *o = (struct oauth *)source;
	struct jwt_claims claims;
	const char *why = "";
	enum err e;

	if (q->op != LOOKUP_TOKEN)
		return ERR_UNSUPPORTED;
	e = *o->introspection ? introspect(o, q->secret, &claims, &why)
			      : verify_jwt(o, q->secret, &claims, &why);
	if (!e) {
		e = person_take_name(person_r, buf_str(&claims.name));
		if (!e && !is_of(q->name, buf_str(&claims.name))) {
			why = "of somebody else";
			e = ERR_AUTH;
		}
		jwt_claims_fini(&claims);
	}
	if (e && e != ERR_UNAVAILABLE)
		log_info("auth", "token refused", LOG_STR("account", q->name),
			LOG_STR("remote", q->remote), LOG_C("reason", why));
	return verdict_of(e);
}

static void prepare(struct lookup_source *source)
{
	struct oauth *o = (struct oauth *)source;

	if (!*o->introspection)
		release(current_keys(o));
}

static void free_source(struct lookup_source *source)
{
	struct oauth *o = (struct oauth *)source;
	char *const owned[] = {o->file, o->url, o->introspection, o->ca,
		o->issuer, o->audience, o->scope, o->claim, o->account};

	connections_fini(&o->connections);
	release(o->keys);
	pthread_mutex_destroy(&o->lock);
	pthread_mutex_destroy(&o->fetching);
	secret_wipe(o->account, strlen(o->account));
	for (size_t i = 0; i < COUNT_OF(owned); i++)
		free(owned[i]);
	free(o);
}

/* RFC 6749 section 2.3.1: both are urlencoded first. */
static char *account_of(const struct lookup_oauth_settings *settings)
{
	struct buf text = BUF_UNBOUNDED;
	char *account;

	if (*settings->client_id) {
		http_add_urlencoded(&text, str_c(settings->client_id));
		buf_add_byte(&text, ':');
		http_add_urlencoded(&text, str_c(settings->client_secret));
	}
	account = xstrndup(buf_str(&text).p, text.n);
	if (text.p)
		secret_wipe(text.p, text.cap);
	buf_fini(&text);
	return account;
}

struct lookup_source *lookup_oauth_new(
	const struct lookup_oauth_settings *settings)
{
	struct oauth *o = xcalloc(1, sizeof *o);

	o->source = (struct lookup_source){.kind = LOOKUP_OAUTH,
		.prepare = prepare,
		.ask = ask,
		.free = free_source};
	connections_init(
		&o->connections, settings->limits.connections, http_free);
	o->timeout_ms = settings->limits.timeout_ms;
	o->file = xstrdup(settings->jwks_file);
	o->url = xstrdup(settings->jwks_url);
	o->introspection = xstrdup(settings->introspection_url);
	o->ca = xstrdup(settings->ca);
	o->issuer = xstrdup(settings->issuer);
	o->audience = xstrdup(settings->audience);
	o->scope = xstrdup(settings->scope);
	o->claim = xstrdup(settings->claim);
	o->account = account_of(settings);
	pthread_mutex_init(&o->lock, NULL);
	pthread_mutex_init(&o->fetching, NULL);
	return &o->source;
}
