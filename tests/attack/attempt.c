/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a role that was taken over could do. This program takes it over: it
 * stops the running process, lets it make system calls as an intruder's code
 * would, and lets it go on. So it is the role as it runs, with its user, its
 * root, its descriptors and its filter, that answers; no part of it knows.
 *
 *	attack-attempt PID ATTEMPT [ARGUMENT...]
 *
 * prints "yes", "no ERRNO" or "killed". Needs root, x86-64, Linux. Exits with 3
 * when the role was at work and cannot be asked just now.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__x86_64__)

#define ROOM 4096

static pid_t victim;
static struct user_regs_struct before;
/* On the victim's stack, below what it may be using. */
static unsigned long room;
static bool is_killed;
/* What it got instead of a result, such as SIGSEGV; 0: nothing. */
static int signalled;
static char **arguments;

static void die(const char *what)
{
	perror(what);
	exit(2);
}

/* ---------------------------------------------------------------- injecting */

static void poke(unsigned long at, const void *data, size_t n)
{
	char path[64];
	int fd;

	snprintf(path, sizeof path, "/proc/%d/mem", victim);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 || pwrite(fd, data, n, (off_t)at) != (ssize_t)n)
		die("write to the role's memory");
	close(fd);
}

/* Ends what it made: a copy of itself, that must not go on. */
static void end_child(void)
{
	unsigned long child;

	if (ptrace(PTRACE_GETEVENTMSG, victim, NULL, &child) == 0)
		kill((pid_t)child, SIGKILL);
}

/* Runs on until it has made one step. */
static void step(void)
{
	int status;

	if (ptrace(PTRACE_SINGLESTEP, victim, NULL, NULL) < 0)
		die("step");
	for (;;) {
		if (waitpid(victim, &status, __WALL) < 0)
			die("wait for the role");
		if (WIFSIGNALED(status) || WIFEXITED(status)) {
			is_killed = true;
			return;
		}
		if (status >> 16 == PTRACE_EVENT_FORK ||
			status >> 16 == PTRACE_EVENT_VFORK ||
			status >> 16 == PTRACE_EVENT_CLONE) {
			end_child();
			if (ptrace(PTRACE_SINGLESTEP, victim, NULL, NULL) < 0)
				die("step");
			continue;
		}
		if (WSTOPSIG(status) != SIGTRAP)
			signalled = WSTOPSIG(status);
		return;
	}
}

/* The system call's result; -1 when it was the end. */
static long call_at(unsigned long instruction, long nr, unsigned long a,
	unsigned long b, unsigned long c, unsigned long d, unsigned long e)
{
	struct user_regs_struct regs = before;

	if (is_killed)
		return -1;
	regs.rip = instruction;
	regs.orig_rax = ~0ull;
	regs.rax = (unsigned long)nr;
	regs.rdi = a;
	regs.rsi = b;
	regs.rdx = c;
	regs.r10 = d;
	regs.r8 = e;
	regs.r9 = 0;
	if (ptrace(PTRACE_SETREGS, victim, NULL, &regs) < 0)
		die("set registers");
	step();
	if (is_killed)
		return -1;
	if (ptrace(PTRACE_GETREGS, victim, NULL, &regs) < 0)
		die("get registers");
	return (long)regs.rax;
}

#define CALL(nr, a, b, c, d, e)                                                \
	call_at(before.rip - 2, (nr), (unsigned long)(a), (unsigned long)(b),  \
		(unsigned long)(c), (unsigned long)(d), (unsigned long)(e))

static void take_over(pid_t pid)
{
	unsigned char code[2];
	char path[64];
	int status, fd;

	victim = pid;
	if (ptrace(PTRACE_SEIZE, pid, NULL,
		    PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
			    PTRACE_O_TRACECLONE) < 0 ||
		ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) < 0 ||
		waitpid(pid, &status, __WALL) < 0 ||
		ptrace(PTRACE_GETREGS, pid, NULL, &before) < 0)
		die("take the role over");
	snprintf(path, sizeof path, "/proc/%d/mem", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || pread(fd, code, 2, (off_t)before.rip - 2) != 2 ||
		code[0] != 0x0f || code[1] != 0x05) {
		fprintf(stderr, "the role does not wait in a system call\n");
		exit(3);
	}
	close(fd);
	room = (before.rsp - 65536) & ~15ul;
}

static void let_go(void)
{
	if (is_killed)
		return;
	if (ptrace(PTRACE_SETREGS, victim, NULL, &before) < 0 ||
		ptrace(PTRACE_DETACH, victim, NULL, NULL) < 0)
		die("let the role go");
}

/* ----------------------------------------------------------------- attempts */

/* Each gives what the last of its calls gave. */

static unsigned long put(const char *text)
{
	poke(room, text, strlen(text) + 1);
	return room;
}

static long close_again(long fd)
{
	if (fd >= 0)
		CALL(SYS_close, fd, 0, 0, 0, 0);
	return fd;
}

/* Any one of the paths. */
static long open_any(int flags)
{
	long result = -ENOENT;

	for (char **path = arguments; *path && result < 0 && !is_killed;
		path++) {
		result = CALL(SYS_openat, AT_FDCWD, put(*path), flags, 0600, 0);
	}
	return close_again(result);
}

static long try_read(void)
{
	return open_any(O_RDONLY);
}

static long try_write(void)
{
	return open_any(O_WRONLY);
}

static long try_create(void)
{
	long fd = open_any(O_WRONLY | O_CREAT);

	if (fd >= 0)
		CALL(SYS_unlinkat, AT_FDCWD, put(arguments[0]), 0, 0, 0);
	return fd;
}

static long try_symlink(void)
{
	put("/etc/passwd");
	poke(room + 256, "link", 5);
	return CALL(SYS_symlink, room, room + 256, 0, 0, 0);
}

static long try_execve(void)
{
	return CALL(SYS_execve, put(arguments[0]), 0, 0, 0, 0);
}

static long try_execveat(void)
{
	return CALL(SYS_execveat, AT_FDCWD, put(arguments[0]), 0, 0, 0);
}

static long try_fork(void)
{
	return CALL(SYS_fork, 0, 0, 0, 0, 0);
}

static long try_clone(void)
{
	return CALL(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

static long try_clone3(void)
{
	const unsigned long args[8] = {[4] = SIGCHLD};

	poke(room, args, sizeof args);
	return CALL(SYS_clone3, room, sizeof args, 0, 0, 0);
}

/* A stream socket, with which it connects or binds. */
static long use_socket(long nr, const void *address, size_t n)
{
	sa_family_t family = ((const struct sockaddr *)address)->sa_family;
	long fd = CALL(SYS_socket, family, SOCK_STREAM, 0, 0, 0), result;

	if (fd < 0)
		return fd;
	poke(room, address, n);
	result = CALL(nr, fd, room, n, 0, 0);
	close_again(fd);
	return result;
}

static long try_tcp(void)
{
	const struct sockaddr_in to = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)atoi(arguments[0])),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	return use_socket(SYS_connect, &to, sizeof to);
}

static long try_udp(void)
{
	return close_again(CALL(SYS_socket, AF_INET, SOCK_DGRAM, 0, 0, 0));
}

static long try_raw_socket(void)
{
	return close_again(CALL(SYS_socket, AF_INET, SOCK_RAW, 1, 0, 0));
}

static long try_netlink(void)
{
	return close_again(CALL(
		SYS_socket, AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER, 0, 0));
}

static long try_unix(void)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};

	snprintf(to.sun_path, sizeof to.sun_path, "%s", arguments[0]);
	return use_socket(SYS_connect, &to, sizeof to);
}

static long try_listen(void)
{
	const struct sockaddr_in at = {.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	return use_socket(SYS_bind, &at, sizeof at);
}

static long try_ptrace(void)
{
	return CALL(SYS_ptrace, PTRACE_SEIZE, atoi(arguments[0]), 0, 0, 0);
}

static long try_read_memory(void)
{
	const struct {
		unsigned long at, n;
	} vector = {room + 64, 16};

	poke(room, &vector, sizeof vector);
	return CALL(SYS_process_vm_readv, atoi(arguments[0]), room, 1, room, 1);
}

static long try_pidfd(void)
{
	return close_again(
		CALL(SYS_pidfd_open, atoi(arguments[0]), 0, 0, 0, 0));
}

static long try_signal(void)
{
	return CALL(SYS_kill, atoi(arguments[0]), 0, 0, 0, 0);
}

static long try_signal_thread(void)
{
	return CALL(
		SYS_tgkill, atoi(arguments[0]), atoi(arguments[0]), 0, 0, 0);
}

static long try_setuid(void)
{
	return CALL(SYS_setresuid, 0, 0, 0, 0, 0);
}

static long try_chroot(void)
{
	return CALL(SYS_chroot, put("."), 0, 0, 0, 0);
}

static long try_unshare(void)
{
	return CALL(SYS_unshare, CLONE_NEWUSER, 0, 0, 0, 0);
}

static long try_mount(void)
{
	return CALL(SYS_mount, put("none"), room, room, 0, 0);
}

static long try_executable_memory(void)
{
	return CALL(SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
		MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

static long try_executable_stack(void)
{
	return CALL(SYS_mprotect, before.rsp & ~4095ul, 4096,
		PROT_READ | PROT_WRITE | PROT_EXEC, 0, 0);
}

static long try_memfd(void)
{
	return close_again(CALL(SYS_memfd_create, put("x"), 0, 0, 0, 0));
}

static long try_io_uring(void)
{
	return close_again(CALL(SYS_io_uring_setup, 8, room, 0, 0, 0));
}

static long try_bpf(void)
{
	return CALL(SYS_bpf, 0, room, 64, 0, 0);
}

static long try_perf(void)
{
	return CALL(SYS_perf_event_open, room, 0, -1, -1, 0);
}

static long try_keys(void)
{
	return CALL(SYS_keyctl, 0, -3, 0, 0, 0);
}

static long try_module(void)
{
	return CALL(SYS_init_module, room, 0, room, 0, 0);
}

static long try_faults(void)
{
	return close_again(CALL(SYS_userfaultfd, 0, 0, 0, 0, 0));
}

static long try_terminal(void)
{
	return CALL(SYS_ioctl, 2, 0x5412 /* TIOCSTI */, room, 0, 0);
}

static long try_core(void)
{
	return CALL(SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0);
}

/* The same calls by other numbers. */
static long try_x32(void)
{
	return CALL(0x40000000 | SYS_getpid, 0, 0, 0, 0, 0);
}

/* "int $0x80", which an intruder finds somewhere, stands for a moment where the
 * role's own system call does. */
static long try_i386(void)
{
	unsigned long at = before.rip - 2;
	long result;

	poke(at, "\xcd\x80", 2);
	result = call_at(at, 20 /* getpid */, 0, 0, 0, 0, 0);
	if (!is_killed)
		poke(at, "\x0f\x05", 2);
	return result;
}

static long try_time(void)
{
	return CALL(SYS_clock_gettime, 0, room, 0, 0, 0);
}

static const struct {
	const char *name;
	long (*run)(void);
} attempts[] = {
	{"read", try_read},
	{"write", try_write},
	{"create", try_create},
	{"symlink", try_symlink},
	{"execve", try_execve},
	{"execveat", try_execveat},
	{"fork", try_fork},
	{"clone", try_clone},
	{"clone3", try_clone3},
	{"tcp", try_tcp},
	{"udp", try_udp},
	{"raw", try_raw_socket},
	{"netlink", try_netlink},
	{"unix", try_unix},
	{"listen", try_listen},
	{"ptrace", try_ptrace},
	{"read_memory", try_read_memory},
	{"pidfd", try_pidfd},
	{"signal", try_signal},
	{"signal_thread", try_signal_thread},
	{"setuid", try_setuid},
	{"chroot", try_chroot},
	{"unshare", try_unshare},
	{"mount", try_mount},
	{"executable_memory", try_executable_memory},
	{"executable_stack", try_executable_stack},
	{"memfd", try_memfd},
	{"io_uring", try_io_uring},
	{"bpf", try_bpf},
	{"perf", try_perf},
	{"keys", try_keys},
	{"module", try_module},
	{"faults", try_faults},
	{"terminal", try_terminal},
	{"core", try_core},
	{"x32", try_x32},
	{"i386", try_i386},
	{"time", try_time},
};

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	arguments = argv + 3;
	for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++) {
		long result;

		if (strcmp(attempts[i].name, argv[2]) != 0)
			continue;
		take_over(atoi(argv[1]));
		result = attempts[i].run();
		let_go();
		if (is_killed)
			puts("killed");
		else if (signalled)
			printf("no SIG%s\n", sigabbrev_np(signalled));
		else if (result >= 0)
			puts("yes");
		else
			printf("no %s\n", strerrorname_np((int)-result));
		return 0;
	}
	fprintf(stderr, "no such attempt\n");
	return 2;
}

#else

int main(void)
{
	fprintf(stderr, "not for this machine\n");
	return 3;
}

#endif
