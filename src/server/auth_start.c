/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/cursor.h"
#include "base/log.h"
#include "base/mechanism.h"
#include "net/endpoint.h"
#include "server/auth_private.h"
#include "session/ticket.h"

#include <arpa/inet.h>
#include <stdlib.h>

#define EXCHANGES_MAX 4096 /* of one front */
#define WORD_MAX 64	   /* protocol, mechanism, TLS version */

/* "192.0.2.1", "2001:db8::1", or with a port; "-" for a Unix socket. */
static enum err endpoint_of(str remote, struct endpoint *endpoint_r)
{
	bool v6 = str_find_byte(remote, ':') < remote.n;
	enum err err;
	char *text;

	*endpoint_r = (struct endpoint){.any.sa_family = AF_UNIX};
	if (str_eq_c(remote, "-") || endpoint_parse(remote, endpoint_r) == OK)
		return OK;
	text = xasprintf(v6 ? "[%.*s]:0" : "%.*s:0", STR_ARG(remote));
	err = endpoint_parse(str_c(text), endpoint_r);
	free(text);
	return err;
}

static bool is_this_machine(const struct endpoint *e)
{
	switch (e->any.sa_family) {
	case AF_INET:
		return ntohl(e->v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	case AF_INET6:
		return IN6_IS_ADDR_LOOPBACK(&e->v6.sin6_addr);
	default:
		return true;
	}
}

/* The throttle's key. This machine's own addresses have none: a webmail here
 * speaks for many. */
static uint64_t address_of(str remote)
{
	struct endpoint e;

	if (endpoint_of(remote, &e))
		return 1; /* what is not an address is all one */
	return is_this_machine(&e) ? THROTTLE_NO_ADDRESS
				   : endpoint_peer_key(&e);
}

/* The fields of IPC_AUTH_START; they point into the message. */
struct start {
	str protocol, mechanism, remote, session, tls, certificate;
	struct sasl_binding bindings[SASL_BINDINGS_MAX];
	size_t binding_count;
	str initial; /* none: the client sent none */
};

static enum err parse_start(str payload, struct start *s)
{
	struct cursor c = cursor_of(payload);
	uint64_t count;

	s->protocol = cursor_sized(&c);
	s->mechanism = cursor_sized(&c);
	s->remote = cursor_sized(&c);
	s->session = cursor_sized(&c);
	s->tls = cursor_sized(&c);
	s->certificate = cursor_sized(&c);
	count = cursor_varint(&c);
	if (count > SASL_BINDINGS_MAX)
		return ERR_INVALID;
	for (s->binding_count = 0; s->binding_count < count;
		s->binding_count++) {
		s->bindings[s->binding_count].name = cursor_sized(&c);
		s->bindings[s->binding_count].data = cursor_sized(&c);
	}
	if (cursor_varint(&c) == 1)
		s->initial = cursor_sized(&c);
	else
		(void)cursor_sized(&c);
	if (!cursor_ok(&c) || !cursor_done(&c) || s->protocol.n > WORD_MAX ||
		s->session.n > WORD_MAX || s->tls.n > WORD_MAX ||
		s->remote.n > 2 * WORD_MAX)
		return ERR_INVALID;
	return OK;
}

static void init_sasl(struct exchange *x, const struct start *s,
	const struct mechanism_row *mechanism)
{
	const struct auth *a = x->auth;
	const struct mechanism_view view = {.offered = a->offered,
		.tls = s->tls.n > 0,
		.plaintext = a->role.config->login_plaintext_without_tls,
		.has_certificate = s->certificate.n > 0};
	const struct sasl_facts facts = {.bindings = s->bindings,
		.binding_count = s->binding_count,
		.certificate = s->certificate,
		.announced = mechanisms_usable(&view),
		.decoy_secret = str_of(a->decoy_secret, DECOY_SECRET_SIZE),
		.decoy_iterations =
			(uint32_t)a->role.config->login_scram_iterations,
		.oauth_scope = x->rules->oauth_scope};

	sasl_init(&x->sasl, mechanism, &facts);
}

static struct exchange *new_exchange(struct peer *p, uint32_t id,
	const struct start *s, const struct mechanism_row *mechanism)
{
	struct exchange *x = xcalloc(1, sizeof *x);

	x->auth = p->auth;
	x->id = id;
	x->rules = rules_take(p->auth->rules);
	x->session = xstrndup(s->session.p, s->session.n);
	x->protocol = xstrndup(s->protocol.p, s->protocol.n);
	x->remote = xstrndup(s->remote.p, s->remote.n);
	x->tls = xstrndup(s->tls.p, s->tls.n);
	x->address = address_of(s->remote);
	x->who = x->as = x->response = BUF_UNBOUNDED;
	x->began = clock_monotonic_ms();
	init_sasl(x, s, mechanism);
	return x;
}

static bool may_use(
	const struct auth *a, const struct mechanism_row *m, str tls)
{
	return m && a->offered & m->bit &&
	       (!(m->flags & MECHANISM_SHOWS_SECRET) || tls.n > 0 ||
		       a->role.config->login_plaintext_without_tls);
}

static bool is_in(const struct networks *networks, str remote)
{
	struct endpoint e;

	return endpoint_of(remote, &e) == OK && networks_contain(networks, &e);
}

/* Who delivers proves nothing but where it is. */
static void let_deliver(struct peer *p, uint32_t id, const struct start *s)
{
	const struct config *config = p->auth->role.config;
	bool may = is_in(&config->lmtp_networks, s->remote);
	struct ticket ticket = {.rights = TICKET_MAY_DELIVER,
		.protocol = s->protocol,
		.name = STR("")};
	struct buf bytes = BUF_UNBOUNDED;

	LOG_AT(may ? LOG_DEBUG : LOG_WARN, "auth",
		may ? "may deliver" : "may not deliver",
		LOG_STR("session", s->session),
		LOG_STR("protocol", s->protocol), LOG_STR("remote", s->remote));
	if (is_in(&config->lmtp_xclient, s->remote))
		ticket.rights |= TICKET_MAY_XCLIENT;
	if (may)
		ticket_mint(role_secret(&p->auth->role, "ticket-key"), &ticket,
			clock_monotonic_ms(), &bytes);
	answer_send(p, id, may ? OK : ERR_DENIED,
		may ? "" : "Not from this address", buf_str(&bytes));
	buf_fini(&bytes);
}

enum err exchange_start(struct peer *p, const struct ipc_msg *m)
{
	struct start s = {.initial = str_none()};
	const struct mechanism_row *known;

	if (parse_start(m->payload, &s) || exchange_find(p, m->id))
		return ERR_INVALID;
	/* One without a switch could not be switched off. */
	if (!account_protocol_bit(s.protocol))
		return ERR_INVALID;
	if (!s.mechanism.n && str_eq_c(s.protocol, "lmtp")) {
		let_deliver(p, m->id, &s);
		return OK;
	}
	known = mechanism_find(s.mechanism);
	if (!may_use(p->auth, known, s.tls)) {
		answer_send(p, m->id, ERR_DENIED,
			"This mechanism is not offered", STR(""));
		return OK;
	}
	if (p->auth->role.stopping || p->count >= EXCHANGES_MAX) {
		answer_send(p, m->id, ERR_UNAVAILABLE,
			"Too busy, try again later", STR(""));
		return OK;
	}
	exchange_begin(p, new_exchange(p, m->id, &s, known), s.initial);
	return OK;
}
