/* SPDX-License-Identifier: Apache-2.0 */
#include "server/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The same numbers on every architecture. */
#define NR_CREATE_RULESET 444
#define NR_ADD_RULE 445
#define NR_RESTRICT_SELF 446

#define CREATE_VERSION 1u
#define RULE_PATH 1

enum {
	FS_EXECUTE = 1 << 0,
	FS_WRITE_FILE = 1 << 1,
	FS_READ_FILE = 1 << 2,
	FS_READ_DIR = 1 << 3,
	FS_REMOVE_DIR = 1 << 4,
	FS_REMOVE_FILE = 1 << 5,
	FS_MAKE_CHAR = 1 << 6,
	FS_MAKE_DIR = 1 << 7,
	FS_MAKE_REG = 1 << 8,
	FS_MAKE_SYM = 1 << 12,
	FS_REFER = 1 << 13,
	FS_TRUNCATE = 1 << 14,
	FS_IOCTL_DEV = 1 << 15,

	FS_READ = FS_READ_FILE | FS_READ_DIR,
	FS_WRITE = FS_WRITE_FILE | FS_REMOVE_DIR | FS_REMOVE_FILE |
		   FS_MAKE_DIR | FS_MAKE_REG | FS_REFER | FS_TRUNCATE,
	/* What can be said of a file itself. */
	FS_OF_FILES = FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE,

	NET_BIND_TCP = 1 << 0,
	NET_CONNECT_TCP = 1 << 1,

	SCOPE_ABSTRACT_UNIX = 1 << 0,
	SCOPE_SIGNAL = 1 << 1,
};

struct ruleset {
	uint64_t fs;
	uint64_t net;	/* since LANDLOCK_ABI_NET */
	uint64_t scope; /* since LANDLOCK_ABI_SCOPE */
};

struct path_rule {
	uint64_t allowed;
	int32_t fd;
} __attribute__((packed));

int landlock_abi(void)
{
	long abi = syscall(NR_CREATE_RULESET, NULL, 0, CREATE_VERSION);

	return abi > 0 ? (int)abi : 0;
}

static uint64_t handled_fs(int abi)
{
	uint64_t fs = 2 * FS_MAKE_SYM - 1;

	if (abi >= LANDLOCK_ABI_REFER)
		fs |= FS_REFER;
	if (abi >= LANDLOCK_ABI_TRUNCATE)
		fs |= FS_TRUNCATE;
	if (abi >= LANDLOCK_ABI_IOCTL)
		fs |= FS_IOCTL_DEV;
	return fs;
}

/* The kernel takes the sizes that the struct has had. */
static int create(int abi, uint64_t fs, bool may_connect)
{
	struct ruleset set = {.fs = fs};
	size_t size = offsetof(struct ruleset, net);

	if (abi >= LANDLOCK_ABI_NET) {
		set.net = NET_BIND_TCP | (may_connect ? 0 : NET_CONNECT_TCP);
		size = offsetof(struct ruleset, scope);
	}
	if (abi >= LANDLOCK_ABI_SCOPE) {
		set.scope = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL;
		size = sizeof set;
	}
	return (int)syscall(NR_CREATE_RULESET, &set, size, 0);
}

static uint64_t rights_of(const struct landlock_grant *grant)
{
	return FS_READ | (grant->write ? FS_WRITE : 0) |
	       (grant->execute ? FS_EXECUTE : 0);
}

static int allow(int ruleset, const struct landlock_grant *grant, uint64_t fs)
{
	struct path_rule rule = {.allowed = fs & rights_of(grant),
		.fd = open(grant->path, O_PATH | O_CLOEXEC)};
	struct stat st;
	int number;
	long r = -1;

	if (rule.fd < 0)
		return errno == ENOENT || errno == EACCES ? 0 : -1;
	if (fstat(rule.fd, &st) == 0) {
		if (!S_ISDIR(st.st_mode))
			rule.allowed &= FS_OF_FILES;
		r = syscall(NR_ADD_RULE, ruleset, RULE_PATH, &rule, 0);
	}
	number = errno;
	close(rule.fd);
	errno = number;
	return (int)r;
}

enum err landlock_restrict(int abi, const struct landlock_grant *grants,
	size_t count, bool may_connect)
{
	uint64_t fs = handled_fs(abi);
	int ruleset = create(abi, fs, may_connect);
	int number, r = 0;

	if (ruleset < 0)
		return ERR_UNSUPPORTED;
	for (size_t i = 0; i < count && r == 0; i++)
		r = allow(ruleset, &grants[i], fs);
	if (r == 0)
		r = (int)syscall(NR_RESTRICT_SELF, ruleset, 0);
	number = errno;
	close(ruleset);
	errno = number;
	return r == 0 ? OK : ERR_DENIED;
}
