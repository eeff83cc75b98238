/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ask.h"
#include "base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1024

static volatile sig_atomic_t caught;

static void catch (int number)
{
	caught = number;
}

/* A line, byte by byte: what follows on standard input is somebody else's. */
static int read_line(int fd, struct secret *line_r)
{
	char room[LINE_MAX_BYTES];
	size_t n = 0;
	ssize_t got = 0;

	while (n < sizeof room) {
		got = read(fd, room + n, 1);
		if (got < 0 && errno == EINTR && !caught)
			continue;
		if (got <= 0 || room[n] == '\n')
			break;
		n++;
	}
	if (n > 0 && room[n - 1] == '\r')
		n--;
	*line_r = secret_of(str_of(room, n));
	explicit_bzero(room, sizeof room);
	if (got < 0 || n == sizeof room)
		return CLI_FAILED;
	return CLI_OK;
}

/* Signals that would leave the terminal without echo wait until it has it
 * again. */
static void set_handlers(void (*handler)(int), struct sigaction *old)
{
	static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGTSTP};
	struct sigaction action = {.sa_handler = handler};

	caught = 0;
	for (size_t i = 0; i < COUNT_OF(numbers); i++)
		if (handler)
			sigaction(numbers[i], &action, &old[i]);
		else
			sigaction(numbers[i], &old[i], NULL);
}

static int prompt(int tty, const char *question, const char *account,
	struct secret *answer_r)
{
	struct termios before, quiet;
	struct sigaction old[4];
	int code, number;

	if (tcgetattr(tty, &before) < 0)
		return CLI_FAILED;
	set_handlers(catch, old);
	quiet = before;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	tcsetattr(tty, TCSAFLUSH, &quiet);
	dprintf(tty, question, account);
	code = read_line(tty, answer_r);
	dprintf(tty, "\n");
	tcsetattr(tty, TCSAFLUSH, &before);
	number = caught;
	set_handlers(NULL, old);
	if (number)
		raise(number);
	return code;
}

/* 100 bits, without letters that look alike. */
static struct secret make_up(void)
{
	static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789";
	unsigned char random[20];
	char room[24];
	size_t n = 0;

	secret_random(random, sizeof random);
	for (size_t i = 0; i < sizeof random; i++) {
		if (i > 0 && i % 5 == 0)
			room[n++] = '-';
		room[n++] = letters[random[i] % 32];
	}
	explicit_bzero(random, sizeof random);
	return secret_of(str_of(room, n));
}

static int ask_terminal(int tty, const char *account, struct secret *first)
{
	struct secret second = {0};
	int code = prompt(tty,
		"Password for %s (empty: one is made up): ", account, first);

	if (!code && first->n == 0) {
		secret_fini(first);
		*first = make_up();
		dprintf(tty, "Its password is: %s\n", first->p);
		return CLI_OK;
	}
	if (!code)
		code = prompt(tty, "The same again: ", account, &second);
	if (!code && !secret_eq(str_of(first->p, first->n),
			     str_of(second.p, second.n))) {
		fprintf(stderr, "culver: the two differ\n");
		code = CLI_FAILED;
	}
	secret_fini(&second);
	return code;
}

int ask_password(struct cli *cli, const char *account, bool from_stdin,
	struct secret *password_r)
{
	int tty, code;

	*password_r = (struct secret){0};
	if (from_stdin) {
		code = read_line(STDIN_FILENO, password_r);
		if (!code && password_r->n == 0)
			code = cli_usage(cli, "no password on standard input");
		if (code)
			secret_fini(password_r);
		return code;
	}
	tty = open("/dev/tty", O_RDWR | O_CLOEXEC);
	if (tty < 0)
		return cli_usage(cli,
			"there is no terminal to ask for a password; use "
			"--password-stdin");
	code = ask_terminal(tty, account, password_r);
	if (code)
		secret_fini(password_r);
	close(tty);
	return code;
}
