/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The accounts of a passwd-file, as Dovecot reads it:
 *
 *	user:password:uid:gid:gecos:home:shell:extra_fields
 *
 * Each becomes an account.add; what is a name and what a hash the server
 * knows.
 */
#include "base/alloc.h"
#include "base/secret.h"
#include "base/str.h"
#include "cli/account.h"
#include "cli/print.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reading {
	struct client client;
	const char *path;
	bool dry_run;
	unsigned long line, added, problems;
};

static void problem(struct reading *r, const char *why)
{
	char *clean = print_clean(why);

	fprintf(stderr, "culver: %s:%lu: %s\n", r->path, r->line, clean);
	free(clean);
	r->problems++;
}

/* -------- fields -------- */

/* Up to the next colon; *line moves behind it. */
static str take_field(str *line)
{
	size_t n = str_find_byte(*line, ':');
	str field = str_take(*line, n);

	*line = str_skip(*line, n + 1);
	return field;
}

static json_t *json_of(str s)
{
	return json_stringn(s.p, s.n);
}

/* "*:storage=10G", "*:bytes=1000": the server takes "10g" and "1000b". Other
 * rules, for mailboxes or counts of messages, have nothing here. */
static bool take_quota_rule(str value, json_t *settings)
{
	static const struct {
		const char *prefix, *unit;
	} rules[] = {{"*:storage=", "kb"}, {"*:bytes=", "b"}};

	for (size_t i = 0; i < COUNT_OF(rules); i++) {
		str prefix = str_c(rules[i].prefix);
		char *text;

		if (!str_istarts(value, prefix))
			continue;
		value = str_skip(value, prefix.n);
		text = value.n && ascii_is_digit(value.p[value.n - 1])
			       ? xasprintf("%.*s%s", STR_ARG(value),
					 rules[i].unit)
			       : xstrndup(value.p, value.n);
		json_object_set_new(settings, "quota", json_string(text));
		free(text);
		return true;
	}
	return false;
}

static void take_extra(str extra, json_t *settings)
{
	while (extra.n > 0) {
		size_t n = str_find_byte(extra, ' ');
		str word = str_take(extra, n);
		size_t equals = str_find_byte(word, '=');
		str key = str_take(word, equals);
		str value = str_skip(word, equals + 1);

		extra = str_skip(extra, n + 1);
		if (str_starts(key, STR("userdb_")))
			key = str_skip(key, strlen("userdb_"));
		if (str_eq(key, STR("quota_rule")))
			take_quota_rule(value, settings);
		else if (str_eq(key, STR("quota_storage_size")))
			json_object_set_new(settings, "quota", json_of(value));
		else if (str_eq(key, STR("nologin")))
			json_object_set_new(
				settings, "enabled", json_string("no"));
	}
}

/* A password that stands there as it is gets a hash; "" and "*" and "!" are
 * nobody's. */
static void take_password(str field, json_t *request, json_t *settings)
{
	static const char *const plain[] = {
		"{PLAIN}", "{CLEARTEXT}", "{CLEAR}"};

	for (size_t i = 0; i < COUNT_OF(plain); i++)
		if (str_istarts(field, str_c(plain[i]))) {
			json_object_set_new(request, "password",
				json_of(str_skip(field, strlen(plain[i]))));
			return;
		}
	if (field.n > 0 && field.p[0] != '*' && field.p[0] != '!')
		json_object_set_new(settings, "password-hash", json_of(field));
}

/* -------- lines -------- */

static json_t *request_of(const struct reading *r, str line)
{
	json_t *request = json_object(), *settings = json_object();
	json_t *name = json_of(take_field(&line));

	json_object_set_new(request, "cmd", json_string("account.add"));
	json_object_set_new(request, "dry_run", json_boolean(r->dry_run));
	json_object_set_new(request, "settings", settings);
	take_password(take_field(&line), request, settings);
	for (int i = 0; i < 5; i++) /* uid, gid, gecos, home, shell */
		take_field(&line);
	take_extra(line, settings);
	if (json_object_set_new(request, "name", name) == 0)
		return request;
	json_decref(request); /* not UTF-8 */
	return NULL;
}

static int take_line(struct reading *r, str line)
{
	json_t *request;
	char *why = NULL;
	int code;

	if (line.n == 0 || line.p[0] == '#')
		return CLI_OK;
	if (str_find_byte(line, ':') == line.n) {
		problem(r, "no colon behind the name");
		return CLI_OK;
	}
	request = request_of(r, line);
	if (!request) {
		problem(r, "the name is not UTF-8");
		return CLI_OK;
	}
	code = client_try(&r->client, CLIENT_AUTH, request, &why);
	if (why)
		problem(r, why);
	else if (!code)
		r->added++;
	free(why);
	return code;
}

static int read_lines(struct reading *r, FILE *file)
{
	char *room = NULL;
	size_t size = 0;
	ssize_t n;
	int code = CLI_OK;

	while (!code && (n = getline(&room, &size, file)) >= 0) {
		r->line++;
		code = take_line(r, str_trim(str_of(room, (size_t)n)));
	}
	if (!code && ferror(file)) {
		fprintf(stderr, "culver: %s: %s\n", r->path, strerror(errno));
		code = CLI_FAILED;
	}
	if (room)
		secret_wipe(room, size);
	free(room);
	return code;
}

static int import(struct reading *r, struct cli *cli)
{
	FILE *file = fopen(r->path, "re");
	int code;

	if (!file) {
		fprintf(stderr, "culver: %s: %s\n", r->path, strerror(errno));
		return CLI_FAILED;
	}
	code = client_open(&r->client, cli, true);
	if (!code)
		code = read_lines(r, file);
	client_close(&r->client);
	fclose(file);
	if (code)
		return code;
	printf("%lu accounts %s, %lu lines passed over\n", r->added,
		r->dry_run ? "could be added" : "added", r->problems);
	return r->problems ? CLI_FAILED : CLI_OK;
}

int cli_account_import_passwd(struct cli *cli)
{
	struct reading r = {0};
	const struct cli_option options[] = {{"--dry-run", &r.dry_run, NULL}};
	int code = cli_options(cli, options, COUNT_OF(options));

	if (!code && cli->argc != 1)
		code = cli_usage(
			cli, cli->argc ? "too many arguments" : "which file?");
	if (code)
		return code;
	r.path = cli->argv[0];
	return import(&r, cli);
}
