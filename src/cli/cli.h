/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli: the command line, `culver -c FILE COMMAND …`. A command is a row in the
 * table in cli.c and a function in a file of its own; what it needs of the
 * server it asks over the control socket (client.h).
 *
 * Exit codes: 0 done; 1 failed; 2 wrong usage or configuration; 3 the server
 * cannot be reached; 4 another instance uses the state directory.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>

enum {
	CLI_OK = 0,
	CLI_FAILED = 1,
	CLI_USAGE = 2,
	CLI_NO_SERVER = 3,
	CLI_IN_USE = 4,
};

/* What needs the server's code, which this folder does not see. */
struct cli_server {
	/* Until it is told to stop. */
	int (*serve)(const char *config_path);
	/* Prints every error. */
	int (*check)(const char *config_path);
	/* The state directory that the file names, allocated; prints its errors
	 * and gives NULL when it has any. */
	char *(*state_directory)(const char *config_path);
	/* As `serve`, for one command: no listeners, one byte to ready_fd. */
	int (*serve_privately)(const char *config_path, int ready_fd);
};

/* One run of a command. */
struct cli {
	const struct cli_server *server;
	const char *config_path;
	const struct cli_command *command;
	int argc; /* what follows the command's name */
	char **argv;
};

struct cli_command {
	const char *name;  /* "account app-password add" */
	const char *usage; /* what follows the name */
	const char *help;  /* one line */
	const char *more;  /* the rest of --help; "" */
	int (*run)(struct cli *);
};

/* Gives the exit code. */
int cli_main(int argc, char **argv, const struct cli_server *);

/* Says what is wrong on standard error; gives CLI_USAGE. */
int cli_usage(const struct cli *, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Takes the options out of cli->argv, in any order, up to "--"; what remains
 * are the operands. "--name value" and "--name=value". A repeated option's
 * last value counts. CLI_OK, or CLI_USAGE after saying why.
 */
struct cli_option {
	const char *name;   /* "--quota" */
	bool *flag;	    /* without a value */
	const char **value; /* or with one */
};
int cli_options(struct cli *, const struct cli_option *, int count);

/* The commands. */
int cli_account_add(struct cli *);
int cli_account_list(struct cli *);
int cli_account_show(struct cli *);
int cli_account_set(struct cli *);
int cli_account_password(struct cli *);
int cli_account_remove(struct cli *);
int cli_account_import_passwd(struct cli *);
int cli_alias_add(struct cli *);
int cli_alias_list(struct cli *);
int cli_alias_remove(struct cli *);
int cli_app_password_add(struct cli *);
int cli_app_password_list(struct cli *);
int cli_app_password_remove(struct cli *);
int cli_export(struct cli *);
int cli_import(struct cli *);
int cli_status(struct cli *);
int cli_verify(struct cli *);
int cli_repair(struct cli *);

#endif
