/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The game against a real server, whose mail role is killed again and again:
 * model-server-test CULVER. Each process that plays has a server of its own,
 * which ends with it.
 */
#include "game.h"
#include "base/clock.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* The master waits longer with each restart of a role, but not at first. */
#define KILLS 3
#define EXIT_IN_USE 4 /* another uses the state directory */
#define ROLES 8
#define ACCOUNTS 100
#define VERIFY_EVERY 10 /* scripts */

/* For the parent, which cleans up after whatever happened. */
struct shared {
	char directory[64];
	pid_t master;
};

static const char *program;
static struct shared *shared;
static unsigned port, kills, accounts;

static char *path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof path, "%s/%s", shared->directory, name);
	return path;
}

static void fail_at(const char *what)
{
	perror(what);
	abort();
}

/* Starting and ending. */

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
		"listen = { imap = [\"127.0.0.1:%u\"]; imaps = []; pop3 = [];\n"
		"           pop3s = []; lmtp = []; };\n"
		"login = { plaintext_without_tls = true; rehash = false; };\n"
		"log = { level = \"warn\"; };\n"
		"workers = { fronts = 1; };\n"
		"limits = { connections_per_address = 20000;\n"
		"           connections_per_account = 20000; };\n",
		shared->directory, port);
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

/* What matters is not the hash. */
static void add_accounts(void)
{
	char passwd[128];
	FILE *f;

	snprintf(passwd, sizeof passwd, "%s", path_of("passwd"));
	f = fopen(passwd, "we");
	if (!f)
		fail_at(passwd);
	for (unsigned i = 1; i <= ACCOUNTS; i++)
		fprintf(f, "u%u:{PLAIN}secret\n", i);
	fclose(f);
	/* 3, as long as the server is not there yet. */
	for (int i = 0; i < 500; i++) {
		if (run_to_end("account", "import-passwd", passwd))
			return;
		usleep(20000);
	}
	fprintf(stderr, "cannot add accounts\n");
	abort();
}

static unsigned find_roles(pid_t *roles)
{
	char path[64], pids[4096], *save, *pid;
	unsigned count = 0;
	FILE *f;
	size_t n;

	snprintf(path, sizeof path, "/proc/%d/task/%d/children", shared->master,
		shared->master);
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

static void start_master(void)
{
	shared->master = run("serve", NULL, NULL);
	kills = 0;
}

/* Gone, or nobody asked yet what became of it. */
static bool has_ended(pid_t pid)
{
	char path[64], state = 'Z';
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	f = fopen(path, "re");
	if (!f)
		return true;
	if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
		state = 'Z';
	fclose(f);
	return state == 'Z' || state == 'X';
}

/* The next may begin when these have let go of everything. */
static void kill_all(void)
{
	pid_t roles[ROLES];
	unsigned count = find_roles(roles);
	int status;

	killpg(shared->master, SIGKILL);
	waitpid(shared->master, &status, 0);
	for (unsigned i = 0; i < count; i++)
		while (!has_ended(roles[i]))
			usleep(1000);
	shared->master = 0;
}

/* Sockets. */

/* -1: nobody listens yet, or again. */
static int connect_once(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0)
		fail_at("socket");
	if (connect(fd, (struct sockaddr *)&address, sizeof address)) {
		close(fd);
		return -1;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return fd;
}

static bool log_in(struct talk *t)
{
	char command[64];
	str line;

	t->c.fd = connect_once();
	if (t->c.fd < 0)
		return false;
	line = talk_line_or_end(t);
	if (!str_is_none(line)) {
		snprintf(command, sizeof command, "L LOGIN u%u secret\r\n",
			accounts);
		talk_send(t, str_c(command));
		do
			line = talk_line_or_end(t);
		while (!str_is_none(line) && line.p[0] == '*');
	}
	if (!str_is_none(line) && str_starts(line, STR("L OK")))
		return true;
	close(t->c.fd);
	return false;
}

/* What was left of the one before had not let go yet. */
static void start_again(struct talk *t)
{
	int status;

	if (waitpid(shared->master, &status, 0) != shared->master ||
		!WIFEXITED(status) || WEXITSTATUS(status) != EXIT_IN_USE)
		talk_die(t, "the master ended");
	start_master();
}

/* While the mail role is away nobody can log in. */
static void log_in_at_last(struct talk *t)
{
	uint64_t until = clock_monotonic_ms() + PATIENCE_MS;

	while (!log_in(t)) {
		if (clock_monotonic_ms() > until)
			talk_die(t, "cannot log in");
		if (has_ended(shared->master))
			start_again(t);
		buf_reset(&t->c.in);
		usleep(10000);
	}
	buf_reset(&t->c.in);
}

static void connect_player(struct player *p)
{
	log_in_at_last(&p->talk);
}

/* The eye, a client that only looks. */

struct eye {
	struct talk talk;
	struct talk_log log;
	bool open;
};

static void close_eye(struct eye *eye)
{
	if (!eye->open)
		return;
	close(eye->talk.c.fd);
	buf_fini(&eye->talk.c.in);
	eye->talk.c.in = BUF_UNBOUNDED;
	eye->open = false;
}

static void open_eye(struct eye *eye)
{
	if (!eye->open)
		log_in_at_last(&eye->talk);
	eye->open = true;
}

static modseq_num number_in(struct talk *t, str line, const char *mark)
{
	return talk_number(t, talk_between(line, mark, "]"));
}

static void see_code(struct talk *t, struct sight *sight, str line)
{
	if (str_starts(line, STR("* OK [UIDVALIDITY ")))
		sight->uidvalidity =
			(uint32_t)number_in(t, line, "[UIDVALIDITY ");
	if (str_starts(line, STR("* OK [UIDNEXT ")))
		sight->uidnext = (uid_num)number_in(t, line, "[UIDNEXT ");
	if (str_starts(line, STR("* OK [HIGHESTMODSEQ ")))
		sight->modseq = number_in(t, line, "[HIGHESTMODSEQ ");
}

static void see_message(struct talk *t, struct sight *sight, str line)
{
	str content = talk_between(line, "content-", "\r\n");
	struct message *m = &sight->all[sight->count];

	if (str_find(line, STR(" FETCH (")) == line.n)
		return;
	if (sight->count++ == MESSAGES)
		talk_die(t, "too many messages");
	m->uid = (uid_num)talk_number(t, talk_between(line, "UID ", ")"));
	m->flags = talk_flags(t, talk_between(line, "FLAGS (", ")")) &
		   ~TALK_RECENT;
	m->modseq = talk_number(t, talk_between(line, "MODSEQ (", ")"));
	m->content = (unsigned)talk_number(t, content);
}

static void see_note(struct talk *t, struct sight *sight, str line)
{
	str note = talk_between(line, "\"note-", "\"");

	if (str_starts(line, STR("* METADATA ")) && !str_is_none(note))
		sight->note = (unsigned)talk_number(t, note);
}

/* True when it was OK. */
static bool ask(struct talk *t, const char *command, struct sight *sight,
	void (*see)(struct talk *, struct sight *, str))
{
	str line;

	talk_send(t, str_c(command));
	for (;;) {
		line = talk_line(t);
		if (line.p[0] != '*')
			return str_starts(line, STR("e OK"));
		see(t, sight, line);
	}
}

static void look_at(struct talk *t, const char *name, struct sight *sight)
{
	char command[80];

	sight->count = sight->note = 0;
	snprintf(command, sizeof command, "e EXAMINE %s\r\n", name);
	sight->exists = ask(t, command, sight, see_code);
	if (!sight->exists)
		return;
	if (!ask(t, "e UID FETCH 1:* (FLAGS MODSEQ BODY.PEEK[TEXT])\r\n", sight,
		    see_message))
		talk_die(t, "cannot look at messages");
	snprintf(command, sizeof command,
		"e GETMETADATA %s /private/comment\r\n", name);
	if (!ask(t, command, sight, see_note) ||
		!ask(t, "e UNSELECT\r\n", sight, see_code))
		talk_die(t, "cannot look at annotations");
}

static void look(struct game *g, struct talk *t)
{
	struct eye *eye = g->world;

	(void)t;
	open_eye(eye);
	for (int i = 0; i < NAMES; i++)
		look_at(&eye->talk, box_names[i], &g->sights[i]);
}

/* The mail role. */

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

static void kill_mail_role(struct game *g)
{
	struct eye *eye = g->world;
	pid_t pid;

	/* A master whose roles die before they all began gives up. */
	open_eye(eye);
	while (!(pid = find_mail_role()))
		usleep(10000);
	kill(pid, SIGKILL);
	close_eye(eye);
	kills++;
}

/* The master does it by itself; but now and then all begins anew. */
static void restart(struct game *g)
{
	(void)g;
	if (kills < KILLS)
		return;
	kill_all();
	start_master();
}

/* The stage. */

static void begin_process(void)
{
	snprintf(shared->directory, sizeof shared->directory,
		"/tmp/culver-model-XXXXXX");
	/* Roles that gave up root must be able to come here. */
	if (!mkdtemp(shared->directory) || chmod(shared->directory, 0755))
		fail_at("mkdtemp");
	port = free_port();
	write_config();
	start_master();
}

static void begin(struct game *g)
{
	struct eye *eye = xcalloc(1, sizeof *eye);

	eye->talk.log = &eye->log;
	eye->talk.seed = g->players[0].talk.seed;
	eye->talk.c.in = eye->talk.line = BUF_UNBOUNDED;
	g->world = eye;
	if (!shared->master)
		begin_process();
	if (accounts == 0)
		add_accounts();
	accounts++;
}

static void end(struct game *g)
{
	struct eye *eye = g->world;

	close_eye(eye);
	buf_fini(&eye->talk.line);
	if (accounts % VERIFY_EVERY == 0 && !run_to_end("verify", NULL, NULL))
		talk_die(&g->players[0].talk, "culver verify found something");
	free(eye);
}

/* In the parent, when a process is over, and the server's master with it; the
 * other roles end when they notice. */
static void clean_up(bool failed)
{
	char command[160];

	if (!shared->directory[0])
		return;
	if (failed) {
		snprintf(command, sizeof command,
			"grep -v 'level=warn' '%s/log' | tail -n 40 >&2",
			shared->directory);
		if (system(command))
			fprintf(stderr, "(no log)\n");
	}
	snprintf(command, sizeof command, "rm -rf '%s'", shared->directory);
	for (int i = 0; i < 50 && system(command); i++)
		usleep(100000);
	*shared = (struct shared){.master = 0};
}

int main(int argc, char **argv)
{
	static const struct stage stage = {
		.name = "against a server that is killed",
		.begin = begin,
		.end = end,
		.connect = connect_player,
		.look = look,
		.kill = kill_mail_role,
		.restart = restart,
		.clean_up = clean_up,
		.scripts = 8,
		.patience = 300,
	};

	if (argc != 2) {
		fprintf(stderr, "usage: model-server-test CULVER\n");
		return 2;
	}
	program = argv[1];
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		fail_at("mmap");
	signal(SIGPIPE, SIG_IGN);
	return game_main(&stage);
}
