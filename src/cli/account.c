/* SPDX-License-Identifier: Apache-2.0 */
/* The account commands. What is a name, a size, a password, the server knows;
 * here words only come and go. */
#include "base/alloc.h"
#include "cli/ask.h"
#include "cli/client.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* -------- printing -------- */

static const char *quota_text(json_int_t bytes, char *room, size_t size)
{
	static const char units[] = "bkmgt";
	size_t unit = 0;

	if (bytes == 0)
		return "none";
	while (unit + 2 < sizeof units && bytes % 1024 == 0) {
		bytes /= 1024;
		unit++;
	}
	snprintf(room, size, "%lld%c%s", (long long)bytes, units[unit],
		unit ? "b" : "");
	return room;
}

static const char *time_text(json_int_t seconds, char *room, size_t size)
{
	time_t t = (time_t)seconds;
	struct tm tm;

	localtime_r(&t, &tm);
	strftime(room, size, "%Y-%m-%d %H:%M:%S %z", &tm);
	return room;
}

static const char *string_of(const json_t *object, const char *member)
{
	const char *s = json_string_value(json_object_get(object, member));

	return s ? s : "";
}

static json_int_t integer_of(const json_t *object, const char *member)
{
	return json_integer_value(json_object_get(object, member));
}

static const char *yes_no(const json_t *value)
{
	return json_is_true(value) ? "yes" : "no";
}

static int print_row(
	struct client *c, enum client_role role, const json_t *a, void *arg)
{
	char quota[32];
	const char *state = "enabled";

	(void)c;
	(void)role;
	(void)arg;
	if (!json_is_true(json_object_get(a, "enabled")))
		state = "disabled";
	else if (!json_is_true(json_object_get(a, "password")))
		state = "no password";
	printf("%-32s  %10s  %s\n", string_of(a, "name"),
		quota_text(integer_of(a, "quota"), quota, sizeof quota), state);
	return CLI_OK;
}

/* As `account set` takes them, so that one line can be copied to it. */
static void print_account(const json_t *a)
{
	json_t *protocols = json_object_get(a, "protocols");
	char room[64];
	const char *protocol;
	json_t *on;

	printf("name=%s\n", string_of(a, "name"));
	printf("id=%lld\n", (long long)integer_of(a, "id"));
	printf("enabled=%s\n", yes_no(json_object_get(a, "enabled")));
	printf("password=%s\n", yes_no(json_object_get(a, "password")));
	printf("quota=%s\n",
		quota_text(integer_of(a, "quota"), room, sizeof room));
	json_object_foreach(protocols, protocol, on)
		printf("%s=%s\n", protocol, yes_no(on));
	printf("created=%s\n",
		time_text(integer_of(a, "created"), room, sizeof room));
	printf("changed=%s\n",
		time_text(integer_of(a, "changed"), room, sizeof room));
}

/* -------- talking -------- */

/* One command to auth, with or without a server. */
static int ask_auth(
	struct cli *cli, json_t *request, client_item_fn *fn, json_t **answer_r)
{
	struct client c;
	int code = client_open(&c, cli, true);

	if (answer_r)
		*answer_r = NULL;
	if (code)
		json_decref(request);
	else
		code = client_call(
			&c, CLIENT_AUTH, request, fn, NULL, answer_r);
	client_close(&c);
	return code;
}

static json_t *request_for(const char *command, const char *name)
{
	/* NULL (a name that is not UTF-8) is told when it is sent */
	return json_pack("{s:s, s:s}", "cmd", command, "name", name);
}

/* The command's only operand. */
static int take_name(struct cli *cli, const char **name_r)
{
	if (cli->argc < 1)
		return cli_usage(cli, "which account?");
	if (cli->argc > 1)
		return cli_usage(cli, "too many arguments: %s", cli->argv[1]);
	*name_r = cli->argv[0];
	return CLI_OK;
}

static int no_options(struct cli *cli)
{
	return cli_options(cli, NULL, 0);
}

static void set_password(json_t *request, struct secret *password)
{
	json_object_set_new(
		request, "password", json_stringn(password->p, password->n));
	secret_fini(password);
}

/* -------- the commands -------- */

int cli_account_add(struct cli *cli)
{
	bool from_stdin = false;
	const char *quota = NULL, *name;
	const struct cli_option options[] = {
		{"--password-stdin", &from_stdin, NULL},
		{"--quota", NULL, &quota},
	};
	struct secret password;
	json_t *request, *settings;
	int code = cli_options(cli, options, COUNT_OF(options));

	if (!code)
		code = take_name(cli, &name);
	if (!code)
		code = ask_password(cli, name, from_stdin, &password);
	if (code)
		return code;
	request = request_for("account.add", name);
	settings = json_object();
	if (quota)
		json_object_set_new(settings, "quota", json_string(quota));
	json_object_set_new(request, "settings", settings);
	set_password(request, &password);
	return ask_auth(cli, request, NULL, NULL);
}

int cli_account_list(struct cli *cli)
{
	int code = no_options(cli);

	if (!code && cli->argc > 0)
		code = cli_usage(cli, "takes no arguments");
	if (code)
		return code;
	return ask_auth(cli, json_pack("{s:s}", "cmd", "account.list"),
		print_row, NULL);
}

int cli_account_show(struct cli *cli)
{
	const char *name;
	json_t *answer;
	int code = no_options(cli);

	if (!code)
		code = take_name(cli, &name);
	if (code)
		return code;
	code = ask_auth(cli, request_for("account.show", name), NULL, &answer);
	if (!code)
		print_account(json_object_get(answer, "account"));
	json_decref(answer);
	return code;
}

int cli_account_set(struct cli *cli)
{
	json_t *request, *settings;
	int code = no_options(cli);

	if (!code && cli->argc < 2)
		code = cli_usage(cli, "which account, and what?");
	if (code)
		return code;
	settings = json_object();
	for (int i = 1; i < cli->argc; i++) {
		char *equals = strchr(cli->argv[i], '=');

		if (!equals) {
			json_decref(settings);
			return cli_usage(
				cli, "%s: write KEY=VALUE", cli->argv[i]);
		}
		*equals = '\0';
		json_object_set_new(
			settings, cli->argv[i], json_string(equals + 1));
	}
	request = request_for("account.set", cli->argv[0]);
	json_object_set_new(request, "settings", settings);
	return ask_auth(cli, request, NULL, NULL);
}

int cli_account_password(struct cli *cli)
{
	bool from_stdin = false;
	const char *name;
	const struct cli_option options[] = {
		{"--password-stdin", &from_stdin, NULL},
	};
	struct secret password;
	json_t *request;
	int code = cli_options(cli, options, COUNT_OF(options));

	if (!code)
		code = take_name(cli, &name);
	if (!code)
		code = ask_password(cli, name, from_stdin, &password);
	if (code)
		return code;
	request = request_for("account.password", name);
	set_password(request, &password);
	return ask_auth(cli, request, NULL, NULL);
}

int cli_account_remove(struct cli *cli)
{
	const char *name;
	int code = no_options(cli);

	if (!code)
		code = take_name(cli, &name);
	if (code)
		return code;
	return ask_auth(cli, request_for("account.remove", name), NULL, NULL);
}
