/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"
#include "base/cursor.h"
#include "base/log.h"
#include "server/auth_private.h"

#include <stdlib.h>

/* Questions under way. Mail asks one per recipient of a delivery. */
#define RESOLVES_MAX 1024

struct resolve {
	struct pool_job job;
	struct auth *auth;
	struct auth_rules *rules;
	uint32_t id;
	uint64_t channel; /* mail's, from which it came */
	char *protocol, *address;
	bool looked; /* at our own accounts; this came of it: */
	enum err err;
	struct resolved found;
};

static void put_answer(
	struct buf *out, enum err e, const struct resolved *resolved)
{
	if (e == ERR_INVALID)
		e = ERR_NOTFOUND;
	if (e && e != ERR_NOTFOUND && e != ERR_DENIED)
		e = ERR_UNAVAILABLE;
	buf_add_varint(out, (uint64_t)e);
	buf_add_sized(out, buf_str(&resolved->detail));
	buf_add_varint(out, e ? 0 : resolved->count);
	for (size_t i = 0; !e && i < resolved->count; i++) {
		buf_add_varint(out, resolved->list[i].id);
		buf_add_sized(out, str_c(resolved->list[i].name));
		buf_add_varint(out, resolved->list[i].detail);
	}
}

static void tell(struct auth *a, uint64_t channel, uint32_t id, str payload)
{
	struct peer *mail = peer_find(a, "mail");

	/* Another mail has not asked. */
	if (mail && mail->number == channel)
		peer_tell(mail, IPC_RESOLVED, id, payload);
}

static void resolve_end(struct resolve *r)
{
	struct buf answer = BUF_UNBOUNDED;

	put_answer(&answer, r->err, &r->found);
	tell(r->auth, r->channel, r->id, buf_str(&answer));
	buf_fini(&answer);
	resolved_fini(&r->found);
	rules_drop(r->rules);
	free(r->protocol);
	free(r->address);
	free(r);
}

static void resolve_done(struct loop *loop, void *arg)
{
	struct resolve *r = arg;
	struct auth *a = r->auth;

	(void)loop;
	resolve_end(r);
	a->working--;
	a->resolving--;
	auth_check_end(a);
}

static void look_up(struct resolve *r)
{
	r->looked = true;
	r->err = accounts_resolve(r->auth->context.accounts, r->rules->resolve,
		str_c(r->address), account_protocol_bit(str_c(r->protocol)),
		&r->found);
}

static bool is_for_others(const struct resolve *r)
{
	return r->rules->outside &&
	       (r->err == ERR_NOTFOUND || (!r->err && r->found.last_resort));
}

/* -------- on a worker -------- */

struct search {
	struct resolve *resolve;
	enum err err; /* OK: somebody was found */
};

static bool find_name(str name, void *arg)
{
	struct search *search = arg;
	const struct resolve *r = search->resolve;
	struct sources_switches switches; /* mail is still delivered */
	struct account row;

	search->err = sources_find(
		r->auth, r->rules, name, str_c(r->protocol), &row, &switches);
	account_fini(&row);
	return search->err != ERR_NOTFOUND;
}

/* Somebody whom only an outside source knows, whose first mail this is. */
static void look_outside(struct resolve *r)
{
	struct search search = {r, ERR_NOTFOUND};

	resolve_each_name(
		r->rules->resolve, str_c(r->address), find_name, &search);
	if (search.err == ERR_NOTFOUND)
		return;
	resolved_fini(&r->found);
	if (search.err)
		r->err = ERR_UNAVAILABLE;
	else
		look_up(r);
}

static void run_resolve(struct pool_job *job)
{
	struct resolve *r = LOOP_OWNER(job, struct resolve, job);

	if (!r->looked)
		look_up(r);
	if (is_for_others(r))
		look_outside(r);
	loop_post(r->auth->loop, resolve_done, r);
}

/* -------- on the loop -------- */

static void refuse(struct peer *p, uint32_t id)
{
	struct resolved none = {.detail = BUF_UNBOUNDED};
	struct buf payload = BUF_UNBOUNDED;

	put_answer(&payload, ERR_UNAVAILABLE, &none);
	peer_tell(p, IPC_RESOLVED, id, buf_str(&payload));
	buf_fini(&payload);
}

/* Our own accounts are looked at here, unless somebody holds them. */
enum err resolve_start(struct peer *p, const struct ipc_msg *m)
{
	struct cursor c = cursor_of(m->payload);
	str protocol = cursor_sized(&c), address = cursor_sized(&c);
	struct auth *a = p->auth;
	struct resolve *r;

	if (!cursor_ok(&c) || !cursor_done(&c))
		return ERR_INVALID;
	if (a->role.stopping || a->resolving >= RESOLVES_MAX) {
		refuse(p, m->id);
		return OK;
	}
	r = xcalloc(1, sizeof *r);
	r->auth = a;
	r->rules = rules_take(a->rules);
	r->id = m->id;
	r->channel = p->number;
	r->protocol = xstrndup(protocol.p, protocol.n);
	r->address = xstrndup(address.p, address.n);
	if (!accounts_are_held(a->context.accounts))
		look_up(r);
	if (r->looked && !is_for_others(r)) {
		resolve_end(r);
		return OK;
	}
	r->job.run = run_resolve;
	a->working++;
	a->resolving++;
	pool_submit(a->resolvers, &r->job);
	return OK;
}
