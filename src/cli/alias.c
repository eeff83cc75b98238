/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"
#include "cli/client.h"
#include "cli/print.h"

#include <stdio.h>

/* NULL where a word is not UTF-8, which is told when it is sent. */
static json_t *request_for(struct cli *cli, const char *command)
{
	json_t *names = json_array();

	for (int i = 1; i < cli->argc; i++)
		if (json_array_append_new(names, json_string(cli->argv[i]))) {
			json_decref(names);
			return NULL;
		}
	return json_pack("{s:s, s:s, s:o}", "cmd", command, "address",
		cli->argv[0], "accounts", names);
}

static int change(struct cli *cli, const char *command, int operands)
{
	int code = cli_options(cli, NULL, 0);

	if (!code && cli->argc < 1)
		code = cli_usage(cli, "which address?");
	if (!code && cli->argc < operands)
		code = cli_usage(cli, "to which account does it go?");
	if (code)
		return code;
	return client_ask(
		cli, CLIENT_AUTH, request_for(cli, command), NULL, NULL, NULL);
}

int cli_alias_add(struct cli *cli)
{
	return change(cli, "alias.add", 2);
}

int cli_alias_remove(struct cli *cli)
{
	return change(cli, "alias.remove", 1);
}

/* Rows, or one JSON array. */
struct listing {
	bool as_json;
	size_t count;
};

static int print_row(
	struct client *c, enum client_role role, const json_t *item, void *arg)
{
	struct listing *listing = arg;

	(void)c;
	(void)role;
	if (listing->as_json)
		print_array_item(item, &listing->count);
	else
		printf("%-40s  %s\n", print_string_of(item, "alias"),
			print_string_of(item, "account"));
	return CLI_OK;
}

int cli_alias_list(struct cli *cli)
{
	struct listing listing = {0};
	const struct cli_option options[] = {
		{"--json", &listing.as_json, NULL}};
	json_t *request;
	int code = cli_options(cli, options, COUNT_OF(options));

	if (!code && cli->argc > 1)
		code = cli_usage(cli, "too many arguments: %s", cli->argv[1]);
	if (code)
		return code;
	request = json_pack("{s:s, s:s*}", "cmd", "alias.list", "whose",
		cli->argc ? cli->argv[0] : NULL);
	code = client_ask(cli, CLIENT_AUTH, request, print_row, &listing, NULL);
	if (!code && listing.as_json)
		print_array_end(listing.count);
	return code;
}
