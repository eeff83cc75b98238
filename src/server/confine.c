/* SPDX-License-Identifier: Apache-2.0 */
#include "server/confine.h"
#include "base/alloc.h"
#include "base/log.h"
#include "server/landlock.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/netlink.h>
#include <openssl/crypto.h>
#include <pwd.h>
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
	static const char *const names[ROLE_KINDS] = {
		"front", "auth", "mail", "lookup"};

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

static enum err enter_directory(int dir, bool new_root)
{
	if (fchdir(dir) < 0)
		return failed("enter the directory");
	if (new_root && chroot(".") < 0)
		return failed("chroot");
	if (new_root && chdir("/") < 0)
		return failed("enter the new root");
	return OK;
}

/* Lookup's user may be in a group that may read password files. */
static int set_groups(const struct confine_plan *plan)
{
	const struct passwd *user = NULL;

	if (plan->kind == ROLE_LOOKUP)
		user = getpwuid(plan->uid);
	return user ? initgroups(user->pw_name, plan->gid) : setgroups(0, NULL);
}

static enum err become(const struct confine_plan *plan)
{
	uid_t uid = plan->uid;
	gid_t gid = plan->gid;

	if (uid == 0 || gid == 0) {
		errno = EPERM;
		return failed("a role must not be root");
	}
	if (set_groups(plan) < 0 || setresgid(gid, gid, gid) < 0 ||
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

/* Where Debian keeps what libraries and modules read. */
static const char *const system_programs[] = {
	"/usr", "/lib", "/lib64", "/bin", "/sbin"};
static const char *const system_files[] = {
	"/etc", "/run", "/dev/urandom", "/dev/random"};

#define GRANTS_MAX 16
_Static_assert(GRANTS_MAX >= COUNT_OF(system_programs) +
				     COUNT_OF(system_files) + CONFINE_READABLE +
				     1,
	"all fit");

static size_t grant_system(
	const struct confine_plan *plan, struct landlock_grant *grants)
{
	size_t n = 0;

	for (size_t i = 0; i < COUNT_OF(system_programs); i++)
		grants[n++] = (struct landlock_grant){
			system_programs[i], .execute = plan->execute};
	for (size_t i = 0; i < COUNT_OF(system_files); i++)
		grants[n++] = (struct landlock_grant){.path = system_files[i]};
	for (size_t i = 0; i < CONFINE_READABLE; i++)
		if (plan->readable[i])
			grants[n++] = (struct landlock_grant){
				.path = plan->readable[i]};
	/* PAM modules that start programs want it. */
	grants[n++] = (struct landlock_grant){"/dev/null", .write = true};
	return n;
}

static enum err restrict_files_and_net(const struct confine_plan *plan)
{
	struct landlock_grant grants[GRANTS_MAX] = {{".", .write = true}};
	int abi = landlock_abi();
	size_t count = 1;
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
	if (plan->kind == ROLE_FRONT)
		count = 0;
	else if (plan->kind == ROLE_LOOKUP)
		count = grant_system(plan, grants);
	e = landlock_restrict(abi, grants, count, plan->kind == ROLE_LOOKUP);
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

/* lookup: resolvers, LDAP, PostgreSQL, HTTPS, modules. */
static const char *const allow_lookup[] = {"access", "connect", "faccessat",
	"faccessat2", "fadvise64", "flock", "fstatfs", "getcwd", "getdents64",
	"getgroups", "getpgid", "getpgrp", "getresgid", "getresuid",
	"getrlimit", "getsid", "lstat", "open", "openat", "pipe", "pread64",
	"preadv", "readlink", "readlinkat", "stat", "statfs", "statx", "umask"};

/* The same with PAM: a module starts a program, and waits for it. */
static const char *const allow_execute[] = {"arch_prctl", "chdir", "execve",
	"fchdir", "fork", "setpgid", "setsid", "vfork", "wait4", "waitid"};

/* Lookup's libraries ask for these and do without. */
static const char *const refuse_lookup[] = {"bind", "setgid", "setgroups",
	"setregid", "setresgid", "setresuid", "setreuid", "setuid"};

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

/* What would end another role. */
static bool lookup_may(const struct confine_plan *plan, const char *name)
{
	if (plan->kind != ROLE_LOOKUP)
		return false;
	return strcmp(name, "socket") == 0 ||
	       is_in(name, allow_lookup, COUNT_OF(allow_lookup)) ||
	       (plan->execute &&
		       is_in(name, allow_execute, COUNT_OF(allow_execute)));
}

static bool lookup_does_without(
	const struct confine_plan *plan, const char *name)
{
	return plan->kind == ROLE_LOOKUP &&
	       is_in(name, refuse_lookup, COUNT_OF(refuse_lookup));
}

static int add_kills(scmp_filter_ctx filter, const struct confine_plan *plan)
{
	int r = 0;

	for (size_t i = 0; i < COUNT_OF(kill_always) && !r; i++) {
		bool wanted =
			SANITIZED && is_in(kill_always[i], sanitizer_wants,
					     COUNT_OF(sanitizer_wants));

		if (lookup_may(plan, kill_always[i]))
			continue;
		if (lookup_does_without(plan, kill_always[i])) {
			if (!SANITIZED)
				continue; /* as all that is unknown */
			wanted = true;
		}
		r = add_rules(filter,
			wanted ? SCMP_ACT_ERRNO(EPERM) : SCMP_ACT_KILL_PROCESS,
			&kill_always[i], 1);
	}
	return r;
}

static int add_sockets(scmp_filter_ctx filter, bool local)
{
	static const int families[] = {AF_INET, AF_INET6, AF_UNIX};
	size_t count = COUNT_OF(families) - !local;
	int r = 0;

	for (size_t i = 0; i < count && !r; i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket),
			1, SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i], 0));
	if (!r)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket),
			2, SCMP_A0(SCMP_CMP_EQ, AF_NETLINK, 0),
			SCMP_A2(SCMP_CMP_EQ, NETLINK_ROUTE, 0));
	/* PAM does without the kernel's audit when there is none. */
	if (!r)
		r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPROTONOSUPPORT),
			SCMP_SYS(socket), 2,
			SCMP_A0(SCMP_CMP_EQ, AF_NETLINK, 0),
			SCMP_A2(SCMP_CMP_NE, NETLINK_ROUTE, 0));
	/* Modules are loaded: code from files, none of which it can write. */
	if (!r)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2,
			SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_WRITE | PROT_EXEC,
				PROT_EXEC),
			SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, 0));
	return r;
}

#define NEW_NAMESPACES                                                         \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |         \
		CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)

static int add_lookup(scmp_filter_ctx filter, const struct confine_plan *plan)
{
	int r = add_rules(
		filter, SCMP_ACT_ALLOW, allow_lookup, COUNT_OF(allow_lookup));

	if (!r)
		r = add_sockets(filter, plan->local);
	if (r || !plan->execute)
		return r;
	r = add_rules(
		filter, SCMP_ACT_ALLOW, allow_execute, COUNT_OF(allow_execute));
	if (!r)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
			SCMP_A0(SCMP_CMP_MASKED_EQ,
				CLONE_THREAD | NEW_NAMESPACES, 0));
	return r;
}

static int add_strict(scmp_filter_ctx filter, const struct confine_plan *plan)
{
	int r = add_rules(
		filter, SCMP_ACT_ALLOW, allow_all, COUNT_OF(allow_all));

	if (!r && (plan->kind == ROLE_AUTH || plan->kind == ROLE_MAIL))
		r = add_rules(filter, SCMP_ACT_ALLOW, allow_files,
			COUNT_OF(allow_files));
	if (!r)
		r = add_conditions(filter);
	if (!r && plan->kind == ROLE_LOOKUP)
		r = add_lookup(filter, plan);
	/* Its flags are behind a pointer; glibc falls back to clone. */
	if (!r)
		r = seccomp_rule_add(
			filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	/* Another process, told by the missing CLONE_THREAD. */
	if (!r && !plan->execute)
		r = seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS,
			SCMP_SYS(clone), 1,
			SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
	return r;
}

static enum err restrict_calls(const struct confine_plan *plan)
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
		r = add_kills(filter, plan);
	if (!r && !SANITIZED)
		r = add_strict(filter, plan);
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
	e = enter_directory(plan->dir, root && plan->kind != ROLE_LOOKUP);
	if (!e && root)
		e = become(plan);
	if (!e)
		e = lock_privileges();
	if (!e)
		e = restrict_files_and_net(plan);
	if (!e)
		e = restrict_calls(plan);
	return e;
}
