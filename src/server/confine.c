/* SPDX-License-Identifier: Apache-2.0 */
#include "server/confine.h"
#include "base/alloc.h"
#include "base/log.h"
#include "server/landlock.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <openssl/crypto.h>
#include <seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||     \
	__has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#if SANITIZED
#include <sanitizer/common_interface_defs.h>
#endif

#define NOFILE_MAX (1 << 20)

const char *role_kind_name(enum role_kind kind)
{
	static const char *const names[ROLE_KINDS] = {"front", "auth", "mail"};

	return names[kind];
}

bool confine_is_relaxed(void)
{
	return SANITIZED;
}

static enum err failed(const char *what)
{
	int number = errno;

	log_error("server", "confinement failed", LOG_C("step", what),
		LOG_C("reason", strerror(number)));
	errno = number;
	return ERR_DENIED;
}

/* What libraries open on first use, while it can still be opened. */
static void warm_up(void)
{
	tzset();
	OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, NULL);
	/* glibc loads it when a thread is cancelled or exits early. */
	(void)dlopen("libgcc_s.so.1", RTLD_NOW | RTLD_GLOBAL);
#if SANITIZED
	__sanitizer_sandbox_on_notify(NULL);
#endif
}

static void set_limits(bool root)
{
	struct rlimit files, none = {0, 0};

	setrlimit(RLIMIT_CORE, &none);
	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return;
	if (root && files.rlim_max < NOFILE_MAX) {
		struct rlimit more = {NOFILE_MAX, NOFILE_MAX};

		if (setrlimit(RLIMIT_NOFILE, &more) == 0)
			return;
	}
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
}

static enum err enter_directory(int dir, bool root)
{
	if (fchdir(dir) < 0)
		return failed("enter the directory");
	if (root && chroot(".") < 0)
		return failed("chroot");
	if (root && chdir("/") < 0)
		return failed("enter the new root");
	return OK;
}

static enum err become(uid_t uid, gid_t gid)
{
	if (uid == 0 || gid == 0) {
		errno = EPERM;
		return failed("a role must not be root");
	}
	if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 ||
		setresuid(uid, uid, uid) < 0)
		return failed("become another user");
	if (setuid(0) == 0) {
		errno = EPERM;
		return failed("root came back");
	}
	return OK;
}

static enum err lock_privileges(void)
{
	pid_t parent = getppid();

	/* A change of user took this away. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return failed("die with the master");
	if (getppid() != parent) {
		errno = ESRCH;
		return failed("the master has gone");
	}
	if (prctl(PR_SET_DUMPABLE, 0) < 0)
		return failed("forbid core dumps");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return failed("no_new_privs");
	return OK;
}

/* -------- Landlock -------- */

static enum err restrict_files_and_net(const struct confine_plan *plan)
{
	int abi = landlock_abi();
	enum err e;

	if (abi <= 0) {
		if (!plan->quiet)
			log_warn("server",
				"this kernel has no Landlock: files are "
				"protected by users and permissions alone");
		return OK;
	}
	if (abi < LANDLOCK_ABI_NET && !plan->quiet)
		log_info("server", "this kernel's Landlock is old",
			LOG_I64("abi", abi));
	e = landlock_restrict(abi, plan->kind == ROLE_FRONT ? NULL : ".");
	return e ? failed("Landlock") : OK;
}

/* -------- seccomp -------- */

/* Needed by every role: memory, threads, time, descriptors it has, sockets it
 * is given. */
static const char *const allow_all[] = {"accept", "accept4", "brk",
	"clock_getres", "clock_gettime", "clock_nanosleep", "close",
	"close_range", "dup", "dup2", "dup3", "epoll_create1", "epoll_ctl",
	"epoll_pwait", "epoll_pwait2", "epoll_wait", "eventfd2", "exit",
	"exit_group", "fcntl", "fstat", "futex", "getcpu", "getegid", "geteuid",
	"getgid", "getpeername", "getpid", "getppid", "getrandom", "getrusage",
	"getsockname", "getsockopt", "gettid", "gettimeofday", "getuid",
	"lseek", "madvise", "membarrier", "mremap", "munmap", "nanosleep",
	"newfstatat", "pipe2", "poll", "ppoll", "pselect6", "read", "readv",
	"recvfrom", "recvmmsg", "recvmsg", "restart_syscall", "rseq",
	"rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigreturn",
	"rt_sigtimedwait", "sched_getaffinity", "sched_yield", "select",
	"sendmmsg", "sendmsg", "sendto", "set_robust_list", "set_tid_address",
	"setsockopt", "shutdown", "sigaltstack", "sysinfo", "time",
	"timerfd_create", "timerfd_gettime", "timerfd_settime", "times",
	"uname", "write", "writev"};

/* auth and mail, in their directories: SQLite, RocksDB. */
static const char *const allow_files[] = {"access", "copy_file_range",
	"faccessat", "faccessat2", "fadvise64", "fallocate", "fchmod",
	"fdatasync", "flock", "fstatfs", "fsync", "ftruncate", "getcwd",
	"getdents64", "getpriority", "ioprio_get", "ioprio_set", "link",
	"linkat", "lstat", "mkdir", "mkdirat", "msync", "open", "openat",
	"pread64", "preadv", "preadv2", "pwrite64", "pwritev", "pwritev2",
	"readahead", "readlink", "readlinkat", "rename", "renameat",
	"renameat2", "rmdir", "sched_getparam", "sched_getscheduler",
	"sched_setscheduler", "setpriority", "stat", "statfs", "statx",
	"sync_file_range", "truncate", "umask", "unlink", "unlinkat",
	"utimensat"};

/* Only an intruder asks for these. */
static const char *const kill_always[] = {"acct", "add_key", "bind", "bpf",
	"capset", "chroot", "connect", "delete_module", "execve", "execveat",
	"finit_module", "fork", "fsmount", "fsopen", "init_module", "ioperm",
	"iopl", "kcmp", "kexec_file_load", "kexec_load", "keyctl", "mknod",
	"mknodat", "modify_ldt", "mount", "move_mount", "open_by_handle_at",
	"open_tree", "perf_event_open", "personality", "pidfd_getfd",
	"pivot_root", "process_vm_readv", "process_vm_writev", "ptrace",
	"reboot", "request_key", "setdomainname", "setgid", "setgroups",
	"sethostname", "setns", "setregid", "setresgid", "setresuid",
	"setreuid", "setuid", "socket", "swapoff", "swapon", "umount2",
	"unshare", "userfaultfd", "vfork"};

/* What a sanitizer's report may want (a symboliser, its leak search): refused,
 * so that the report still comes. */
static const char *const sanitizer_wants[] = {"execve", "execveat", "fork",
	"vfork", "ptrace", "process_vm_readv", "process_vm_writev", "socket",
	"connect", "personality"};

/* Conditions on one argument: allowed when (argument & mask) == value. */
static const struct {
	const char *name;
	unsigned arg;
	uint64_t mask;
	uint64_t value;
} allow_when[] = {
	/* threads, not processes */
	{"clone", 0, CLONE_THREAD | CLONE_VM, CLONE_THREAD | CLONE_VM},
	/* no new code */
	{"mmap", 2, PROT_EXEC, 0},
	{"mprotect", 2, PROT_EXEC, 0},
	{"socketpair", 0, ~0ull, AF_UNIX},
	{"ioctl", 1, 0xffffffff, FIONREAD},
	{"ioctl", 1, 0xffffffff, FIONBIO},
	{"prctl", 0, 0xffffffff, PR_SET_NAME},
	{"prctl", 0, 0xffffffff, PR_GET_NAME},
	{"prctl", 0, 0xffffffff, PR_GET_DUMPABLE},
	/* its own limits, read and lowered */
	{"prlimit64", 0, ~0ull, 0},
};

static bool is_in(const char *name, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(name, list[i]) == 0)
			return true;
	return false;
}

/* Names that this machine or this libseccomp does not have are no loss. */
static int add_rules(scmp_filter_ctx filter, uint32_t action,
	const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int nr = seccomp_syscall_resolve_name(list[i]);
		int r;

		if (nr == __NR_SCMP_ERROR)
			continue;
		r = seccomp_rule_add(filter, action, nr, 0);
		if (r && r != -EDOM)
			return r;
	}
	return 0;
}

static int add_conditions(scmp_filter_ctx filter)
{
	for (size_t i = 0; i < COUNT_OF(allow_when); i++) {
		int nr = seccomp_syscall_resolve_name(allow_when[i].name);
		int r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, nr, 1,
			SCMP_CMP(allow_when[i].arg, SCMP_CMP_MASKED_EQ,
				allow_when[i].mask, allow_when[i].value));

		if (r)
			return r;
	}
	/* Only to itself (glibc's abort and raise). */
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
		SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0));
}

static int add_kills(scmp_filter_ctx filter)
{
	int r = 0;

	for (size_t i = 0; i < COUNT_OF(kill_always) && !r; i++) {
		bool wanted =
			SANITIZED && is_in(kill_always[i], sanitizer_wants,
					     COUNT_OF(sanitizer_wants));

		r = add_rules(filter,
			wanted ? SCMP_ACT_ERRNO(EPERM) : SCMP_ACT_KILL_PROCESS,
			&kill_always[i], 1);
	}
	return r;
}

static int add_strict(scmp_filter_ctx filter, enum role_kind kind)
{
	int r = add_rules(
		filter, SCMP_ACT_ALLOW, allow_all, COUNT_OF(allow_all));

	if (!r && kind != ROLE_FRONT)
		r = add_rules(filter, SCMP_ACT_ALLOW, allow_files,
			COUNT_OF(allow_files));
	if (!r)
		r = add_conditions(filter);
	/* Its flags are behind a pointer; glibc falls back to clone. */
	if (!r)
		r = seccomp_rule_add(
			filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	/* Another process, told by the missing CLONE_THREAD. */
	if (!r)
		r = seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS,
			SCMP_SYS(clone), 1,
			SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
	return r;
}

static enum err restrict_calls(enum role_kind kind)
{
	scmp_filter_ctx filter = seccomp_init(
		SANITIZED ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(EPERM));
	int r = filter ? 0 : -ENOMEM;

	if (!r)
		r = seccomp_attr_set(
			filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (!r)
		r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	/* A search tree: some calls are made very often. */
	if (!r)
		r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (!r)
		r = add_kills(filter);
	if (!r && !SANITIZED)
		r = add_strict(filter, kind);
	if (!r)
		r = seccomp_load(filter);
	seccomp_release(filter);
	if (!r)
		return OK;
	errno = -r;
	return failed("seccomp");
}

enum err confine_enter(const struct confine_plan *plan)
{
	bool root = geteuid() == 0;
	enum err e;

	warm_up();
	umask(0077);
	set_limits(root);
	e = enter_directory(plan->dir, root);
	if (!e && root)
		e = become(plan->uid, plan->gid);
	if (!e)
		e = lock_privileges();
	if (!e)
		e = restrict_files_and_net(plan);
	if (!e)
		e = restrict_calls(plan->kind);
	return e;
}
