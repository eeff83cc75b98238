/* SPDX-License-Identifier: Apache-2.0 */
#include "server/auth_role.h"
#include "auth/password.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "net/scoreboard.h"
#include "server/auth_private.h"
#include "server/roles.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* -------- the master -------- */

static void take_channels(struct auth *a)
{
	const char *name;

	while ((name = role_channel_name(&a->role, 0)))
		peer_add(a, name);
}

void auth_check_end(struct auth *a)
{
	if (a->role.stopping && a->working == 0)
		loop_stop(a->loop);
}

static void apply_config(struct auth *a)
{
	if (a->rules)
		rules_drop(a->rules);
	/* What a source once said counts for that source, as it was set. */
	login_cache_forget(a->cache, 0);
	a->rules = rules_new(a->role.config);
	a->context.scram_iterations = a->rules->scram_iterations;
	/* Lookup gives up on a source sooner. */
	a->context.lookup_ms = 2 * a->role.config->accounts_timeout;
	lanes_set(a);
	offer_update(a);
}

static void master_readable(
	struct loop *loop, struct loop_watch *watch, uint32_t events)
{
	struct auth *a = LOOP_OWNER(watch, struct auth, master);
	enum role_event event;
	str name;

	(void)events;
	while ((event = role_next(&a->role, &name)) != ROLE_NOTHING) {
		switch (event) {
		case ROLE_GONE:
			_exit(0);
		case ROLE_CHANNEL:
			take_channels(a);
			break;
		case ROLE_CONFIG:
			apply_config(a);
			break;
		default:
			break;
		}
	}
	(void)loop;
	auth_check_end(a);
}

/* -------- what the commands ask for -------- */

static void news_posted(struct loop *loop, void *arg)
{
	(void)loop;
	news_tell(arg);
	offer_update(arg);
}

static void accounts_changed(struct auth_context *context)
{
	struct auth *a = LOOP_OWNER(context, struct auth, context);

	loop_post(a->loop, news_posted, a);
}

/* -------- beginning and end -------- */

static void attach_pages(struct auth *a)
{
	int fd = role_memory(&a->role, "scoreboard");
	unsigned count = a->role.index + 2;

	a->context.pages = xcalloc(count, sizeof(struct scoreboard *));
	a->context.page_count = count;
	for (unsigned i = 0; i < count && fd >= 0; i++)
		if (scoreboard_attach(fd, i, &a->context.pages[i]) != OK)
			a->context.pages[i] = NULL;
	a->page = a->context.pages[a->role.index];
}

static enum err start_control(struct auth *a)
{
	for (size_t i = 0; i < a->role.listener_count; i++) {
		const struct role_listener *l = &a->role.listeners[i];

		if (strcmp(l->protocol, "control") != 0)
			continue;
		a->control = control_start(
			l->fd, auth_commands, auth_command_count, &a->context);
		return OK;
	}
	log_error("server", "no control socket came");
	return ERR_INVALID;
}

/* From it, SCRAM's salts of accounts that do not exist are made: the same after
 * a restart. */
static enum err read_decoy_secret(struct auth *a)
{
	int fd = open("decoy", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ssize_t n = -1;

	if (fd >= 0)
		n = read(fd, a->decoy_secret, DECOY_SECRET_SIZE);
	if (n >= 0 && n < DECOY_SECRET_SIZE) {
		secret_random(a->decoy_secret, DECOY_SECRET_SIZE);
		n = pwrite(fd, a->decoy_secret, DECOY_SECRET_SIZE, 0);
	}
	if (fd >= 0)
		close(fd);
	if (n == DECOY_SECRET_SIZE)
		return OK;
	log_error("auth", "the file decoy cannot be read or made");
	return ERR_IO;
}

static enum err begin(struct auth *a)
{
	enum err e = accounts_open("accounts.db", &a->context.accounts);

	if (!e)
		e = loop_new(&a->loop);
	if (e)
		return e;
	e = read_decoy_secret(a);
	if (e)
		return e;
	lanes_begin(a);
	a->throttle = throttle_new();
	a->cache = login_cache_new();
	a->lookups = lookups_new();
	/* The first stranger must not take longer than the second. */
	password_verify_nobody(STR("x"));
	a->room = BUF_UNBOUNDED;
	a->context.changed = accounts_changed;
	a->context.sessions_end = news_sessions_end;
	a->context.failures = auth_failures_new();
	a->context.started_ms = clock_monotonic_ms();
	attach_pages(a);
	apply_config(a);
	e = start_control(a);
	if (e)
		return e;
	take_channels(a);
	return loop_add(
		a->loop, &a->master, a->role.master, EPOLLIN, master_readable);
}

static void end(struct auth *a)
{
	control_stop(a->control);
	lookup_gone(a);
	lanes_end(a);
	while (a->peer_count)
		peer_drop(a->peers[0]);
	loop_timer_cancel(a->loop, &a->news_timer);
	accounts_close(a->context.accounts);
	loop_free(a->loop);
	throttle_free(a->throttle);
	login_cache_free(a->cache);
	lookups_free(a->lookups);
	rules_drop(a->rules);
	buf_fini(&a->room);
	free(a->context.pages);
	auth_failures_free(a->context.failures);
	role_fini(&a->role);
}

int auth_main(int master_fd)
{
	static struct auth a;

	if (role_begin(&a.role, ROLE_AUTH, master_fd) || begin(&a) ||
		role_ready(&a.role))
		return 1;
	loop_run(a.loop);
	end(&a);
	return 0;
}
