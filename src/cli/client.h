/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client: speaks the control protocol (described in server/control.h) to the
 * roles. When no server runs, a private one is started for the command, in a
 * child process without listeners, and stopped by client_close: one way for
 * both.
 *
 * Functions that give an int give an exit code (cli.h) and have said what is
 * wrong on standard error when it is not CLI_OK.
 */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include "base/lines.h"
#include "base/str.h"
#include "cli/cli.h"

#include <jansson.h>
#include <sys/types.h>

#define CLIENT_LINE_MAX (256 * 1024)

enum client_role { CLIENT_AUTH, CLIENT_MAIL, CLIENT_ROLES };

struct client {
	struct cli *cli;
	char *state;  /* the state directory */
	pid_t server; /* of the private server; 0 */
	struct {
		int fd; /* -1 while not connected */
		struct lines lines;
	} roles[CLIENT_ROLES];
	uint64_t size; /* bytes that follow the last item */
	bool progress; /* a progress line stands on the terminal */
};

/* start: start a private server when none runs; else CLI_NO_SERVER. */
int client_open(struct client *, struct cli *, bool start);
/* Also after client_open failed. */
void client_close(struct client *);

/*
 * One command: sends the request (taken over), shows progress, gives each item
 * to fn (may be NULL), and the final answer to *answer_r (the caller's; may be
 * NULL). fn reads the item's bytes, if it has some, with client_read; what it
 * leaves is skipped. It returns an exit code; one that is not CLI_OK ends the
 * call there and then, and the connection cannot be used further.
 */
typedef int client_item_fn(
	struct client *, enum client_role, const json_t *item, void *arg);
int client_call(struct client *, enum client_role, json_t *request,
	client_item_fn *, void *arg, json_t **answer_r);

/* The same for one of many requests, of which some may be refused: CLI_OK then
 * too, and *why_r the server's words (the caller's), else NULL. */
int client_try(
	struct client *, enum client_role, json_t *request, char **why_r);

/* The same for a command that asks once: opens, calls, closes; starts a private
 * server when none runs. */
int client_ask(struct cli *, enum client_role, json_t *request,
	client_item_fn *, void *arg, json_t **answer_r);

/* The number of the account with that name; asks auth. */
int client_account(struct client *, const char *name, json_int_t *number_r);

/* The same in pieces, for commands that are sent items: begin with the
 * request, send items, client_finish. */
int client_send(struct client *, enum client_role, json_t *request);
int client_send_item(
	struct client *, enum client_role, json_t *item, str bytes);
/* The same for bytes that are not in one piece: exactly `size` of them. */
int client_send_item_begin(
	struct client *, enum client_role, json_t *item, uint64_t size);
int client_send_bytes(struct client *, enum client_role, str);
int client_send_end(struct client *, enum client_role);
/* Takes what the server has said meanwhile, without waiting: progress, and
 * items for fn. Who sends much must do so now and then, or both sides wait for
 * ever. The server's final answer can only be that it gave up: CLI_FAILED, and
 * nothing more is to be sent, nor client_finish called. */
int client_listen(
	struct client *, enum client_role, client_item_fn *, void *arg);
int client_finish(struct client *, enum client_role, client_item_fn *,
	void *arg, json_t **answer_r);

/* Bytes of the item; *n_r == 0 at their end. */
int client_read(struct client *, enum client_role, char *room, size_t size,
	size_t *n_r);

#endif
