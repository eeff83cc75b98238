/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/client.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* A server that starts or stops, or that another command started for itself,
 * has the state directory, but no sockets for us. */
#define PATIENCE_MS 60000
#define RETRY_MS 500

static const char *const names[CLIENT_ROLES] = {"auth", "mail"};

/* -------- connecting -------- */

static int say(int code, const char *what, const char *why)
{
	fprintf(stderr, "culver: %s%s%s\n", what, why ? ": " : "",
		why ? why : "");
	return code;
}

/* -1 with errno. Our own server's sockets have its number. */
static int dial(const struct client *c, enum client_role role)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	char suffix[16] = "";
	int n, fd, number;

	if (c->server > 0)
		snprintf(suffix, sizeof suffix, ".%d", (int)c->server);
	n = snprintf(to.sun_path, sizeof to.sun_path, "%s/control/%s%s",
		c->state, names[role], suffix);
	errno = ENAMETOOLONG;
	if (n < 0 || (size_t)n >= sizeof to.sun_path)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (void *)&to, sizeof to) == 0)
		return fd;
	number = errno;
	if (fd >= 0)
		close(fd);
	errno = number;
	return -1;
}

static void disconnect_all(struct client *c)
{
	for (int role = 0; role < CLIENT_ROLES; role++) {
		if (c->roles[role].fd < 0)
			continue;
		lines_fini(&c->roles[role].lines);
		close(c->roles[role].fd);
		c->roles[role].fd = -1;
	}
}

/* A server that is about to end still has its sockets, but does not answer. */
static bool is_answered(struct client *c, enum client_role role)
{
	static const str question = STR_LIT("{\"cmd\":\"\"}\n");
	str line;

	return fd_write_all(c->roles[role].fd, question) == OK &&
	       lines_next(&c->roles[role].lines, &line) == OK;
}

/* errno of the first that fails, when none is connected; 0. */
static int connect_all(struct client *c)
{
	int number = 0;

	for (int i = 0; i < CLIENT_ROLES && !number; i++) {
		enum client_role role = (enum client_role)i;
		int fd = dial(c, role);

		number = fd < 0 ? errno : 0;
		if (fd < 0)
			break;
		c->roles[role].fd = fd;
		lines_init(&c->roles[role].lines, fd, CLIENT_LINE_MAX);
		if (!is_answered(c, role))
			number = ECONNREFUSED;
	}
	if (number)
		disconnect_all(c);
	return number;
}

/* In the child; does not return. */
static void be_server(const struct cli *cli, int ready_fd, pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(CLI_FAILED);
	/* Ctrl-C is the command's, which then stops the server in order. */
	setpgid(0, 0);
	unsetenv("NOTIFY_SOCKET");
	exit(cli->server->serve_privately(cli->config_path, ready_fd));
}

static int start_server(struct client *c)
{
	pid_t parent = getpid();
	int fds[2], status = 0;
	char ready;
	ssize_t n;

	if (pipe(fds) < 0)
		return say(CLI_FAILED, "pipe", strerror(errno));
	fflush(NULL);
	c->server = fork();
	if (c->server == 0) {
		close(fds[0]);
		be_server(c->cli, fds[1], parent);
	}
	close(fds[1]);
	do
		n = read(fds[0], &ready, 1);
	while (n < 0 && errno == EINTR);
	close(fds[0]);
	if (n == 1)
		return CLI_OK;
	if (c->server > 0)
		waitpid(c->server, &status, 0);
	c->server = 0;
	return WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status)
							: CLI_FAILED;
}

static void stop_server(struct client *c)
{
	if (c->server <= 0)
		return;
	kill(c->server, SIGTERM);
	waitpid(c->server, NULL, 0);
	c->server = 0;
}

/* Connects, or starts a server; CLI_IN_USE when neither is possible yet. */
static int connect_or_start_once(struct client *c, bool start)
{
	int number = connect_all(c), code;

	if (number == 0)
		return CLI_OK;
	if (number == EACCES)
		return say(CLI_NO_SERVER,
			"the control socket is closed to this user; try as "
			"root, or as who runs the server",
			NULL);
	if (number != ENOENT && number != ECONNREFUSED)
		return say(CLI_NO_SERVER, c->state, strerror(number));
	if (!start)
		return say(CLI_NO_SERVER, "the server does not run", NULL);
	code = start_server(c);
	if (code == CLI_OK && (number = connect_all(c)) != 0)
		return say(CLI_NO_SERVER, c->state, strerror(number));
	return code;
}

static int connect_or_start(struct client *c, bool start)
{
	uint64_t deadline = clock_monotonic_ms() + PATIENCE_MS;
	int code;

	while ((code = connect_or_start_once(c, start)) == CLI_IN_USE &&
		clock_monotonic_ms() < deadline)
		usleep(RETRY_MS * 1000);
	if (code == CLI_IN_USE)
		return say(code,
			"another instance has the state directory and does "
			"not answer",
			c->state);
	return code;
}

int client_open(struct client *c, struct cli *cli, bool start)
{
	*c = (struct client){.cli = cli,
		.state = cli->server->state_directory(cli->config_path)};
	for (int role = 0; role < CLIENT_ROLES; role++)
		c->roles[role].fd = -1;
	signal(SIGPIPE, SIG_IGN);
	if (!c->state)
		return CLI_USAGE;
	return connect_or_start(c, start);
}

void client_close(struct client *c)
{
	disconnect_all(c);
	stop_server(c);
	free(c->state);
	c->state = NULL;
}

/* -------- the protocol -------- */

static int lost(enum err e)
{
	return say(CLI_FAILED, "connection to the server", err_words(e));
}

static int send_line(struct client *c, enum client_role role, json_t *line)
{
	char *text = json_dumps(line, JSON_COMPACT);
	struct buf out = BUF_UNBOUNDED;
	enum err e;

	json_decref(line);
	if (!text)
		return say(CLI_USAGE, "an argument is not UTF-8", NULL);
	buf_add_c(&out, text);
	buf_add_byte(&out, '\n');
	e = fd_write_all(c->roles[role].fd, buf_str(&out));
	explicit_bzero(text, strlen(text));
	explicit_bzero(out.p, out.n);
	free(text);
	buf_fini(&out);
	return e ? lost(e) : CLI_OK;
}

int client_send(struct client *c, enum client_role role, json_t *request)
{
	return send_line(c, role, request);
}

int client_send_item_begin(
	struct client *c, enum client_role role, json_t *item, uint64_t size)
{
	return send_line(c, role,
		json_pack(
			"{s:o, s:I}", "item", item, "size", (json_int_t)size));
}

int client_send_bytes(struct client *c, enum client_role role, str bytes)
{
	enum err e = fd_write_all(c->roles[role].fd, bytes);

	return e ? lost(e) : CLI_OK;
}

int client_send_item(
	struct client *c, enum client_role role, json_t *item, str bytes)
{
	int code = client_send_item_begin(c, role, item, bytes.n);

	return code ? code : client_send_bytes(c, role, bytes);
}

int client_send_end(struct client *c, enum client_role role)
{
	return send_line(c, role, json_pack("{s:b}", "end", 1));
}

int client_read(struct client *c, enum client_role role, char *room,
	size_t size, size_t *n_r)
{
	enum err e;

	*n_r = 0;
	if (c->size == 0)
		return CLI_OK;
	if (size > c->size)
		size = (size_t)c->size;
	e = lines_read(&c->roles[role].lines, room, size, n_r);
	if (e)
		return lost(e);
	c->size -= *n_r;
	return CLI_OK;
}

static int skip_bytes(struct client *c, enum client_role role)
{
	char room[4096];
	size_t n;
	int code = CLI_OK;

	while (c->size && !code)
		code = client_read(c, role, room, sizeof room, &n);
	return code;
}

static void show_progress(struct client *c, const json_t *progress)
{
	const char *what = json_string_value(json_object_get(progress, "what"));
	json_int_t done = json_integer_value(json_object_get(progress, "done"));
	json_int_t total =
		json_integer_value(json_object_get(progress, "total"));

	if (!isatty(STDERR_FILENO) || !what)
		return;
	c->progress = true;
	if (total > 0)
		fprintf(stderr, "\r\033[K%s: %lld of %lld", what,
			(long long)done, (long long)total);
	else
		fprintf(stderr, "\r\033[K%s: %lld", what, (long long)done);
}

static void clear_progress(struct client *c)
{
	if (c->progress)
		fputs("\r\033[K", stderr);
	c->progress = false;
}

/* The final answer's exit code. */
static int judge(const json_t *answer)
{
	const char *words = json_string_value(json_object_get(answer, "error"));

	if (json_is_true(json_object_get(answer, "ok")))
		return CLI_OK;
	return say(CLI_FAILED, words ? words : "the server refused", NULL);
}

static json_t *read_line(struct client *c, enum client_role role, int *code_r)
{
	str text;
	enum err e = lines_next(&c->roles[role].lines, &text);
	json_t *line = NULL;

	if (!e)
		line = json_loadb(text.p, text.n, 0, NULL);
	if (!json_is_object(line)) {
		json_decref(line);
		*code_r = lost(e ? e : ERR_INVALID);
		return NULL;
	}
	c->size = (uint64_t)json_integer_value(json_object_get(line, "size"));
	return line;
}

/* One line that is not the final answer. */
static int take_line(struct client *c, enum client_role role,
	const json_t *line, client_item_fn *fn, void *arg)
{
	const json_t *item = json_object_get(line, "item");
	int code = CLI_OK;

	if (!item) {
		show_progress(c, json_object_get(line, "progress"));
		return CLI_OK;
	}
	clear_progress(c);
	if (fn)
		code = fn(c, role, item, arg);
	return code ? code : skip_bytes(c, role);
}

static bool is_answer(const json_t *line)
{
	return !json_object_get(line, "item") &&
	       !json_object_get(line, "progress");
}

static bool is_readable(const struct client *c, enum client_role role)
{
	const struct lines *lines = &c->roles[role].lines;
	struct pollfd p = {.fd = c->roles[role].fd, .events = POLLIN};

	return lines->begin < lines->end || poll(&p, 1, 0) > 0;
}

int client_listen(
	struct client *c, enum client_role role, client_item_fn *fn, void *arg)
{
	int code = CLI_OK;

	while (!code && is_readable(c, role)) {
		json_t *line = read_line(c, role, &code);

		if (line && is_answer(line)) {
			clear_progress(c);
			code = judge(line);
			if (!code)
				code = lost(ERR_INVALID);
		} else if (line) {
			code = take_line(c, role, line, fn, arg);
		}
		json_decref(line);
	}
	return code;
}

int client_finish(struct client *c, enum client_role role, client_item_fn *fn,
	void *arg, json_t **answer_r)
{
	int code = CLI_OK;
	json_t *line;

	if (answer_r)
		*answer_r = NULL;
	while ((line = read_line(c, role, &code)) && !is_answer(line)) {
		code = take_line(c, role, line, fn, arg);
		json_decref(line);
		if (code)
			return code;
	}
	clear_progress(c);
	if (!line)
		return code;
	code = judge(line);
	if (answer_r && !code)
		*answer_r = json_incref(line);
	json_decref(line);
	return code;
}

int client_call(struct client *c, enum client_role role, json_t *request,
	client_item_fn *fn, void *arg, json_t **answer_r)
{
	int code = client_send(c, role, request);

	if (answer_r)
		*answer_r = NULL;
	return code ? code : client_finish(c, role, fn, arg, answer_r);
}

int client_try(
	struct client *c, enum client_role role, json_t *request, char **why_r)
{
	int code = client_send(c, role, request);
	const char *words;
	json_t *line = NULL;

	*why_r = NULL;
	while (!code && (line = read_line(c, role, &code)) &&
		!is_answer(line)) {
		code = take_line(c, role, line, NULL, NULL);
		json_decref(line);
		line = NULL;
	}
	clear_progress(c);
	if (line && !json_is_true(json_object_get(line, "ok"))) {
		words = json_string_value(json_object_get(line, "error"));
		*why_r = xstrdup(words ? words : "the server refused");
	}
	json_decref(line);
	return code;
}

int client_ask(struct cli *cli, enum client_role role, json_t *request,
	client_item_fn *fn, void *arg, json_t **answer_r)
{
	struct client c;
	int code = client_open(&c, cli, true);

	if (answer_r)
		*answer_r = NULL;
	if (code)
		json_decref(request);
	else
		code = client_call(&c, role, request, fn, arg, answer_r);
	client_close(&c);
	return code;
}

int client_account(struct client *c, const char *name, json_int_t *number_r)
{
	json_t *answer;
	int code = client_call(c, CLIENT_AUTH,
		json_pack("{s:s, s:s}", "cmd", "account.show", "name", name),
		NULL, NULL, &answer);

	*number_r = json_integer_value(
		json_object_get(json_object_get(answer, "account"), "id"));
	json_decref(answer);
	return code;
}
