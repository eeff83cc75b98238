/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"
#include "cli/client.h"
#include "cli/print.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAILURES_SHOWN 20 /* --json has all */

static void print_uptime(json_int_t seconds)
{
	printf("up %lldd %02lld:%02lld:%02lld\n", (long long)seconds / 86400,
		(long long)seconds / 3600 % 24, (long long)seconds / 60 % 60,
		(long long)seconds % 60);
}

/* The figures that a person looks for; --json has all. */
static void print_processes(json_t *processes)
{
	size_t i;
	json_t *p;

	printf("\n%-8s %11s %9s %8s %7s %7s %9s %9s\n", "process",
		"connections", "accepted", "refused", "logins", "failed",
		"sessions", "commands");
	json_array_foreach(processes, i, p)
		printf("%-8s %11lld %9lld %8lld %7lld %7lld %9lld %9lld\n",
			json_string_value(json_object_get(p, "name")),
			(long long)print_integer_of(p, "connections"),
			(long long)print_integer_of(p, "connections_total"),
			(long long)print_integer_of(p, "connections_refused"),
			(long long)print_integer_of(p, "logins_ok"),
			(long long)print_integer_of(p, "logins_failed"),
			(long long)print_integer_of(p, "sessions"),
			(long long)print_integer_of(p, "commands_total"));
}

static void print_sessions(json_t *sessions, json_int_t count)
{
	json_int_t listed = (json_int_t)json_array_size(sessions);
	size_t i;
	json_t *s;

	if (listed == 0)
		return;
	printf("\n%-24s %-8s %-4s %12s %12s  %s\n", "session", "protocol",
		"TLS", "bytes in", "bytes out", "from");
	json_array_foreach(sessions, i, s) printf(
		"%-24s %-8s %-4s %12lld %12lld  %s\n",
		print_string_of(s, "account"), print_string_of(s, "protocol"),
		json_is_true(json_object_get(s, "tls")) ? "yes" : "no",
		(long long)print_integer_of(s, "in"),
		(long long)print_integer_of(s, "out"),
		print_string_of(s, "remote"));
	if (count > listed)
		printf("and %lld more\n", (long long)(count - listed));
}

/* Much of it is an outsider's. */
static void print_failure(const json_t *f)
{
	const char *account = print_string_of(f, "account");
	char time[32];
	char *line = xasprintf("%-25s  %-10s %-24s %-24s %-13s %s",
		print_time(print_integer_of(f, "time"), "", time, sizeof time),
		print_string_of(f, "protocol"), *account ? account : "-",
		print_string_of(f, "remote"), print_string_of(f, "mechanism"),
		print_string_of(f, "reason"));
	char *clean = print_clean(line);

	puts(clean);
	free(clean);
	free(line);
}

static void print_failures(json_t *failures)
{
	size_t i;
	json_t *f;

	if (json_array_size(failures) == 0)
		return;
	printf("\n%-25s  %-10s %-24s %-24s %-13s %s\n", "failed login",
		"protocol", "account", "from", "mechanism", "reason");
	json_array_foreach(failures, i, f)
	{
		if (i == FAILURES_SHOWN)
			break;
		print_failure(f);
	}
}

static void print_store(json_t *store)
{
	const char *name;
	json_t *value;

	printf("\nstore\n");
	json_object_foreach(store, name, value) if (json_is_integer(value))
		printf("  %-12s %lld\n", name,
			(long long)json_integer_value(value));
}

static void print_status(const json_t *auth, const json_t *mail)
{
	const char *version =
		json_string_value(json_object_get(auth, "version"));

	printf("culver %s, ", version ? version : "?");
	print_uptime(print_integer_of(auth, "uptime"));
	printf("%lld accounts, %lld sessions\n",
		(long long)print_integer_of(auth, "accounts"),
		(long long)print_integer_of(mail, "session_count"));
	print_processes(json_object_get(auth, "processes"));
	print_sessions(json_object_get(mail, "sessions"),
		print_integer_of(mail, "session_count"));
	print_failures(json_object_get(auth, "failures"));
	print_store(json_object_get(mail, "store"));
}

static void print_json(json_t *auth, json_t *mail)
{
	json_t *all;

	json_object_del(auth, "ok");
	json_object_del(mail, "ok");
	all = json_pack("{s:O, s:O}", "auth", auth, "mail", mail);
	json_dumpf(all, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(all);
}

static json_t *command(const char *name)
{
	return json_pack("{s:s}", "cmd", name);
}

int cli_status(struct cli *cli)
{
	bool as_json = false;
	const struct cli_option options[] = {{"--json", &as_json, NULL}};
	json_t *auth = NULL, *mail = NULL;
	struct client c;
	int code = cli_options(cli, options, COUNT_OF(options));

	if (!code && cli->argc > 0)
		code = cli_usage(cli, "takes no arguments");
	if (code)
		return code;
	code = client_open(&c, cli, false);
	if (!code)
		code = client_call(
			&c, CLIENT_AUTH, command("status"), NULL, NULL, &auth);
	if (!code)
		code = client_call(&c, CLIENT_MAIL, command("mail.status"),
			NULL, NULL, &mail);
	if (!code && as_json)
		print_json(auth, mail);
	else if (!code)
		print_status(auth, mail);
	json_decref(auth);
	json_decref(mail);
	client_close(&c);
	return code;
}
