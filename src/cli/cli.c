/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "base/alloc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONFIG_DEFAULT "/etc/culver/culver.conf"

static int run_serve(struct cli *cli)
{
	if (cli->argc > 0)
		return cli_usage(cli, "takes no arguments");
	return cli->server->serve(cli->config_path);
}

static int run_check(struct cli *cli)
{
	if (cli->argc > 0)
		return cli_usage(cli, "takes no arguments");
	return cli->server->check(cli->config_path);
}

static const char password_help[] =
	"The password is asked for twice on the terminal (empty: one is made\n"
	"up and shown), or is the first line of standard input.\n";

static const char add_help[] =
	"The password is asked for twice on the terminal (empty: one is made\n"
	"up and shown), or is the first line of standard input. None is asked\n"
	"for with --no-password, password-hash= or source=. For KEY=VALUE see\n"
	"culver account set --help.\n";

static const char set_help[] =
	"  quota=SIZE|none       as 500mb or 10gb; source: what an outside\n"
	"                        source says\n"
	"  enabled=yes|no        may it log in; no ends its sessions\n"
	"  imap=yes|no           may it use this protocol; also pop3, lmtp,\n"
	"                        submission, jmap, sieve\n"
	"  detail=yes|no         may mail for NAME+DETAIL go to mailbox "
	"DETAIL\n"
	"  master=yes|no         may it log in as others, where\n"
	"                        login.master_users is on\n"
	"  password-hash=HASH    one that another server made: crypt(5)\n"
	"                        or argon2, also with Dovecot's {SCHEME}; "
	"ends\n"
	"                        its sessions\n"
	"  source=NAME           who knows its password: builtin, ldap, sql,\n"
	"                        pam, passwd, oauth; ends its sessions\n"
	"A protocol that is switched off is off from the next login on; --now\n"
	"also ends the sessions that run.\n";

static const char passwd_help[] =
	"Lines are USER:{SCHEME}HASH:UID:GID:GECOS:HOME:SHELL:EXTRA. Names,\n"
	"passwords, the quota (userdb_quota_rule, userdb_quota_storage_size)\n"
	"and nologin are taken. Lines that cannot be taken are named with the\n"
	"reason and passed over; exit code 1 then. Accounts that exist "
	"already\n"
	"are left as they are. --dry-run changes nothing.\n";

static const char app_help[] =
	"The password is made up and shown once. It works for the protocols "
	"of\n"
	"its scope (default all) until it expires: 12h, 90d, 26w, or a date,\n"
	"2027-01-01, from whose beginning (UTC) on it does not.\n";

static const char alias_help[] =
	"ADDRESS is local@domain; @domain, for mail to addresses of the "
	"domain\n"
	"that nobody else has; or a local part alone, for every domain of\n"
	"accounts.domains. Of several accounts each gets a copy.\n";

static const char import_help[] =
	"A PATH is a file, mbox or a single message; a Maildir, with its\n"
	"folders (Maildir++, or directories in each other), flags, and what\n"
	"Dovecot keeps in it: UIDs, keywords, subscriptions; or a directory "
	"of\n"
	"files. auto finds out for each which it is.\n"
	"Files go to MAILBOX (default INBOX), Maildirs by their names, below\n"
	"MAILBOX if it is given. Mail that is there already is not added\n"
	"again, so an import that was broken off is simply repeated.\n"
	"A message's date (INTERNALDATE) is the file's time in a Maildir, the\n"
	"From_ line's in mbox, else the Date field's.\n"
	"What cannot be read is named and passed over; exit code 1 then. So "
	"is,\n"
	"when root reads the directory of a user, what is not that user's.\n";

static const char export_help[] =
	"DIRECTORY is made, or must be empty. Dovecot serves what is written\n"
	"with the same UIDs, flags, keywords, dates and subscriptions (names\n"
	"with a dot need its plugin listescape).\n";

static const char verify_help[] =
	"Reads every message. One line for each thing that is wrong, and exit\n"
	"code 1 then.\n";

static const char repair_help[] =
	"For what verify finds. Without --write it says what would be done, "
	"and does\nnothing. Makes damaged records anew from what is left: "
	"messages come back\ninto their mailboxes, with their UIDs where these "
	"are certain, and into the\nmailbox Recovered where nobody knows which "
	"it was. What is lost is said. Who\nwrites to an account waits while "
	"it "
	"is repaired. Damaged tables are mended\nonce all accounts are: "
	"without --account.\n";

static const struct cli_command commands[] = {
	{"serve", "", "run the server in the foreground",
		"Logs one line with msg=ready once it accepts connections.\n"
		"SIGHUP reads the configuration and the certificates again;\n"
		"SIGTERM and SIGINT end it in order.\n",
		run_serve},
	{"check", "", "report every error of the configuration",
		"One line for each, FILE:LINE: what is wrong; exit code 2 if "
		"there is any.\n",
		run_check},
	{"account add",
		"NAME [--password-stdin | --no-password] [--quota SIZE] "
		"[KEY=VALUE…]",
		"add an account", add_help, cli_account_add},
	{"account list", "[--json]", "list the accounts, with quota and state",
		"", cli_account_list},
	{"account show", "NAME [--json]",
		"show one account, its aliases and app passwords", "",
		cli_account_show},
	{"account set", "NAME KEY=VALUE… [--now]", "change an account",
		set_help, cli_account_set},
	{"account password", "NAME [--password-stdin]",
		"give an account a new password", password_help,
		cli_account_password},
	{"account remove", "NAME", "remove an account and all its mail",
		"There is no way back.\n", cli_account_remove},
	{"account import-passwd", "FILE [--dry-run]",
		"add the accounts of a passwd-file of Dovecot", passwd_help,
		cli_account_import_passwd},
	{"account app-password add",
		"NAME LABEL [scope=PROTOCOL,…|all] [expires=TIME|DATE|never]",
		"make a password for one device or program", app_help,
		cli_app_password_add},
	{"account app-password list", "NAME [--json]",
		"list the app passwords of an account", "",
		cli_app_password_list},
	{"account app-password remove", "NAME LABEL [--now]",
		"take an app password away",
		"No login succeeds with it any more. --now also ends all "
		"sessions of the\naccount; those with another password come "
		"back by themselves.\n",
		cli_app_password_remove},
	{"alias add", "ADDRESS ACCOUNT…", "give accounts a further address",
		alias_help, cli_alias_add},
	{"alias list", "[ADDRESS | ACCOUNT] [--json]", "list aliases", "",
		cli_alias_list},
	{"alias remove", "ADDRESS [ACCOUNT…]",
		"remove an alias, or accounts from it", "", cli_alias_remove},
	{"import",
		"--account NAME [--mailbox MAILBOX] "
		"[--format auto|mbox|maildir|eml] PATH…",
		"bring mail in from files and directories", import_help,
		cli_import},
	{"export", "--account NAME DIRECTORY",
		"write all mail of an account as Maildir++", export_help,
		cli_export},
	{"verify", "[--account NAME]",
		"check all that is stored; changes nothing", verify_help,
		cli_verify},
	{"repair", "[--account NAME] [--write]",
		"say how to repair what is damaged, and do it", repair_help,
		cli_repair},
	{"status", "[--json]", "show processes, connections, sessions, store",
		"", cli_status},
};

static const char exit_codes[] =
	"Exit codes: 0 done; 1 failed; 2 wrong usage or configuration; 3 the\n"
	"server cannot be reached; 4 another instance uses the state "
	"directory.\n";

static void print_help(void)
{
	printf("usage: culver [-c FILE] COMMAND [ARGUMENT…]\n\n"
	       "A mail access server.\n\n"
	       "  -c FILE, --config FILE  the configuration (default %s)\n"
	       "  --help                  this text; after COMMAND, its own\n"
	       "  --version               the version\n\n"
	       "Commands:\n",
		CONFIG_DEFAULT);
	for (size_t i = 0; i < COUNT_OF(commands); i++) {
		const struct cli_command *c = &commands[i];
		int width = printf("  %s %s", c->name, c->usage);

		printf("%*s%s\n", width < 26 ? 26 - width : 2, "", c->help);
	}
	printf("\n%s", exit_codes);
}

static void print_command_help(const struct cli_command *c)
{
	printf("usage: culver [-c FILE] %s%s%s\n\n%s\n\n%s%s%s", c->name,
		*c->usage ? " " : "", c->usage, c->help, c->more,
		*c->more ? "\n" : "", exit_codes);
}

int cli_usage(const struct cli *cli, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "culver: %s: ", cli->command->name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\nusage: culver [-c FILE] %s%s%s\n",
		cli->command->name, *cli->command->usage ? " " : "",
		cli->command->usage);
	return CLI_USAGE;
}

/* -------- options -------- */

static const struct cli_option *find_option(
	const struct cli_option *options, int count, const char *arg)
{
	size_t n = strcspn(arg, "=");

	for (int i = 0; i < count; i++)
		if (strlen(options[i].name) == n &&
			memcmp(options[i].name, arg, n) == 0)
			return &options[i];
	return NULL;
}

/* The option at argv[at]; *at moves over its value. */
static int take_option(
	struct cli *cli, const struct cli_option *options, int count, int *at)
{
	const char *arg = cli->argv[*at], *equals = strchr(arg, '=');
	const struct cli_option *o = find_option(options, count, arg);

	if (!o)
		return cli_usage(cli, "there is no option %s", arg);
	if (o->flag && equals)
		return cli_usage(cli, "%s takes no value", o->name);
	if (o->flag)
		*o->flag = true;
	else if (equals)
		*o->value = equals + 1;
	else if (*at + 1 < cli->argc)
		*o->value = cli->argv[++*at];
	else
		return cli_usage(cli, "%s needs a value", o->name);
	return CLI_OK;
}

int cli_options(struct cli *cli, const struct cli_option *options, int count)
{
	int operands = 0;
	bool ended = false;

	for (int i = 0; i < cli->argc; i++) {
		char *arg = cli->argv[i];

		if (!ended && strcmp(arg, "--") == 0) {
			ended = true;
		} else if (!ended && arg[0] == '-' && arg[1]) {
			if (take_option(cli, options, count, &i))
				return CLI_USAGE;
		} else {
			cli->argv[operands++] = arg;
		}
	}
	cli->argc = operands;
	return CLI_OK;
}

/* -------- finding the command -------- */

static bool is_help(const char *arg)
{
	return strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0;
}

/* Words of the command's name that argv begins with; 0 when it does not begin
 * with all of them. */
static int match(const struct cli_command *c, int argc, char **argv)
{
	const char *word = c->name;
	int words = 0;

	for (; *word; words++) {
		size_t n = strcspn(word, " ");

		if (words == argc || strlen(argv[words]) != n ||
			memcmp(argv[words], word, n) != 0)
			return 0;
		word += n;
		word += strspn(word, " ");
	}
	return words;
}

/* "culver account --help", or a word that account does not have. */
static int run_group(int argc, char **argv)
{
	size_t n = strlen(argv[0]);
	bool help = argc > 1 && is_help(argv[argc - 1]), found = false;

	for (size_t i = 0; i < COUNT_OF(commands); i++) {
		const struct cli_command *c = &commands[i];

		if (strncmp(c->name, argv[0], n) != 0 || c->name[n] != ' ')
			continue;
		if (!found && !help)
			fprintf(stderr, "culver: %s: one of these:\n", argv[0]);
		fprintf(help ? stdout : stderr, "  culver [-c FILE] %s %s\n",
			c->name, c->usage);
		found = true;
	}
	if (!found)
		fprintf(stderr,
			"culver: there is no command %s; see culver --help\n",
			argv[0]);
	return help && found ? CLI_OK : CLI_USAGE;
}

static int run_command(struct cli *cli, int argc, char **argv)
{
	for (size_t i = 0; i < COUNT_OF(commands); i++) {
		int words = match(&commands[i], argc, argv);

		if (!words)
			continue;
		cli->command = &commands[i];
		cli->argc = argc - words;
		cli->argv = argv + words;
		for (int j = 0; j < cli->argc; j++) {
			if (strcmp(cli->argv[j], "--") == 0)
				break;
			if (is_help(cli->argv[j])) {
				print_command_help(cli->command);
				return CLI_OK;
			}
		}
		return cli->command->run(cli);
	}
	return run_group(argc, argv);
}

/* What stands before the command; its position, or -1 with the exit code. */
static int take_globals(struct cli *cli, int argc, char **argv, int *code_r)
{
	int i = 1;

	*code_r = CLI_OK;
	for (; i < argc && argv[i][0] == '-'; i++) {
		const char *arg = argv[i];

		if (is_help(arg)) {
			print_help();
			return -1;
		}
		if (strcmp(arg, "--version") == 0) {
			printf("culver %s\n", CULVER_VERSION);
			return -1;
		}
		if ((strcmp(arg, "-c") == 0 || strcmp(arg, "--config") == 0) &&
			i + 1 < argc) {
			cli->config_path = argv[++i];
		} else if (strncmp(arg, "--config=", 9) == 0) {
			cli->config_path = arg + 9;
		} else if (strncmp(arg, "-c", 2) == 0 && arg[2]) {
			cli->config_path = arg + 2;
		} else {
			fprintf(stderr,
				"culver: %s is no option, or lacks its value; "
				"see culver --help\n",
				arg);
			*code_r = CLI_USAGE;
			return -1;
		}
	}
	return i;
}

int cli_main(int argc, char **argv, const struct cli_server *server)
{
	struct cli cli = {.server = server, .config_path = CONFIG_DEFAULT};
	int code, at = take_globals(&cli, argc, argv, &code);

	if (at < 0)
		return code;
	if (at == argc) {
		fprintf(stderr, "usage: culver [-c FILE] COMMAND [ARGUMENT…]; "
				"see culver --help\n");
		return CLI_USAGE;
	}
	return run_command(&cli, argc - at, argv + at);
}
