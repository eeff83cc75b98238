/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ldap: accounts in a directory. One search finds the entry, by connections
 * that are bound as ldap.bind_dn; what proves the password is then
 *
 *	bind	a bind as the entry, on connections of its own kind, so that a
 *		search never runs with somebody else's rights: the server
 *		applies its password policy, and the hash stays there
 *	compare	the compare operation (RFC 4511 section 4.10), for directories
 *		that keep passwords in clear or compare hashes themselves
 *	hash	nothing here: the hash is read, for auth to verify, which lets
 *		the server's own throttle of binds, and its load, be
 *
 * Referrals are not followed and aliases not dereferenced: they would lead
 * credentials to servers that nobody configured.
 */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "lookup/connections.h"
#include "lookup/ldap_entry.h"
#include "lookup/sources.h"
#include "lookup/template.h"

#include <errno.h>
#include <lber.h>
#include <ldap.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>

#define SYSTEM_CA "/etc/ssl/certs/ca-certificates.crt"
#define ANSWER_MAX (256 * 1024) /* bytes of one message from the server */
#define DN_MAX 4096
#define ATTRIBUTES_MAX 5

struct ldap_source {
	struct lookup_source source;
	struct connections searchers; /* bound as bind_dn; LDAP * */
	struct connections binders;   /* as whoever logged in last */
	unsigned timeout_ms;
	bool starttls;
	char *uri, *ca, *bind_dn, *bind_password, *base, *filter;
	char *name, *hash, *quota, *disabled, *services; /* attributes */
	char *wanted[ATTRIBUTES_MAX + 1]; /* of them; for the search */
	int scope;
	enum lookup_ldap_method method;
	struct ldap_conncb on_connect;
};

static void log_failure(const char *what, int result)
{
	log_error("auth", what, LOG_C("source", "ldap"),
		LOG_C("reason", ldap_err2string(result)));
}

static void close_connection(void *connection)
{
	ldap_unbind_ext_s(connection, NULL, NULL);
}

static struct timeval timeout_of(const struct ldap_source *s)
{
	return (struct timeval){.tv_sec = s->timeout_ms / 1000,
		.tv_usec = s->timeout_ms % 1000 * 1000};
}

/* -------- connections -------- */

static int set_int(LDAP *ld, int option, int value)
{
	return ldap_set_option(ld, option, &value);
}

/* The certificate must be good whatever ldap.conf says. */
static int set_tls(const struct ldap_source *s, LDAP *ld)
{
	const char *ca = *s->ca ? s->ca : SYSTEM_CA;
	int r = set_int(ld, LDAP_OPT_X_TLS_REQUIRE_CERT, LDAP_OPT_X_TLS_DEMAND);

	if (!r)
		r = ldap_set_option(ld, LDAP_OPT_X_TLS_CACERTFILE, ca);
	if (!r)
		r = set_int(ld, LDAP_OPT_X_TLS_PROTOCOL_MIN,
			LDAP_OPT_X_TLS_PROTOCOL_TLS1_2);
	/* Takes effect for this connection with a context of its own. */
	if (!r)
		r = set_int(ld, LDAP_OPT_X_TLS_NEWCTX, 0);
	return r;
}

/* -------- time --------
 *
 * libldap's timeouts are for connecting and for whole answers. With GnuTLS,
 * which Debian's is built with, it reads the TLS handshake in a loop that ends
 * with the handshake or an error, and "would block" is none: a server that says
 * nothing would keep the thread, and a processor, for ever. So there is a layer
 * between the socket and TLS that waits until the step's deadline, and then
 * makes it an error.
 */

/* Of what this thread does now; clock_monotonic_ms. */
static _Thread_local uint64_t deadline;

static void begin_step(const struct ldap_source *s)
{
	deadline = clock_monotonic_ms() + s->timeout_ms;
}

/* Whether it is worth trying again. */
static bool wait_for(const Sockbuf_IO_Desc *io, short events)
{
	struct pollfd p = {.fd = -1, .events = events};
	uint64_t now = clock_monotonic_ms();

	if (errno != EAGAIN && errno != EWOULDBLOCK)
		return false;
	ber_sockbuf_ctrl(io->sbiod_sb, LBER_SB_OPT_GET_FD, &p.fd);
	if (now < deadline && poll(&p, 1, (int)(deadline - now)) > 0)
		return true;
	errno = ETIMEDOUT;
	return false;
}

static ber_slen_t read_in_time(Sockbuf_IO_Desc *io, void *room, ber_len_t size)
{
	ber_slen_t n;

	do
		n = LBER_SBIOD_READ_NEXT(io, room, size);
	while (n < 0 && wait_for(io, POLLIN));
	return n;
}

static ber_slen_t write_in_time(
	Sockbuf_IO_Desc *io, void *bytes, ber_len_t size)
{
	ber_slen_t n;

	do
		n = LBER_SBIOD_WRITE_NEXT(io, bytes, size);
	while (n < 0 && wait_for(io, POLLOUT));
	return n;
}

static int setup_layer(Sockbuf_IO_Desc *io, void *arg)
{
	(void)io;
	(void)arg;
	return 0;
}

static int control_layer(Sockbuf_IO_Desc *io, int option, void *arg)
{
	return LBER_SBIOD_CTRL_NEXT(io, option, arg);
}

static int end_layer(Sockbuf_IO_Desc *io)
{
	(void)io;
	return 0;
}

static Sockbuf_IO layer_in_time = {.sbi_setup = setup_layer,
	.sbi_remove = end_layer,
	.sbi_ctrl = control_layer,
	.sbi_read = read_in_time,
	.sbi_write = write_in_time,
	.sbi_close = end_layer};
/* Above the socket, below TLS. */
#define LAYER_LEVEL                                                            \
	((LBER_SBIOD_LEVEL_PROVIDER + LBER_SBIOD_LEVEL_TRANSPORT) / 2)

/* A socket that blocks gives up too. */
static int add_layer(LDAP *ld, Sockbuf *sockbuf, LDAPURLDesc *url,
	struct sockaddr *address, struct ldap_conncb *callback)
{
	struct timeval timeout = timeout_of(callback->lc_arg);
	ber_socket_t fd = -1;

	(void)ld;
	(void)url;
	(void)address;
	ber_sockbuf_ctrl(sockbuf, LBER_SB_OPT_GET_FD, &fd);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
	return ber_sockbuf_add_io(sockbuf, &layer_in_time, LAYER_LEVEL, NULL);
}

static void forget_socket(
	LDAP *ld, Sockbuf *sockbuf, struct ldap_conncb *callback)
{
	(void)ld;
	(void)sockbuf;
	(void)callback;
}

static int set_options(const struct ldap_source *s, LDAP *ld)
{
	struct timeval timeout = timeout_of(s);
	ber_len_t most = ANSWER_MAX;
	Sockbuf *sockbuf = NULL;
	int r = set_int(ld, LDAP_OPT_PROTOCOL_VERSION, LDAP_VERSION3);

	if (!r)
		r = ldap_set_option(ld, LDAP_OPT_REFERRALS, LDAP_OPT_OFF);
	if (!r)
		r = set_int(ld, LDAP_OPT_DEREF, LDAP_DEREF_NEVER);
	if (!r)
		r = ldap_set_option(ld, LDAP_OPT_NETWORK_TIMEOUT, &timeout);
	if (!r)
		r = ldap_set_option(ld, LDAP_OPT_TIMEOUT, &timeout);
	if (!r)
		r = ldap_set_option(ld, LDAP_OPT_RESTART, LDAP_OPT_ON);
	if (!r)
		r = ldap_set_option(ld, LDAP_OPT_CONNECT_CB, &s->on_connect);
	if (!r)
		r = ldap_get_option(ld, LDAP_OPT_SOCKBUF, &sockbuf);
	if (!r && sockbuf)
		ber_sockbuf_ctrl(sockbuf, LBER_SB_OPT_SET_MAX_INCOMING, &most);
	return r ? r : set_tls(s, ld);
}

/* The simple bind of RFC 4511 section 4.2. Never without a password: that
 * would be an unauthenticated bind, which succeeds (RFC 4513 section 5.1.2). */
static int bind_simply(LDAP *ld, const char *dn, str password)
{
	struct berval secret = {
		.bv_len = password.n, .bv_val = (char *)(uintptr_t)password.p};

	if (!password.n || !*dn)
		return LDAP_INVALID_CREDENTIALS;
	return ldap_sasl_bind_s(
		ld, dn, LDAP_SASL_SIMPLE, &secret, NULL, NULL, NULL);
}

static int dial(const struct ldap_source *s, LDAP **ld_r)
{
	int r = ldap_initialize(ld_r, s->uri);

	begin_step(s);
	if (!r)
		r = set_options(s, *ld_r);
	if (!r && s->starttls)
		r = ldap_start_tls_s(*ld_r, NULL, NULL);
	return r;
}

static LDAP *give_up(LDAP *ld, struct connections *c, int result)
{
	log_failure(result == LDAP_INVALID_CREDENTIALS
			    ? "directory refuses ldap.bind_dn"
			    : "directory cannot be reached",
		result);
	if (ld)
		close_connection(ld);
	connections_rest(c);
	return NULL;
}

static LDAP *open_searcher(struct ldap_source *s)
{
	LDAP *ld = NULL;
	int r;

	if (connections_are_resting(&s->searchers))
		return NULL;
	r = dial(s, &ld);
	if (!r && *s->bind_dn)
		r = bind_simply(ld, s->bind_dn, str_c(s->bind_password));
	return r ? give_up(ld, &s->searchers, r) : ld;
}

static LDAP *open_binder(struct ldap_source *s)
{
	LDAP *ld = NULL;
	int r;

	if (connections_are_resting(&s->binders))
		return NULL;
	r = dial(s, &ld);
	return r ? give_up(ld, &s->binders, r) : ld;
}

/* The server is not there, or says nothing. libldap connects with the first
 * request, so this comes at any time. */
static bool is_away(int result)
{
	return result == LDAP_SERVER_DOWN || result == LDAP_TIMEOUT ||
	       result == LDAP_CONNECT_ERROR;
}

static void log_refusal(struct connections *c, const char *what, int result)
{
	if (is_away(result))
		connections_rest(c);
	log_failure(
		is_away(result) ? "directory cannot be reached" : what, result);
}

/* The connection is of no more use. */
static bool is_broken(int result)
{
	return result < 0 || result == LDAP_UNAVAILABLE ||
	       result == LDAP_BUSY || result == LDAP_PROTOCOL_ERROR ||
	       result == LDAP_OTHER;
}

/* -------- the search -------- */

static void take_values(struct ldap_values *values, struct berval *const *from)
{
	for (; from && *from && values->count < LDAP_VALUES_MAX; from++)
		values->list[values->count++] =
			str_of((*from)->bv_val, (*from)->bv_len);
}

/* The attributes of one entry, as libldap gave them. */
struct found {
	char *dn;
	struct berval **lists[ATTRIBUTES_MAX];
	size_t count;
};

static struct ldap_values values_of(
	LDAP *ld, LDAPMessage *message, const char *name, struct found *found)
{
	struct ldap_values values = {0};
	struct berval **list;

	if (!*name)
		return values;
	list = ldap_get_values_len(ld, message, name);
	found->lists[found->count++] = list;
	take_values(&values, list);
	return values;
}

/* What auth verifies may hold no line breaks and the like; libldap keeps
 * copies of hashes, which are wiped here. */
static void free_found(struct found *found)
{
	for (size_t i = 0; i < found->count; i++) {
		struct berval **list = found->lists[i];

		for (; list && *list; list++)
			secret_wipe((*list)->bv_val, (*list)->bv_len);
		ldap_value_free_len(found->lists[i]);
	}
	ldap_memfree(found->dn);
}

static enum err read_entry(const struct ldap_source *s, LDAP *ld,
	LDAPMessage *message, str name, struct lookup_person *person_r,
	char **dn_r)
{
	struct found found = {.dn = ldap_get_dn(ld, message)};
	bool want_hash = s->method == LDAP_HASH;
	const struct ldap_entry entry = {.want_name = *s->name != '\0',
		.name = values_of(ld, message, s->name, &found),
		.hash = values_of(
			ld, message, want_hash ? s->hash : "", &found),
		.quota = values_of(ld, message, s->quota, &found),
		.disabled = values_of(ld, message, s->disabled, &found),
		.services = values_of(ld, message, s->services, &found)};
	const char *wrong = "its name";
	enum err e = ERR_INVALID;

	if (found.dn && *found.dn && strlen(found.dn) <= DN_MAX)
		e = ldap_entry_read(&entry, name, person_r, &wrong);
	if (!e)
		*dn_r = xstrdup(found.dn);
	else
		log_error("auth", "an entry of the directory makes no sense",
			LOG_STR("account", name), LOG_C("attribute", wrong));
	free_found(&found);
	return e ? ERR_UNAVAILABLE : OK;
}

static enum err read_entries(const struct ldap_source *s, LDAP *ld,
	LDAPMessage *messages, str name, struct lookup_person *person_r,
	char **dn_r)
{
	LDAPMessage *first = ldap_first_entry(ld, messages);

	if (!first)
		return ERR_NOTFOUND;
	if (ldap_next_entry(ld, first)) {
		log_error("auth", "the directory knows more than one",
			LOG_STR("account", name));
		return ERR_UNAVAILABLE;
	}
	return read_entry(s, ld, first, name, person_r, dn_r);
}

static int search_once(const struct ldap_source *s, LDAP *ld,
	const char *filter, LDAPMessage **messages_r)
{
	struct timeval timeout = timeout_of(s);

	*messages_r = NULL;
	begin_step(s);
	return ldap_search_ext_s(ld, s->base, s->scope, filter,
		(char **)(uintptr_t)s->wanted, 0, NULL, NULL, &timeout, 2,
		messages_r);
}

/* A connection that was idle may have died; a new one tells. */
static LDAP *search(struct ldap_source *s, const char *filter,
	LDAPMessage **messages_r, int *result_r)
{
	LDAP *ld = connections_take(&s->searchers);

	if (ld) {
		*result_r = search_once(s, ld, filter, messages_r);
		if (!is_broken(*result_r))
			return ld;
		ldap_msgfree(*messages_r);
		close_connection(ld);
		connections_drop_idle(&s->searchers);
	}
	*messages_r = NULL;
	*result_r = LDAP_SERVER_DOWN;
	ld = open_searcher(s);
	if (ld)
		*result_r = search_once(s, ld, filter, messages_r);
	return ld;
}

/* *dn_r: whose entry it is, owned. */
static enum err find(struct ldap_source *s, str name,
	struct lookup_person *person_r, char **dn_r)
{
	struct buf filter = BUF_UNBOUNDED;
	LDAPMessage *messages;
	int result;
	enum err e = ERR_UNAVAILABLE;
	LDAP *ld;

	template_fill_filter(str_c(s->filter), name, &filter);
	buf_add_byte(&filter, '\0');
	ld = search(s, filter.p, &messages, &result);
	if (result == LDAP_SIZELIMIT_EXCEEDED)
		log_error("auth", "the directory knows more than one",
			LOG_STR("account", name));
	else if (result == LDAP_NO_SUCH_OBJECT)
		log_failure("ldap.base is not there", result);
	else if (result == LDAP_SUCCESS)
		e = read_entries(s, ld, messages, name, person_r, dn_r);
	else if (ld)
		log_refusal(
			&s->searchers, "directory refuses the search", result);
	ldap_msgfree(messages);
	if (ld && is_broken(result))
		close_connection(ld);
	else if (ld)
		connections_put(&s->searchers, ld);
	buf_fini(&filter);
	return e;
}

/* -------- the password -------- */

static enum err verdict_of(int result)
{
	switch (result) {
	case LDAP_SUCCESS:
	case LDAP_COMPARE_TRUE:
		return OK;
	case LDAP_COMPARE_FALSE:
	case LDAP_INVALID_CREDENTIALS:
	case LDAP_INAPPROPRIATE_AUTH: /* an entry without a password */
	case LDAP_NO_SUCH_ATTRIBUTE:
	case LDAP_NO_SUCH_OBJECT:
		return ERR_AUTH;
	default:
		return ERR_UNAVAILABLE;
	}
}

static int prove(
	const struct ldap_source *s, LDAP *ld, const char *dn, str password)
{
	struct berval value = {
		.bv_len = password.n, .bv_val = (char *)(uintptr_t)password.p};

	begin_step(s);
	if (s->method == LDAP_BIND)
		return bind_simply(ld, dn, password);
	return ldap_compare_ext_s(ld, dn, s->hash, &value, NULL, NULL);
}

static enum err verify(struct ldap_source *s, const char *dn, str password)
{
	bool bind = s->method == LDAP_BIND;
	struct connections *set = bind ? &s->binders : &s->searchers;
	LDAP *ld = connections_take(set);
	int result = LDAP_SERVER_DOWN;

	if (ld) {
		result = prove(s, ld, dn, password);
		if (is_broken(result)) {
			close_connection(ld);
			connections_drop_idle(set);
			ld = NULL;
		}
	}
	if (!ld) {
		ld = bind ? open_binder(s) : open_searcher(s);
		if (!ld)
			return ERR_UNAVAILABLE;
		result = prove(s, ld, dn, password);
	}
	if (verdict_of(result) == ERR_UNAVAILABLE)
		log_refusal(set, "directory refuses to verify", result);
	if (is_broken(result))
		close_connection(ld);
	else
		connections_put(set, ld);
	return verdict_of(result);
}

/* -------- the source -------- */

static enum err ask(struct lookup_source *source,
	const struct lookup_request *q, struct lookup_person *person_r)
{
	struct ldap_source *s = (struct ldap_source *)source;
	char *dn = NULL;
	enum err e;

	if (q->op == LOOKUP_TOKEN)
		return ERR_UNSUPPORTED;
	e = find(s, q->name, person_r, &dn);
	if (!e && q->op == LOOKUP_VERIFY)
		e = s->method == LDAP_HASH ? ERR_UNSUPPORTED
					   : verify(s, dn, q->secret);
	free(dn);
	return e;
}

static void prepare(struct lookup_source *source)
{
	struct ldap_source *s = (struct ldap_source *)source;
	struct lookup_person nobody;
	char *dn = NULL;

	/* A name that nobody has: tells whether base and filter are good. */
	lookup_person_init(&nobody);
	(void)!find(s, STR("nobody.invalid"), &nobody, &dn);
	lookup_person_fini(&nobody);
	free(dn);
}

static void free_source(struct lookup_source *source)
{
	struct ldap_source *s = (struct ldap_source *)source;
	char *const owned[] = {s->uri, s->ca, s->bind_dn, s->bind_password,
		s->base, s->filter, s->name, s->hash, s->quota, s->disabled,
		s->services};

	connections_fini(&s->searchers);
	connections_fini(&s->binders);
	secret_wipe(s->bind_password, strlen(s->bind_password));
	for (size_t i = 0; i < COUNT_OF(owned); i++)
		free(owned[i]);
	free(s);
}

static void collect_attributes(struct ldap_source *s)
{
	char *const all[] = {s->name, s->method == LDAP_HASH ? s->hash : NULL,
		s->quota, s->disabled, s->services};
	static char none[] = LDAP_NO_ATTRS;
	size_t n = 0;

	for (size_t i = 0; i < COUNT_OF(all); i++)
		if (all[i] && *all[i])
			s->wanted[n++] = all[i];
	if (!n)
		s->wanted[0] = none;
}

static int scope_of(enum lookup_ldap_scope scope)
{
	switch (scope) {
	case LDAP_ONELEVEL:
		return LDAP_SCOPE_ONELEVEL;
	case LDAP_ENTRY:
		return LDAP_SCOPE_BASE;
	default:
		return LDAP_SCOPE_SUBTREE;
	}
}

/* libldap, and its use of TLS, set themselves up with the first handle, which
 * is not safe when several threads have their first at once. No connection is
 * made. */
static void set_up_library(const struct ldap_source *s)
{
	LDAP *ld = NULL;

	if (ldap_initialize(&ld, s->uri) == LDAP_SUCCESS)
		(void)set_options(s, ld);
	if (ld)
		close_connection(ld);
}

struct lookup_source *lookup_ldap_new(
	const struct lookup_ldap_settings *settings)
{
	struct ldap_source *s = xcalloc(1, sizeof *s);
	unsigned most = settings->limits.connections;

	s->source = (struct lookup_source){.kind = LOOKUP_LDAP,
		.prepare = prepare,
		.ask = ask,
		.free = free_source};
	s->on_connect = (struct ldap_conncb){
		.lc_add = add_layer, .lc_del = forget_socket, .lc_arg = s};
	connections_init(&s->searchers, most, close_connection);
	connections_init(&s->binders, most, close_connection);
	s->timeout_ms = settings->limits.timeout_ms;
	s->starttls = settings->starttls;
	s->uri = xstrdup(settings->uri);
	s->ca = xstrdup(settings->ca);
	s->bind_dn = xstrdup(settings->bind_dn);
	s->bind_password = xstrdup(settings->bind_password);
	s->base = xstrdup(settings->base);
	s->filter = xstrdup(settings->filter);
	s->name = xstrdup(settings->attribute_name);
	s->hash = xstrdup(settings->attribute_hash);
	s->quota = xstrdup(settings->attribute_quota);
	s->disabled = xstrdup(settings->attribute_disabled);
	s->services = xstrdup(settings->attribute_services);
	s->scope = scope_of(settings->scope);
	s->method = settings->method;
	collect_attributes(s);
	set_up_library(s);
	return &s->source;
}
