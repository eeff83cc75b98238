/* SPDX-License-Identifier: Apache-2.0 */
/* For tests only; see confine.h. */
#include "base/alloc.h"
#include "server/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Each returns whether it got what it tried. */

static bool can_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static bool try_read_inside(void)
{
	return can_open("inside", O_RDONLY);
}

static bool try_create_inside(void)
{
	bool ok = can_open("created", O_RDWR | O_CREAT);

	return ok && rename("created", "renamed") == 0 &&
	       unlink("renamed") == 0;
}

static bool try_read_outside(void)
{
	return can_open("../outside", O_RDONLY) ||
	       can_open("/proc/self/maps", O_RDONLY);
}

static bool try_read_system(void)
{
	return can_open("/etc/passwd", O_RDONLY);
}

static bool try_write_outside(void)
{
	return can_open("../outside", O_WRONLY) ||
	       can_open("/tmp/culver-selftest", O_WRONLY | O_CREAT);
}

static bool try_write_system(void)
{
	return can_open("/run/culver-selftest", O_WRONLY | O_CREAT) ||
	       can_open("/etc/passwd", O_WRONLY);
}

static bool try_symlink(void)
{
	return symlink("/etc/passwd", "link") == 0;
}

static bool try_device(void)
{
	return mknod("null", S_IFCHR | 0666, 0x0103) == 0;
}

/* When it works, it exits with 0, which means yes. */
static bool try_program(const char *path)
{
	char *const args[] = {(char *)(uintptr_t) "true", NULL};

	execve(path, args, args + 1);
	return false;
}

static bool try_execve(void)
{
	return try_program("/bin/true");
}

static bool try_execute_inside(void)
{
	return try_program("./program");
}

static bool try_fork(void)
{
	pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

	if (pid == 0)
		_exit(0);
	return pid > 0;
}

static void *nothing(void *arg)
{
	return arg;
}

static bool try_thread(void)
{
	pthread_t thread;

	return pthread_create(&thread, NULL, nothing, NULL) == 0 &&
	       pthread_join(thread, NULL) == 0;
}

static bool try_tcp_connect(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
		.sin_port = htons(9),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return fd >= 0 && (connect(fd, (void *)&to, sizeof to) == 0 ||
				  errno == ECONNREFUSED);
}

static bool try_tcp_listen(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return fd >= 0 && bind(fd, (void *)&at, sizeof at) == 0 &&
	       listen(fd, 1) == 0;
}

static bool try_raw_netlink(void)
{
	return socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER) >= 0;
}

static bool try_udp(void)
{
	return socket(AF_INET, SOCK_DGRAM, 0) >= 0;
}

static bool try_unix_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0) >= 0;
}

static bool try_socketpair(void)
{
	int fds[2];

	return socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0 &&
	       write(fds[0], "x", 1) == 1;
}

static bool try_ptrace(void)
{
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0;
}

static bool try_signal_parent(void)
{
	return kill(getppid(), 0) == 0;
}

static bool try_root(void)
{
	return setresuid(0, 0, 0) == 0 && geteuid() == 0;
}

static bool try_chroot(void)
{
	return chroot(".") == 0;
}

static bool try_unshare(void)
{
	return unshare(CLONE_NEWUSER) == 0;
}

static bool try_mount(void)
{
	return mount("none", ".", "tmpfs", 0, NULL) == 0;
}

static bool try_new_code(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p != MAP_FAILED && mprotect(p, 4096, PROT_READ | PROT_EXEC) == 0;
}

static bool try_load_code(void)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	void *p;

	if (fd < 0)
		fd = open("/usr/bin/true", O_RDONLY | O_CLOEXEC);
	p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	return fd >= 0 && p != MAP_FAILED;
}

static bool try_memory(void)
{
	void *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p != MAP_FAILED && munmap(p, 1 << 20) == 0;
}

static bool try_randomness(void)
{
	char room[16];

	return syscall(SYS_getrandom, room, sizeof room, 0) == sizeof room;
}

static bool try_core(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_CORE, &limit);
	return limit.rlim_max != 0 || prctl(PR_GET_DUMPABLE) != 0;
}

/* front, auth, mail, lookup, lookup with PAM */
#define NOBODY                                                                 \
	{                                                                      \
		false, false, false, false, false                              \
	}
#define EVERYBODY                                                              \
	{                                                                      \
		true, true, true, true, true                                   \
	}
#define KEEPERS                                                                \
	{                                                                      \
		false, true, true, false, false                                \
	}
#define LOOKUP                                                                 \
	{                                                                      \
		false, false, false, true, true                                \
	}
#define LOOKUP_PAM                                                             \
	{                                                                      \
		false, false, false, false, true                               \
	}

static const struct {
	const char *what;
	bool (*attempt)(void);
	bool allowed[CONFINE_CASES];
	bool strict_only; /* sanitizers' filter lets it pass */
} attempts[] = {
	{"read a file inside", try_read_inside, KEEPERS, false},
	{"create, rename, remove inside", try_create_inside, KEEPERS, false},
	{"read files outside", try_read_outside, NOBODY, false},
	{"write files outside", try_write_outside, NOBODY, false},
	{"read the system's files", try_read_system, LOOKUP, false},
	{"write the system's files", try_write_system, NOBODY, false},
	{"make a symbolic link", try_symlink, NOBODY, false},
	{"make a device", try_device, NOBODY, false},
	{"execute a program", try_execve, LOOKUP_PAM, false},
	{"execute a file inside", try_execute_inside, NOBODY, false},
	{"start a process", try_fork, LOOKUP_PAM, true},
	{"start a thread", try_thread, EVERYBODY, false},
	{"connect by TCP", try_tcp_connect, LOOKUP, false},
	{"listen on a TCP port", try_tcp_listen, NOBODY, false},
	{"open a UDP socket", try_udp, LOOKUP, false},
	{"open a Unix socket", try_unix_socket, LOOKUP_PAM, true},
	{"open a netlink socket", try_raw_netlink, NOBODY, true},
	{"make a socket pair", try_socketpair, EVERYBODY, false},
	{"trace", try_ptrace, NOBODY, false},
	{"signal the master", try_signal_parent, NOBODY, false},
	{"become root", try_root, NOBODY, false},
	{"chroot", try_chroot, NOBODY, false},
	{"make a namespace", try_unshare, NOBODY, false},
	{"mount", try_mount, NOBODY, false},
	{"make memory executable", try_new_code, NOBODY, true},
	{"load code from the system's files", try_load_code, LOOKUP, false},
	{"allocate memory", try_memory, EVERYBODY, false},
	{"get randomness", try_randomness, EVERYBODY, false},
	{"dump core", try_core, NOBODY, false},
};

static char run(const struct confine_plan *plan, bool (*attempt)(void))
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		if (confine_enter(plan) != OK)
			_exit(2);
		_exit(attempt() ? 0 : 1);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return '?';
	if (WIFSIGNALED(status))
		return WTERMSIG(status) == SIGSYS ? 'k' : '?';
	switch (WEXITSTATUS(status)) {
	case 0:
		return 'y';
	case 1:
		return 'n';
	default:
		return '?';
	}
}

size_t confine_selftest(
	int dir, uid_t uid, gid_t gid, struct confine_attempt **rows_r)
{
	static struct confine_attempt rows[COUNT_OF(attempts)];
	size_t count = 0;

	for (size_t i = 0; i < COUNT_OF(attempts); i++) {
		struct confine_attempt *row = &rows[count];

		if (confine_is_relaxed() && attempts[i].strict_only)
			continue;
		row->what = attempts[i].what;
		for (int k = 0; k < CONFINE_CASES; k++) {
			const struct confine_plan plan = {
				.kind = k < ROLE_KINDS ? (enum role_kind)k
						       : ROLE_LOOKUP,
				.dir = dir,
				.uid = uid,
				.gid = gid,
				.quiet = true,
				.execute = k == ROLE_KINDS,
				.local = k == ROLE_KINDS};

			row->allowed[k] = attempts[i].allowed[k];
			row->result[k] = run(&plan, attempts[i].attempt);
		}
		count++;
	}
	*rows_r = rows;
	return count;
}
