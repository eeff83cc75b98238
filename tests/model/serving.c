/* SPDX-License-Identifier: Apache-2.0 */
#include "serving.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXIT_IN_USE 4 /* another uses the state directory */
#define ROLES 8
#define PATIENCE_S 60
#define LOOK_MS 500 /* how often it is looked whether the master is there */

unsigned serving_imap, serving_pop3, serving_lmtp;

static const char *program;
static char directory[96];
/* Shared by all processes. */
static struct server {
	_Atomic pid_t master;
	atomic_bool failed; /* it ended by itself */
} * server;

static off_t log_seen; /* before the last kill */

static char *path_of(const char *name)
{
	static char path[160];

	snprintf(path, sizeof path, "%s/%s", directory, name);
	return path;
}

static void fail_at(const char *what)
{
	perror(what);
	abort();
}

static unsigned free_port(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, n) ||
		getsockname(fd, (struct sockaddr *)&address, &n))
		fail_at("bind");
	close(fd);
	return ntohs(address.sin_port);
}

static void write_config(void)
{
	FILE *f = fopen(path_of("culver.conf"), "we");

	if (!f)
		fail_at("culver.conf");
	fprintf(f,
		"state = \"%s/state\";\n"
		"listen = { imap = [\"127.0.0.1:%u\"]; imaps = [];\n"
		"           pop3 = [\"127.0.0.1:%u\"]; pop3s = [];\n"
		"           lmtp = [\"127.0.0.1:%u\"]; };\n"
		"login = { plaintext_without_tls = true; rehash = false; };\n"
		"log = { level = \"warn\"; server = \"info\"; };\n"
		"workers = { fronts = 1; };\n"
		"limits = { connections_per_address = 20000;\n"
		"           connections_per_account = 20000; };\n",
		directory, serving_imap, serving_pop3, serving_lmtp);
	fclose(f);
}

/* What the server says is in the log; its trouble is printed at the end. */
static pid_t run(const char *command, const char *argument, const char *more)
{
	int log = open(path_of("log"),
		O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	char *config = path_of("culver.conf");
	pid_t pid = fork();

	if (pid < 0 || log < 0)
		fail_at("fork");
	if (pid == 0) {
		setpgid(0, 0);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(log, 1);
		dup2(log, 2);
		alarm(0);
		execl(program, program, "-c", config, command, argument, more,
			(char *)NULL);
		_exit(127);
	}
	setpgid(pid, pid);
	close(log);
	return pid;
}

static bool run_to_end(
	const char *command, const char *argument, const char *more)
{
	pid_t pid = run(command, argument, more);
	int status;

	if (waitpid(pid, &status, 0) != pid)
		fail_at("waitpid");
	return status == 0;
}

/* ------------------------------------------------------------------ its log
 */

static off_t log_size(void)
{
	struct stat st;

	return stat(path_of("log"), &st) ? 0 : st.st_size;
}

static bool log_says(const char *words)
{
	static char text[1 << 16];
	int fd = open(path_of("log"), O_RDONLY | O_CLOEXEC);
	ssize_t n = pread(fd, text, sizeof text, log_seen);

	close(fd);
	return n > 0 && memmem(text, (size_t)n, words, strlen(words));
}

static void await_log(const char *words)
{
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	struct pollfd p = {.fd = fd, .events = POLLIN};
	unsigned looks = PATIENCE_S * 1000 / LOOK_MS;
	char events[4096];

	if (fd < 0 || inotify_add_watch(fd, path_of("log"), IN_MODIFY) < 0)
		fail_at("inotify");
	while (!log_says(words)) {
		if (atomic_load(&server->failed))
			fail_at("the master ended by itself");
		if (poll(&p, 1, LOOK_MS) <= 0 && --looks == 0)
			fail_at(words);
		while (read(fd, events, sizeof events) > 0)
			;
	}
	close(fd);
}

/* ------------------------------------------------------------- its beginning
 */

/* What matters is not the hash: this one costs nothing. */
static void add_accounts(void)
{
	char passwd[160];
	FILE *f;

	snprintf(passwd, sizeof passwd, "%s", path_of("passwd"));
	f = fopen(passwd, "we");
	if (!f)
		fail_at(passwd);
	for (unsigned i = 1; i <= SERVING_ACCOUNTS; i++)
		fprintf(f, "u%u:{SSHA}gVK8WC9YyFT1gMsQHTGCgT3sSv5zYWx0\n", i);
	fclose(f);
	if (!run_to_end("account", "import-passwd", passwd))
		fail_at("cannot add accounts");
}

static void start_master(void)
{
	server->master = run("serve", NULL, NULL);
}

void serving_init(const char *path)
{
	program = path;
	server = mmap(NULL, sizeof *server, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (server == MAP_FAILED)
		fail_at("mmap");
}

void serving_begin(void)
{
	const char *place = getenv("TMPDIR");

	snprintf(directory, sizeof directory, "%s/culver-model-XXXXXX",
		place ? place : "/tmp");
	/* Roles that gave up root must be able to come here. */
	if (!mkdtemp(directory) || chmod(directory, 0755))
		fail_at(directory);
	serving_imap = free_port();
	serving_lmtp = free_port();
	serving_pop3 = free_port();
	write_config();
	log_seen = 0;
	atomic_store(&server->failed, false);
	start_master();
	await_log("msg=ready");
	add_accounts();
}

/* It is not there because all was killed, or what was left of the one before
 * had not let go yet. */
bool serving_child_ended(pid_t pid, int status)
{
	if (pid != server->master)
		return false;
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_IN_USE)
		usleep(5000);
	else if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		atomic_store(&server->failed, true);
	if (!atomic_load(&server->failed))
		start_master();
	return true;
}

bool serving_verify(const char *account)
{
	return account ? run_to_end("verify", "--account", account)
		       : run_to_end("verify", NULL, NULL);
}

/* --------------------------------------------------------------- its end
 */

static unsigned find_roles(pid_t *roles)
{
	char path[64], pids[4096], *save, *pid;
	unsigned count = 0;
	FILE *f;
	size_t n;

	snprintf(path, sizeof path, "/proc/%d/task/%d/children", server->master,
		server->master);
	f = fopen(path, "re");
	if (!f)
		fail_at(path);
	n = fread(pids, 1, sizeof pids - 1, f);
	fclose(f);
	pids[n] = '\0';
	for (pid = strtok_r(pids, " ", &save); pid && count < ROLES;
		pid = strtok_r(NULL, " ", &save))
		roles[count++] = (pid_t)strtol(pid, NULL, 10);
	return count;
}

static bool is_mail_role(pid_t pid)
{
	static const char words[] = "--role\0mail";
	char path[64], text[4096];
	ssize_t n;
	int fd;

	snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof text);
	close(fd);
	return n > 0 && memmem(text, (size_t)n, words, sizeof words);
}

/* 0: there is none at the moment. */
static pid_t find_mail_role(void)
{
	pid_t roles[ROLES];
	unsigned count = find_roles(roles);

	for (unsigned i = 0; i < count; i++)
		if (is_mail_role(roles[i]))
			return roles[i];
	return 0;
}

/* What was killed, until it is gone. */
static int dying[ROLES + 1];
static unsigned dying_count;

static void watch(pid_t pid)
{
	int fd = pidfd_open(pid, 0);

	if (fd >= 0)
		dying[dying_count++] = fd;
}

static void await_deaths(void)
{
	while (dying_count) {
		struct pollfd p = {
			.fd = dying[--dying_count], .events = POLLIN};

		if (poll(&p, 1, PATIENCE_S * 1000) <= 0)
			fail_at("it does not die");
		close(p.fd);
	}
}

void serving_kill_mail(void)
{
	pid_t pid = find_mail_role();

	if (!pid)
		fail_at("there is no mail role");
	log_seen = log_size();
	watch(pid);
	kill(pid, SIGKILL);
}

/* The master waits longer with each restart of a role; not when it is told to
 * look again. */
void serving_await_mail(void)
{
	await_deaths();
	kill(server->master, SIGHUP);
	await_log("msg=\"role is back\"");
}

void serving_kill_all(void)
{
	pid_t roles[ROLES];
	unsigned count = find_roles(roles);

	log_seen = log_size();
	watch(server->master);
	for (unsigned i = 0; i < count; i++)
		watch(roles[i]);
	killpg(server->master, SIGKILL);
}

void serving_await_all(void)
{
	await_deaths();
	await_log("msg=ready");
}

void serving_end(bool aloud)
{
	char command[200];
	int status;

	if (!atomic_load(&server->failed)) {
		serving_kill_all();
		await_deaths();
		waitpid(server->master, &status, 0);
	}
	if (aloud) {
		snprintf(command, sizeof command,
			"grep -v 'reload' '%s/log' | tail -n 40 >&2",
			directory);
		if (system(command))
			fprintf(stderr, "(no log)\n");
	}
	snprintf(command, sizeof command, "rm -rf '%s'", directory);
	for (int i = 0; system(command); i++)
		if (i == 50 || usleep(100000))
			fail_at(command);
}
