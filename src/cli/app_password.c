/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"
#include "cli/account.h"
#include "cli/print.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int take_label(struct cli *cli, bool settings)
{
	if (cli->argc < 1)
		return cli_usage(cli, "which account?");
	if (cli->argc < 2)
		return cli_usage(cli, "which label?");
	if (!settings && cli->argc > 2)
		return cli_usage(cli, "too many arguments: %s", cli->argv[2]);
	return CLI_OK;
}

static json_t *request_for(struct cli *cli, const char *command)
{
	json_t *request = account_request(command, cli->argv[0]);

	json_object_set_new(request, "label", json_string(cli->argv[1]));
	return request;
}

/* What only this command has; the values are the server's to judge. */
static int check_keys(struct cli *cli, json_t *settings)
{
	const char *key;
	json_t *value;

	json_object_foreach(settings, key,
		value) if (strcmp(key, "scope") != 0 &&
			   strcmp(key, "expires") != 0) return cli_usage(cli,
		"there is no %s; there are: scope expires", key);
	return CLI_OK;
}

int cli_app_password_add(struct cli *cli)
{
	json_t *settings, *request, *answer = NULL;
	int code = cli_options(cli, NULL, 0);

	if (!code)
		code = take_label(cli, true);
	if (code)
		return code;
	settings = json_object();
	code = account_take_settings(cli, 2, settings);
	if (!code)
		code = check_keys(cli, settings);
	if (!code) {
		request = request_for(cli, "app-password.add");
		json_object_update(request, settings);
		code = client_ask(
			cli, CLIENT_AUTH, request, NULL, NULL, &answer);
	}
	if (!code)
		puts(print_string_of(answer, "password"));
	json_decref(answer);
	json_decref(settings);
	return code;
}

/* Rows, or one JSON array. */
struct listing {
	bool as_json;
	size_t count;
};

static int print_row(
	struct client *c, enum client_role role, const json_t *p, void *arg)
{
	struct listing *listing = arg;
	char expires[32], used[32];
	char *scope;

	(void)c;
	(void)role;
	if (listing->as_json) {
		print_array_item(p, &listing->count);
		return CLI_OK;
	}
	scope = print_words(json_object_get(p, "scope"));
	printf("%-24s  %-16s  expires %-25s  last used %s\n",
		print_string_of(p, "app_password"), scope,
		print_time(print_integer_of(p, "expires"), "never", expires,
			sizeof expires),
		print_time(print_integer_of(p, "last_used"), "never", used,
			sizeof used));
	free(scope);
	return CLI_OK;
}

int cli_app_password_list(struct cli *cli)
{
	struct listing listing = {0};
	const struct cli_option options[] = {
		{"--json", &listing.as_json, NULL}};
	const char *name;
	int code = cli_options(cli, options, COUNT_OF(options));

	if (!code)
		code = account_take_name(cli, &name);
	if (code)
		return code;
	code = client_ask(cli, CLIENT_AUTH,
		account_request("app-password.list", name), print_row, &listing,
		NULL);
	if (!code && listing.as_json)
		print_array_end(listing.count);
	return code;
}

int cli_app_password_remove(struct cli *cli)
{
	bool now = false;
	const struct cli_option options[] = {{"--now", &now, NULL}};
	json_t *request;
	int code = cli_options(cli, options, COUNT_OF(options));

	if (!code)
		code = take_label(cli, false);
	if (code)
		return code;
	request = request_for(cli, "app-password.remove");
	json_object_set_new(request, "now", json_boolean(now));
	return client_ask(cli, CLIENT_AUTH, request, NULL, NULL, NULL);
}
