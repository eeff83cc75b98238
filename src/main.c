/* SPDX-License-Identifier: Apache-2.0 */
/* culver: the command line, or, started by the master, one of its roles. */
#include "base/alloc.h"
#include "base/buf.h"
#include "cli/cli.h"
#include "server/config.h"
#include "server/master.h"
#include "server/roles.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
	const char *name;
	int (*main)(int master_fd);
} roles[] = {
	{"front", front_main},
	{"auth", auth_main},
	{"mail", mail_main},
	{"lookup", lookup_main},
};

/* culver --role NAME FD. Ends without the cleaning up of exit(), which a
 * confined process may not do (a sanitizer's leak search traces itself). */
static void run_role(const char *name, const char *fd)
{
	alloc_share_heaps();
	for (size_t i = 0; i < COUNT_OF(roles); i++)
		if (strcmp(roles[i].name, name) == 0)
			_exit(roles[i].main(atoi(fd)));
	_exit(EXIT_CONFIG);
}

/* NULL after printing why. */
static struct config *load(const char *path)
{
	struct config_errors errors = CONFIG_ERRORS_EMPTY;
	struct buf text = BUF_UNBOUNDED;
	struct config *config = NULL;

	(void)!config_load(path, &config, &errors);
	config_errors_print(&errors, &text);
	fwrite(buf_str(&text).p, 1, text.n, stderr);
	buf_fini(&text);
	config_errors_fini(&errors);
	return config;
}

static int serve(const char *config_path)
{
	const struct master_options options = {
		.config_path = config_path, .ready_fd = -1};
	struct config *config = load(config_path);

	return config ? master_run(&options, config) : EXIT_CONFIG;
}

static int serve_privately(const char *config_path, int ready_fd)
{
	const struct master_options options = {.config_path = config_path,
		.private_instance = true,
		.ready_fd = ready_fd};
	struct config *config = load(config_path);

	return config ? master_run(&options, config) : EXIT_CONFIG;
}

static int check(const char *config_path)
{
	struct config *config = load(config_path);

	if (!config)
		return EXIT_CONFIG;
	config_free(config);
	printf("%s: no errors\n", config_path);
	return EXIT_OK;
}

static char *state_directory(const char *config_path)
{
	struct config *config = load(config_path);
	char *state = config ? xstrdup(config->state) : NULL;

	config_free(config);
	return state;
}

/* Descriptors 0 to 2 are what they seem, whoever started us. */
static void open_standard_fds(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

int main(int argc, char **argv)
{
	static const struct cli_server server = {
		.serve = serve,
		.check = check,
		.state_directory = state_directory,
		.serve_privately = serve_privately,
	};

	open_standard_fds();
	if (argc == 4 && strcmp(argv[1], "--role") == 0)
		run_role(argv[2], argv[3]);
	return cli_main(argc, argv, &server);
}
