/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"
#include "cli/client.h"

#include <stdio.h>

static int print_problem(
	struct client *c, enum client_role role, const json_t *item, void *arg)
{
	const char *words = json_string_value(json_object_get(item, "problem"));

	(void)c;
	(void)role;
	(void)arg;
	printf("%s\n", words ? words : "?");
	fflush(stdout);
	return CLI_OK;
}

static json_int_t figure(const json_t *answer, const char *name)
{
	return json_integer_value(json_object_get(answer, name));
}

static int summarise(const json_t *answer)
{
	printf("%lld accounts, %lld mailboxes, %lld messages, %lld bytes: "
	       "%lld problems\n",
		(long long)figure(answer, "accounts"),
		(long long)figure(answer, "mailboxes"),
		(long long)figure(answer, "messages"),
		(long long)figure(answer, "bytes"),
		(long long)figure(answer, "problems"));
	return figure(answer, "problems") ? CLI_FAILED : CLI_OK;
}

int cli_verify(struct cli *cli)
{
	const char *account = NULL;
	const struct cli_option options[] = {{"--account", NULL, &account}};
	json_int_t number = 0;
	json_t *answer = NULL;
	struct client c;
	int code = cli_options(cli, options, COUNT_OF(options));

	if (!code && cli->argc > 0)
		code = cli_usage(cli, "takes no arguments");
	if (code)
		return code;
	code = client_open(&c, cli, true);
	if (!code && account)
		code = client_account(&c, account, &number);
	if (!code)
		code = client_call(&c, CLIENT_MAIL,
			json_pack("{s:s, s:I}", "cmd", "mail.verify", "account",
				number),
			print_problem, NULL, &answer);
	if (!code)
		code = summarise(answer);
	json_decref(answer);
	client_close(&c);
	return code;
}
