/* SPDX-License-Identifier: Apache-2.0 */
#include "server/lookup_role.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/ipc.h"
#include "base/log.h"
#include "base/secret.h"
#include "lookup/sources.h"
#include "net/loop.h"
#include "net/pool.h"
#include "server/role.h"
#include "server/roles.h"

#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define QUESTIONS_MAX 1024 /* waiting or under way */
/* PAM modules and resolvers keep much on the stack. */
#define WORKER_STACK (1024 * 1024)

/* The sources of one configuration. */
struct sources {
	_Atomic unsigned users;
	struct lookup_source *list[LOOKUP_SOURCES]; /* NULL: not configured */
};

struct lookup {
	struct role role;
	struct loop *loop;
	struct loop_watch master, auth; /* auth.fd -1: no channel */
	uint64_t generation;		/* of the channel */
	struct pool *pool;
	struct sources *sources;
	size_t under_way;
	struct buf room;
};

/* One question, or the preparation of a source. */
struct job {
	struct pool_job pool;
	struct lookup *lookup;
	struct sources *sources;
	struct lookup_source *source;
	uint64_t generation;
	uint32_t id;
	char *payload; /* owned; holds a secret */
	size_t payload_size;
	struct lookup_request question; /* into the payload */
	enum err answer;
	struct lookup_person person;
	uint64_t began;
};

/* -------- sources -------- */

static void release(struct sources *s)
{
	if (!s || atomic_fetch_sub(&s->users, 1) != 1)
		return;
	for (size_t i = 0; i < LOOKUP_SOURCES; i++)
		lookup_source_free(s->list[i]);
	free(s);
}

static struct lookup_limits limits_of(const struct config *config)
{
	return (struct lookup_limits){
		.connections = (unsigned)config->workers_lookup_threads,
		.timeout_ms = (unsigned)config->accounts_timeout};
}

static struct lookup_source *make_pam(const struct config *config)
{
	const struct lookup_pam_settings wanted = {
		.service = config->pam_service,
		.directory = config->pam_directory,
		.first_uid = config->pam_first_uid,
		.last_uid = config->pam_last_uid,
	};

	return lookup_pam_new(&wanted);
}

static struct lookup_source *make_sql(const struct config *config)
{
	const struct lookup_sql_settings wanted = {
		.limits = limits_of(config),
		.connection = config->sql_connection,
		.user_query = config->sql_user_query,
	};

	return lookup_sql_new(&wanted);
}

static struct lookup_source *make_ldap(const struct config *config)
{
	const struct lookup_ldap_settings wanted = {
		.limits = limits_of(config),
		.uri = config->ldap_uri,
		.starttls = config->ldap_starttls,
		.ca = config->ldap_ca,
		.bind_dn = config->ldap_bind_dn,
		.bind_password = config->ldap_bind_password,
		.base = config->ldap_base,
		.scope = (enum lookup_ldap_scope)config->ldap_scope,
		.filter = config->ldap_filter,
		.method = (enum lookup_ldap_method)config->ldap_method,
		.attribute_name = config->ldap_attribute_name,
		.attribute_hash = config->ldap_attribute_hash,
		.attribute_quota = config->ldap_attribute_quota,
		.attribute_disabled = config->ldap_attribute_disabled,
		.attribute_services = config->ldap_attribute_services,
	};

	return lookup_ldap_new(&wanted);
}

static struct lookup_source *make_oauth(const struct config *config)
{
	const struct lookup_oauth_settings wanted = {
		.limits = limits_of(config),
		.jwks_file = config->oauth_jwks_file,
		.jwks_url = config->oauth_jwks_url,
		.introspection_url = config->oauth_introspection_url,
		.client_id = config->oauth_client_id,
		.client_secret = config->oauth_client_secret,
		.ca = config->oauth_ca,
		.issuer = config->oauth_issuer,
		.audience = config->oauth_audience,
		.scope = config->oauth_scope,
		.claim = config->oauth_claim,
	};

	return lookup_oauth_new(&wanted);
}

/* NULL: auth's own. */
static struct lookup_source *make_source(
	const struct config *config, unsigned source)
{
	switch (source) {
	case ACCOUNT_SOURCE_PASSWD:
		return lookup_passwd_new(config->passwd_file);
	case ACCOUNT_SOURCE_PAM:
		return make_pam(config);
	case ACCOUNT_SOURCE_LDAP:
		return make_ldap(config);
	case ACCOUNT_SOURCE_SQL:
		return make_sql(config);
	case ACCOUNT_SOURCE_OAUTH:
		return make_oauth(config);
	default:
		return NULL;
	}
}

static struct sources *make_sources(const struct config *config)
{
	struct sources *s = xcalloc(1, sizeof *s);

	s->users = 1;
	for (size_t i = 0; i < config->accounts_sources.count; i++) {
		struct lookup_source *source =
			make_source(config, config->accounts_sources.list[i]);

		if (source)
			s->list[source->kind] = source;
	}
	return s;
}

static void let_read(struct confine_plan *plan, const char *path)
{
	size_t n = 0;

	while (plan->readable[n])
		n++;
	if (*path)
		plan->readable[n] = path;
}

static bool is_beneath(const char *path, const char *room)
{
	char *inner = realpath(path, NULL), *outer = realpath(room, NULL);
	str above = str_c(outer ? outer : "/");
	bool is = inner && str_starts(str_c(inner), above) &&
		  strchr("/", inner[above.n]);

	free(inner);
	free(outer);
	return is;
}

/* Whether more of ours lies there than the file. */
static bool is_crowded(const struct config *config, const char *room)
{
	return is_beneath(config->state, room) ||
	       is_beneath(config->tls_key, room);
}

/* The directory of the file, since another may come under its name. Not one
 * that has more of ours in it: there, and right under /, the file as it is. */
static void let_read_beside(const struct config *config,
	struct confine_plan *plan, const char *path)
{
	static char rooms[CONFINE_READABLE][PATH_MAX];
	static size_t used;
	char *room = rooms[used++], *slash;

	snprintf(room, sizeof rooms[0], "%s", path);
	slash = strrchr(room, '/');
	if (slash && slash > room)
		*slash = '\0';
	if (!is_crowded(config, room)) {
		let_read(plan, room);
		return;
	}
	if (!plan->quiet)
		log_warn("server",
			"the directory of this file holds the state or the TLS "
			"key, too: a new file in its place is not seen before "
			"a restart",
			LOG_C("path", path));
	let_read(plan, path);
}

/* As libpq: without a host it is a socket. */
static bool is_local_database(const char *connection)
{
	const char *host = strstr(connection, "host");

	if (strstr(connection, "://"))
		return strstr(connection, ":///") || strstr(connection, "%2");
	return !host || strstr(host, "=/") || strstr(host, "='/");
}

/* As root, permissions stand before the control socket. */
static bool needs_local(const struct config *config)
{
	const struct words *sources = &config->accounts_sources;

	return geteuid() == 0 || words_have(sources, ACCOUNT_SOURCE_PAM) ||
	       (words_have(sources, ACCOUNT_SOURCE_LDAP) &&
		       strstr(config->ldap_uri, "ldapi:")) ||
	       (words_have(sources, ACCOUNT_SOURCE_SQL) &&
		       is_local_database(config->sql_connection));
}

void lookup_confine(const struct config *config, struct confine_plan *plan)
{
	const struct words *sources = &config->accounts_sources;

	if (words_have(sources, ACCOUNT_SOURCE_PASSWD))
		let_read_beside(config, plan, config->passwd_file);
	if (words_have(sources, ACCOUNT_SOURCE_PAM))
		let_read(plan, config->pam_directory);
	if (words_have(sources, ACCOUNT_SOURCE_LDAP))
		let_read_beside(config, plan, config->ldap_ca);
	if (words_have(sources, ACCOUNT_SOURCE_OAUTH)) {
		let_read_beside(config, plan, config->oauth_jwks_file);
		let_read_beside(config, plan, config->oauth_ca);
	}
	plan->execute = words_have(sources, ACCOUNT_SOURCE_PAM);
	plan->local = needs_local(config);
}

/* -------- questions -------- */

static void check_end(struct lookup *l)
{
	if (l->role.stopping && l->under_way == 0)
		loop_stop(l->loop);
}

static void say(struct lookup *l, uint32_t id, enum err answer,
	const struct lookup_person *person)
{
	struct buf payload = BUF_UNBOUNDED;
	enum err e;

	lookup_answer_encode(answer, person, &payload);
	e = ipc_send(l->auth.fd, IPC_LOOKUP_DONE, id, buf_str(&payload), -1);
	if (e && e != ERR_CLOSED)
		log_error("auth", "auth takes no answers", LOG_ERR(e));
	secret_wipe(payload.p, payload.n);
	buf_fini(&payload);
}

static void refuse(struct lookup *l, uint32_t id, enum err answer)
{
	struct lookup_person nobody;

	lookup_person_init(&nobody);
	say(l, id, answer, &nobody);
}

static void free_job(struct job *j)
{
	release(j->sources);
	secret_wipe(j->payload, j->payload_size);
	free(j->payload);
	lookup_person_fini(&j->person);
	free(j);
}

static void log_answer(const struct job *j)
{
	const struct lookup_request *q = &j->question;

	log_debug("auth", "source asked",
		LOG_C("source", lookup_source_names[q->source]),
		LOG_STR("account", q->name), LOG_STR("remote", q->remote),
		LOG_C("answer", err_words(j->answer)),
		LOG_U64("ms", clock_monotonic_ms() - j->began));
}

static void answered(struct loop *loop, void *arg)
{
	struct job *j = arg;
	struct lookup *l = j->lookup;

	(void)loop;
	log_answer(j);
	/* An auth that was restarted does not know the id. */
	if (l->auth.fd >= 0 && j->generation == l->generation)
		say(l, j->id, j->answer, &j->person);
	free_job(j);
	l->under_way--;
	check_end(l);
}

/* On a worker. */
static void ask(struct pool_job *pool)
{
	struct job *j = LOOP_OWNER(pool, struct job, pool);

	j->answer = lookup_ask(j->source, &j->question, &j->person);
	loop_post(j->lookup->loop, answered, j);
}

static struct job *new_job(struct lookup *l, struct lookup_source *source)
{
	struct job *j = xcalloc(1, sizeof *j);

	j->lookup = l;
	j->sources = l->sources;
	j->sources->users++;
	j->source = source;
	j->generation = l->generation;
	j->began = clock_monotonic_ms();
	lookup_person_init(&j->person);
	l->under_way++;
	return j;
}

static enum err on_question(struct lookup *l, const struct ipc_msg *m)
{
	struct lookup_request q;
	struct lookup_source *source;
	enum err e = lookup_request_decode(m->payload, &q);
	struct job *j;

	if (e)
		return e;
	source = l->sources->list[q.source];
	if (!source || l->under_way >= QUESTIONS_MAX || l->role.stopping) {
		log_warn("auth", "source cannot be asked",
			LOG_C("source", lookup_source_names[q.source]),
			LOG_C("reason", !source		   ? "not configured"
					: l->role.stopping ? "stopping"
							   : "too busy"));
		refuse(l, m->id, ERR_UNAVAILABLE);
		return OK;
	}
	j = new_job(l, source);
	j->id = m->id;
	j->payload = xstrndup(m->payload.p, m->payload.n);
	j->payload_size = m->payload.n;
	(void)!lookup_request_decode(
		str_of(j->payload, j->payload_size), &j->question);
	j->pool.run = ask;
	pool_submit(l->pool, &j->pool);
	return OK;
}

/* -------- preparing -------- */

static void prepared(struct loop *loop, void *arg)
{
	struct job *j = arg;
	struct lookup *l = j->lookup;

	(void)loop;
	free_job(j);
	l->under_way--;
	check_end(l);
}

static void prepare(struct pool_job *pool)
{
	struct job *j = LOOP_OWNER(pool, struct job, pool);

	j->source->prepare(j->source);
	loop_post(j->lookup->loop, prepared, j);
}

static void prepare_sources(struct lookup *l)
{
	for (size_t i = 0; i < LOOKUP_SOURCES; i++) {
		struct lookup_source *source = l->sources->list[i];
		struct job *j;

		if (!source || !source->prepare)
			continue;
		j = new_job(l, source);
		j->pool.run = prepare;
		pool_submit(l->pool, &j->pool);
	}
}

static void reload(struct lookup *l)
{
	release(l->sources);
	l->sources = make_sources(l->role.config);
	pool_set_max(l->pool, (unsigned)l->role.config->workers_lookup_threads);
	prepare_sources(l);
}

/* -------- auth and the master -------- */

static void drop_auth(struct lookup *l)
{
	if (l->auth.fd < 0)
		return;
	loop_remove(l->loop, &l->auth);
	close(l->auth.fd);
	l->auth.fd = -1;
	l->generation++;
}

static void auth_readable(
	struct loop *loop, struct loop_watch *watch, uint32_t events)
{
	struct lookup *l = LOOP_OWNER(watch, struct lookup, auth);
	struct ipc_msg m;
	enum err e = ipc_recv(watch->fd, &l->room, &m);

	(void)loop;
	(void)events;
	if (e == ERR_AGAIN)
		return;
	if (m.fd >= 0)
		close(m.fd);
	if (!e)
		e = m.type == IPC_LOOKUP ? on_question(l, &m) : ERR_UNSUPPORTED;
	if (l->room.p)
		secret_wipe(l->room.p, l->room.n);
	if (e && e != ERR_CLOSED)
		log_error("auth", "message from another role",
			LOG_C("name", "auth"), LOG_U64("type", m.type),
			LOG_ERR(e));
	if (e == ERR_CLOSED || e == ERR_INVALID)
		drop_auth(l);
}

static void take_auth(struct lookup *l)
{
	int fd = role_take_channel(&l->role, "auth");

	if (fd < 0)
		return;
	drop_auth(l);
	if (loop_add(l->loop, &l->auth, fd, EPOLLIN, auth_readable) != OK)
		abort(); /* out of memory */
}

static void master_readable(
	struct loop *loop, struct loop_watch *watch, uint32_t events)
{
	struct lookup *l = LOOP_OWNER(watch, struct lookup, master);
	enum role_event event;
	str name;

	(void)loop;
	(void)events;
	while ((event = role_next(&l->role, &name)) != ROLE_NOTHING) {
		switch (event) {
		case ROLE_GONE:
			_exit(0);
		case ROLE_CHANNEL:
			take_auth(l);
			break;
		case ROLE_CONFIG:
			reload(l);
			break;
		default:
			break;
		}
	}
	check_end(l);
}

/* -------- beginning and end -------- */

static enum err begin(struct lookup *l)
{
	enum err e = loop_new(&l->loop);

	if (e)
		return e;
	/* Nothing but our settings counts. */
	setenv("LDAPNOINIT", "1", 1);
	l->auth.fd = -1;
	l->room = BUF_UNBOUNDED;
	l->pool = pool_new(
		(unsigned)l->role.config->workers_lookup_threads, WORKER_STACK);
	l->sources = make_sources(l->role.config);
	take_auth(l);
	prepare_sources(l);
	return loop_add(
		l->loop, &l->master, l->role.master, EPOLLIN, master_readable);
}

static void end(struct lookup *l)
{
	drop_auth(l);
	pool_free(l->pool);
	release(l->sources);
	loop_free(l->loop);
	buf_fini(&l->room);
	role_fini(&l->role);
}

int lookup_main(int master_fd)
{
	static struct lookup l;

	if (role_begin(&l.role, ROLE_LOOKUP, master_fd) || begin(&l) ||
		role_ready(&l.role))
		return 1;
	loop_run(l.loop);
	end(&l);
	return 0;
}
