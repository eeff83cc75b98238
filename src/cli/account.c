/* SPDX-License-Identifier: Apache-2.0 */
/* The account commands. What is a name, a size, a password, the server knows;
 * here words only come and go. */
#include "base/alloc.h"
#include "cli/account.h"
#include "cli/ask.h"
#include "cli/print.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -------- printing -------- */

/* Rows, or one JSON array. */
struct listing {
	bool as_json;
	size_t count;
};

static int print_row(
	struct client *c, enum client_role role, const json_t *a, void *arg)
{
	struct listing *listing = arg;
	const char *state = "enabled", *source = print_string_of(a, "source");
	char quota[32];

	(void)c;
	(void)role;
	if (listing->as_json) {
		print_array_item(a, &listing->count);
		return CLI_OK;
	}
	if (!json_is_true(json_object_get(a, "enabled")))
		state = "disabled";
	else if (strcmp(source, "builtin") != 0)
		state = source;
	else if (!json_is_true(json_object_get(a, "password")))
		state = "no password";
	printf("%-32s  %10s  %s\n", print_string_of(a, "name"),
		print_size(print_integer_of(a, "quota"), quota, sizeof quota),
		state);
	return CLI_OK;
}

/* As `account set` takes them, so that one line can be copied to it. */
static void print_account(const json_t *a)
{
	json_t *protocols = json_object_get(a, "protocols");
	char room[64];
	const char *protocol;
	char *scram = print_words(json_object_get(a, "scram"));
	json_t *on;

	printf("name=%s\n", print_string_of(a, "name"));
	printf("id=%lld\n", (long long)print_integer_of(a, "id"));
	printf("source=%s\n", print_string_of(a, "source"));
	printf("enabled=%s\n", print_yes_no(json_object_get(a, "enabled")));
	printf("password=%s\n", print_yes_no(json_object_get(a, "password")));
	printf("scram=%s\n", *scram ? scram : "no");
	printf("master=%s\n", print_yes_no(json_object_get(a, "master")));
	printf("detail=%s\n", print_yes_no(json_object_get(a, "detail")));
	printf("quota=%s\n",
		print_size(print_integer_of(a, "quota"), room, sizeof room));
	json_object_foreach(protocols, protocol, on)
		printf("%s=%s\n", protocol, print_yes_no(on));
	printf("created=%s\n", print_time(print_integer_of(a, "created"), "-",
				       room, sizeof room));
	printf("changed=%s\n", print_time(print_integer_of(a, "changed"), "-",
				       room, sizeof room));
	free(scram);
}

/* The aliases and app passwords of a shown account. */
struct belongings {
	json_t *aliases;
	json_t *app_passwords;
};

static int collect_item(
	struct client *c, enum client_role role, const json_t *item, void *arg)
{
	struct belongings *b = arg;
	json_t *alias = json_object_get(item, "alias");

	(void)c;
	(void)role;
	if (alias)
		json_array_append(b->aliases, alias);
	else
		json_array_append_new(b->app_passwords, json_deep_copy(item));
	return CLI_OK;
}

static void print_belongings(const struct belongings *b)
{
	size_t i;
	json_t *item;

	json_array_foreach(b->aliases, i, item)
		printf("alias=%s\n", json_string_value(item));
	json_array_foreach(b->app_passwords, i, item) printf(
		"app-password=%s\n", print_string_of(item, "app_password"));
}

static void print_all(json_t *account, const struct belongings *b, bool as_json)
{
	if (!as_json) {
		print_account(account);
		print_belongings(b);
		return;
	}
	json_object_set(account, "aliases", b->aliases);
	json_object_set(account, "app_passwords", b->app_passwords);
	json_dumpf(account, stdout, JSON_INDENT(2));
	putchar('\n');
}

/* -------- talking -------- */

json_t *account_request(const char *command, const char *name)
{
	/* NULL (a name that is not UTF-8) is told when it is sent */
	return json_pack("{s:s, s:s}", "cmd", command, "name", name);
}

int account_take_name(struct cli *cli, const char **name_r)
{
	if (cli->argc < 1)
		return cli_usage(cli, "which account?");
	if (cli->argc > 1)
		return cli_usage(cli, "too many arguments: %s", cli->argv[1]);
	*name_r = cli->argv[0];
	return CLI_OK;
}

int account_take_settings(struct cli *cli, int from, json_t *object)
{
	for (int i = from; i < cli->argc; i++) {
		char *equals = strchr(cli->argv[i], '=');

		if (!equals)
			return cli_usage(
				cli, "%s: write KEY=VALUE", cli->argv[i]);
		*equals = '\0';
		json_object_set_new(
			object, cli->argv[i], json_string(equals + 1));
	}
	return CLI_OK;
}

static void set_password(json_t *request, struct secret *password)
{
	json_object_set_new(
		request, "password", json_stringn(password->p, password->n));
	secret_fini(password);
}

static int ask_auth(struct cli *cli, json_t *request)
{
	return client_ask(cli, CLIENT_AUTH, request, NULL, NULL, NULL);
}

/* -------- the commands -------- */

/* Somebody else knows the password, or there is none. */
static bool needs_password(const json_t *settings)
{
	return !json_object_get(settings, "password-hash") &&
	       !json_object_get(settings, "source");
}

static int add(struct cli *cli, json_t *settings, bool ask, bool from_stdin)
{
	struct secret password = {0};
	const char *name = cli->argv[0];
	json_t *request;
	int code = CLI_OK;

	if (ask)
		code = ask_password(cli, name, from_stdin, &password);
	if (code)
		return code;
	request = account_request("account.add", name);
	json_object_set(request, "settings", settings);
	if (ask)
		set_password(request, &password);
	return ask_auth(cli, request);
}

int cli_account_add(struct cli *cli)
{
	bool from_stdin = false, none = false;
	const char *quota = NULL;
	const struct cli_option options[] = {
		{"--password-stdin", &from_stdin, NULL},
		{"--no-password", &none, NULL},
		{"--quota", NULL, &quota},
	};
	json_t *settings;
	int code = cli_options(cli, options, COUNT_OF(options));

	if (!code && cli->argc < 1)
		code = cli_usage(cli, "which account?");
	if (!code && none && from_stdin)
		code = cli_usage(cli, "a password, or none?");
	if (code)
		return code;
	settings = json_object();
	code = account_take_settings(cli, 1, settings);
	if (quota)
		json_object_set_new(settings, "quota", json_string(quota));
	if (!code)
		code = add(cli, settings,
			from_stdin || (!none && needs_password(settings)),
			from_stdin);
	json_decref(settings);
	return code;
}

int cli_account_list(struct cli *cli)
{
	struct listing listing = {0};
	const struct cli_option options[] = {
		{"--json", &listing.as_json, NULL}};
	int code = cli_options(cli, options, COUNT_OF(options));

	if (!code && cli->argc > 0)
		code = cli_usage(cli, "takes no arguments");
	if (code)
		return code;
	code = client_ask(cli, CLIENT_AUTH,
		json_pack("{s:s}", "cmd", "account.list"), print_row, &listing,
		NULL);
	if (!code && listing.as_json)
		print_array_end(listing.count);
	return code;
}

int cli_account_show(struct cli *cli)
{
	bool as_json = false;
	const struct cli_option options[] = {{"--json", &as_json, NULL}};
	struct belongings b;
	const char *name;
	json_t *answer, *request;
	int code = cli_options(cli, options, COUNT_OF(options));

	if (!code)
		code = account_take_name(cli, &name);
	if (code)
		return code;
	b = (struct belongings){json_array(), json_array()};
	request = account_request("account.show", name);
	json_object_set_new(request, "all", json_true());
	code = client_ask(cli, CLIENT_AUTH, request, collect_item, &b, &answer);
	if (!code)
		print_all(json_object_get(answer, "account"), &b, as_json);
	json_decref(answer);
	json_decref(b.aliases);
	json_decref(b.app_passwords);
	return code;
}

int cli_account_set(struct cli *cli)
{
	bool now = false;
	const struct cli_option options[] = {{"--now", &now, NULL}};
	json_t *request, *settings;
	int code = cli_options(cli, options, COUNT_OF(options));

	if (!code && cli->argc < 2)
		code = cli_usage(cli, "which account, and what?");
	if (code)
		return code;
	settings = json_object();
	code = account_take_settings(cli, 1, settings);
	request = account_request("account.set", cli->argv[0]);
	json_object_set_new(request, "settings", settings);
	json_object_set_new(request, "now", json_boolean(now));
	if (!code)
		return ask_auth(cli, request);
	json_decref(request);
	return code;
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
		code = account_take_name(cli, &name);
	if (!code)
		code = ask_password(cli, name, from_stdin, &password);
	if (code)
		return code;
	request = account_request("account.password", name);
	set_password(request, &password);
	return ask_auth(cli, request);
}

int cli_account_remove(struct cli *cli)
{
	const char *name;
	int code = cli_options(cli, NULL, 0);

	if (!code)
		code = account_take_name(cli, &name);
	if (code)
		return code;
	return ask_auth(cli, account_request("account.remove", name));
}
