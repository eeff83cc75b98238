/* SPDX-License-Identifier: Apache-2.0 */
#include "load/load.h"
#include "base/alloc.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

static const struct workload *const all_workloads[] = {workloads_append,
	workloads_body, workloads_change, workloads_fetch, workloads_idle,
	workloads_limits, workloads_lmtp, workloads_login, workloads_mixed,
	workloads_pop3, workloads_search};

static struct {
	char **words;
	bool *used;
	int count;
} options;

void fail(const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fputs("bench-load: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

const char *option_text(const char *name, const char *otherwise)
{
	size_t n = strlen(name);

	for (int i = 0; i < options.count; i++) {
		if (strncmp(options.words[i], name, n) ||
			options.words[i][n] != '=')
			continue;
		options.used[i] = true;
		return options.words[i] + n + 1;
	}
	return otherwise;
}

uint64_t option_number(const char *name, uint64_t otherwise)
{
	const char *text = option_text(name, NULL);
	uint64_t value;

	if (!text)
		return otherwise;
	if (str_to_u64(str_c(text), UINT64_MAX / 2, &value))
		fail("%s=%s: not a number", name, text);
	return value;
}

/* What whoever starts this may always say. */
static void take_common(void)
{
	static const char *const common[] = {"host", "seed", "wait", "mail",
		"seconds", "tls", "user", "dir", "port"};

	for (size_t i = 0; i < COUNT_OF(common); i++)
		option_text(common[i], NULL);
}

void option_check_all(void)
{
	take_common();
	for (int i = 0; i < options.count; i++)
		if (!options.used[i])
			fail("%s: not an option here", options.words[i]);
}

static const struct workload *find_workload(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(all_workloads); i++)
		for (const struct workload *w = all_workloads[i]; w->name; w++)
			if (strcmp(w->name, name) == 0)
				return w;
	return NULL;
}

static void usage(void)
{
	puts("bench-load WORKLOAD [NAME=VALUE...]\n\n"
	     "Loads a server, checks each answer, prints a line of JSON for "
	     "each thing measured.\n\n"
	     "host=127.0.0.1 port= tls=0   where the server is\n"
	     "user=u0000 users=1           accounts, u0000 and on; password "
	     "pw\n"
	     "conns=1 depth=1              connections; commands on the way\n"
	     "count= seconds=              at least so many, and so long\n"
	     "wait=0                       1: a line of input is waited for "
	     "before and after\n");
	for (size_t i = 0; i < COUNT_OF(all_workloads); i++)
		for (const struct workload *w = all_workloads[i]; w->name; w++)
			printf("%-12s %s\n", w->name, w->help);
}

int main(int argc, char **argv)
{
	struct rlimit files;
	const struct workload *workload =
		argc > 1 ? find_workload(argv[1]) : NULL;

	if (!workload) {
		usage();
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	options.words = argv + 2;
	options.count = argc - 2;
	options.used = xcalloc((size_t)argc, sizeof *options.used);
	workload->run();
	option_check_all();
	return 0;
}
