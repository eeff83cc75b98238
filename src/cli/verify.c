/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of all that is stored: verify, and repair. */
#include "base/alloc.h"
#include "cli/client.h"

#include <stdio.h>
#include <string.h>

/* Problems by account, {"7": ["words", ...]}: who they are is asked when all
 * are there. */
static int keep_problem(
	struct client *c, enum client_role role, const json_t *item, void *arg)
{
	json_t *problems = arg, *list;
	char number[32];

	(void)c;
	(void)role;
	snprintf(number, sizeof number, "%lld",
		(long long)json_integer_value(
			json_object_get(item, "account")));
	list = json_object_get(problems, number);
	if (!list) {
		list = json_array();
		json_object_set_new(problems, number, list);
	}
	json_array_append(list, json_object_get(item, "problem"));
	return CLI_OK;
}

static void print_problems(const char *account, const json_t *list)
{
	const json_t *words;
	size_t i;

	json_array_foreach(list, i, words)
		printf("%s: %s\n", account, json_string_value(words));
}

static int print_known(
	struct client *c, enum client_role role, const json_t *item, void *arg)
{
	json_t *problems = arg, *list;
	char number[32];

	(void)c;
	(void)role;
	snprintf(number, sizeof number, "%lld",
		(long long)json_integer_value(json_object_get(item, "id")));
	list = json_object_get(problems, number);
	print_problems(json_string_value(json_object_get(item, "name")), list);
	json_object_del(problems, number);
	return CLI_OK;
}

/* By name; those that auth does not know by number. */
static int tell_problems(struct client *c, json_t *problems)
{
	const char *number;
	const json_t *list;
	json_t *answer = NULL;
	int code = CLI_OK;

	if (json_object_size(problems) > 0)
		code = client_call(c, CLIENT_AUTH,
			json_pack("{s:s}", "cmd", "account.list"), print_known,
			problems, &answer);
	json_decref(answer);
	json_object_foreach(problems, number, list)
	{
		char name[64] = "the store";

		if (strcmp(number, "0") != 0)
			snprintf(
				name, sizeof name, "account number %s", number);
		print_problems(name, list);
	}
	return code;
}

static json_int_t figure(const json_t *answer, const char *name)
{
	return json_integer_value(json_object_get(answer, name));
}

/* The request is taken over. */
static int ask_mail(struct cli *cli, const char *account, json_t *request,
	int (*summarise)(const json_t *answer))
{
	json_t *problems = json_object(), *answer = NULL;
	json_int_t number = 0;
	struct client c;
	int code = client_open(&c, cli, true), told;

	if (!code && account)
		code = client_account(&c, account, &number);
	json_object_set_new(request, "account", json_integer(number));
	if (!code)
		code = client_call(&c, CLIENT_MAIL, json_incref(request),
			keep_problem, problems, &answer);
	told = tell_problems(&c, problems);
	if (!code)
		code = told;
	if (!code)
		code = summarise(answer);
	json_decref(request);
	json_decref(answer);
	json_decref(problems);
	client_close(&c);
	return code;
}

static int summarise_verify(const json_t *answer)
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
	int code = cli_options(cli, options, COUNT_OF(options));

	if (!code && cli->argc > 0)
		code = cli_usage(cli, "takes no arguments");
	return code ? code
		    : ask_mail(cli, account,
			      json_pack("{s:s}", "cmd", "mail.verify"),
			      summarise_verify);
}

static int summarise_repair(const json_t *answer)
{
	bool dry = json_is_true(json_object_get(answer, "dry"));

	printf("%lld accounts: %lld things %s, %lld %s lost\n",
		(long long)figure(answer, "accounts"),
		(long long)figure(answer, "done"), dry ? "to be done" : "done",
		(long long)figure(answer, "lost"), dry ? "would be" : "are");
	if (dry && figure(answer, "done") + figure(answer, "lost") > 0)
		printf("Nothing was changed: culver repair --write does it.\n");
	return CLI_OK;
}

int cli_repair(struct cli *cli)
{
	const char *account = NULL;
	bool write = false;
	const struct cli_option options[] = {
		{"--account", NULL, &account}, {"--write", &write, NULL}};
	int code = cli_options(cli, options, COUNT_OF(options));

	if (!code && cli->argc > 0)
		code = cli_usage(cli, "takes no arguments");
	return code ? code
		    : ask_mail(cli, account,
			      json_pack("{s:s, s:b}", "cmd", "mail.repair",
				      "write", (int)write),
			      summarise_repair);
}
