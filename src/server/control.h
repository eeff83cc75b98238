/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control: a role answers its administrator over a Unix socket
 * (STATE/control/auth, STATE/control/mail; bound by the master; root and the
 * server's own user only, checked by the peer's credentials).
 *
 * The protocol: lines of JSON, each at most CONTROL_LINE_MAX bytes. A line with
 * a member "size" is followed by that many raw bytes.
 *
 *	C: {"cmd":"account.show","name":"ann"}
 *	S: {"progress":{"done":3,"total":10,"what":"…"}}     any number
 *	S: {"item":{…}}  or  {"item":{…},"size":5}hello	     any number
 *	S: {"ok":true, …}  or  {"ok":false,"error":"words","code":"NOTFOUND"}
 *
 * A command may take more from the client before it answers: the client sends
 * {"item":{…}} lines, each perhaps with raw bytes, and {"end":true} last.
 * Several commands may follow each other on one connection.
 *
 * A command is a row in the role's table and a function. Each connection has a
 * thread of its own (at most CONTROL_CONNECTIONS) with blocking I/O: the
 * function may take its time, and calls control_cancelled() now and then.
 */
#ifndef SERVER_CONTROL_H
#define SERVER_CONTROL_H

#include "base/str.h"

#include <jansson.h>

#define CONTROL_LINE_MAX (256 * 1024)
#define CONTROL_CONNECTIONS 8

struct control;	     /* the server of one socket */
struct control_call; /* a request that is being answered */

/* Returns OK when all went well; else the error, told to the client in the
 * words of control_fail() or, without it, of err_words(). */
typedef enum err control_fn(struct control_call *, void *ctx);

struct control_command {
	const char *name; /* "account.add" */
	control_fn *run;
};

/* Starts a thread that accepts. The table and the listener stay the caller's
 * and must outlive the control. */
struct control *control_start(int listener, const struct control_command *table,
	size_t count, void *ctx);
/* Ends connections, waits for the commands that run. */
void control_stop(struct control *);

/* For commands. */

/* Members of the request: NULL (or `otherwise`) when absent or of another
 * type. Strings are UTF-8, without NUL; they live as long as the call. */
const json_t *control_request(const struct control_call *);
const char *control_string(const struct control_call *, const char *member);
int64_t control_integer(
	const struct control_call *, const char *member, int64_t otherwise);
bool control_flag(const struct control_call *, const char *member);

/* True when the client went away or the server stops. */
bool control_cancelled(struct control_call *);

/* Sent at most some times a second, so it may be called for every step.
 * total 0: unknown. */
void control_progress(
	struct control_call *, const char *what, uint64_t done, uint64_t total);
/* Takes the item over. ERR_CLOSED when the client went. */
MUST enum err control_item(struct control_call *, json_t *item);
MUST enum err control_item_bytes(struct control_call *, json_t *item, str);
/* For bytes that are not in one piece: announce the size, then write exactly
 * that many. */
MUST enum err control_item_begin(
	struct control_call *, json_t *item, uint64_t size);
MUST enum err control_write(struct control_call *, str);

/* Raw bytes after the request line, or after the last item of
 * control_next_item: how many are left, and the next ones (*n_r == 0 at the
 * end). What a command does not read is skipped. */
uint64_t control_bytes_left(const struct control_call *);
MUST enum err control_read(
	struct control_call *, char *room, size_t size, size_t *n_r);
/* The client's next item, borrowed until the following call; *item_r NULL
 * after its {"end":true}. ERR_INVALID, ERR_TOOBIG, ERR_CLOSED. */
MUST enum err control_next_item(struct control_call *, const json_t **item_r);

/* The object that becomes the final answer; add members to it. */
json_t *control_answer(struct control_call *);
/* Sets the words of the final answer; returns e. */
enum err control_fail(struct control_call *, enum err e, const char *format,
	...) __attribute__((format(printf, 3, 4)));

/* "NOTFOUND" for ERR_NOTFOUND. */
const char *control_code(enum err);

#endif
